"""The repair that a task is at: of what broke a check, or of what its pull request has as feedback."""

from collections.abc import Callable
from typing import NamedTuple

from parallelproject.local.review.record import LocalFeedback
from parallelproject.local.verification.checks import LocalVerification


class CurrentRepair(NamedTuple):
    """One repair."""

    number: int
    """Of all repairs of the task."""
    floor: int
    """The task's attempts up to this number no longer count."""
    feedback: Callable[[int, str, str | None], str]
    """Writes what the task gets, and returns the file. See ``LocalFeedback.feedback``."""


def current_repair(
    task: str, verification: LocalVerification | None, review: LocalFeedback | None
) -> CurrentRepair | None:
    """The last repair of a task; None: it does its own work.

    Repairs of both kinds are numbered together, since each lands once by its number.
    """
    checked = verification.repair(task) if verification else None
    reviewed = review.repair(task) if review else None
    count = (checked[0] if checked else 0) + (review.count(task) if review else 0)
    if review and reviewed and (checked is None or reviewed.floor > checked[1].floor):
        of_review = reviewed

        def by_review(number: int, show: str, failed: str | None) -> str:
            return review.feedback(task, number, of_review, show, failed)

        return CurrentRepair(count, reviewed.floor, by_review)
    if verification and checked:
        of_check = checked[1]

        def by_check(number: int, show: str, failed: str | None) -> str:
            return verification.feedback(task, number, of_check, show, failed)

        return CurrentRepair(count, of_check.floor, by_check)
    return None
