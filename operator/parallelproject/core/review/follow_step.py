"""What follows from a look at a pull request: look again, merge it, or leave it to people. Pure."""

from enum import StrEnum
from typing import NamedTuple

from parallelproject.core.review.observed import PullReview
from parallelproject.core.review.state import ReviewFinding

SETTLE = 30.0
"""Seconds in which a commit must have no check before it counts as one without checks."""


class FeedbackSeen(NamedTuple):
    """What one look has shown."""

    is_current: bool
    """Whether the forge shows the last commit of the branch, and no other run uses the state."""
    given: list[ReviewFinding]
    """New ones, which tasks act on."""
    left: list[tuple[ReviewFinding, str]]
    """New ones that no task acts on, and why."""
    is_over: bool
    """Whether only people can continue: the task of one of them has no rounds left, or the branch cannot be pushed."""
    is_quiet: bool
    """Whether nothing has to be acted on or answered."""
    waiting: tuple[str, ...] = ()
    """Titles of what no task acts on any more: it is left to people, or its task ran and changed nothing."""


class FollowStep(StrEnum):
    """What to do next."""

    RUN = "Run"
    """Tasks have something to act on."""
    LOOK = "Look"
    """Nothing can be done yet."""
    MERGE = "Merge"
    """All is done, and it may be merged."""
    APPROVED = "Approved"
    """All is done, and a person merges it."""
    PEOPLE = "People"
    """Only people can continue."""


def follow_step(review: PullReview, seen: FeedbackSeen, unchecked: float, *, merges: bool) -> FollowStep:
    """Decides.

    Args:
        review: The pull request.
        seen: What has become of its feedback.
        unchecked: Seconds for which its commit has had no check.
        merges: Whether it is merged when its checks pass; else a person merges it.
    """
    if seen.given:
        return FollowStep.RUN
    if not seen.is_current:
        return FollowStep.LOOK
    if seen.is_over or (waits_for(review, seen) and not review.is_pending):
        return FollowStep.PEOPLE
    has_none = not review.failed and not review.is_pending and unchecked >= SETTLE
    if not (review.has_passed or has_none) or review.is_rejected or not seen.is_quiet:
        return FollowStep.LOOK
    if merges:
        return FollowStep.MERGE
    return FollowStep.APPROVED if review.is_approved else FollowStep.LOOK


def waits_for(review: PullReview, seen: FeedbackSeen) -> list[str]:
    """What only people can solve, in words."""
    return [*seen.waiting, *(f"the check {name} was stopped" for name in review.stopped)]
