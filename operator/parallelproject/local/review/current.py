"""The repair that a task is at: of what broke a check, or of what its pull request has as feedback."""

from collections.abc import Callable
from typing import NamedTuple

from parallelproject.core.review.current_repair import repair_at
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
    """The last repair of a task; None: it does its own work."""
    found = repair_at(
        verification.state.repairs.get(task, ()) if verification else (),
        review.state.repairs.get(task, ()) if review else (),
    )
    if review and found and (of_review := found.of_review):

        def by_review(number: int, show: str, failed: str | None) -> str:
            return review.feedback(task, number, of_review, show, failed)

        return CurrentRepair(found.number, of_review.floor, by_review)
    if verification and found and (of_check := found.of_check):

        def by_check(number: int, show: str, failed: str | None) -> str:
            return verification.feedback(task, number, of_check, show, failed)

        return CurrentRepair(found.number, of_check.floor, by_check)
    return None
