"""Which repair a task is at: of what broke a check, or of what its pull request has as feedback. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from parallelproject.core.review.state import FeedbackRepair
from parallelproject.core.verification.state import Repair


class RepairAt(NamedTuple):
    """The last repair of a task; one of the two is set."""

    number: int
    """Of all repairs of the task: those of both kinds are numbered together, since each lands once by its number."""
    of_check: Repair | None = None
    of_review: FeedbackRepair | None = None


def repair_at(checked: Sequence[Repair], reviewed: Sequence[FeedbackRepair]) -> RepairAt | None:
    """The last repair of a task; None: it does its own work.

    Args:
        checked: Its repairs of what broke a check.
        reviewed: Its repairs because of feedback.
    """
    count = len(checked) + len(reviewed)
    if reviewed and (not checked or reviewed[-1].floor > checked[-1].floor):
        return RepairAt(count, of_review=reviewed[-1])
    return RepairAt(count, of_check=checked[-1]) if checked else None
