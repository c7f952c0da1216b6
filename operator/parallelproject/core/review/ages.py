"""For how long a pull request has been as it is, where a decision depends on that. Pure."""

from parallelproject.core.review.observed import PullReview

PENDING_MAX = 300.0
"""Seconds that a failed check waits for the others of its commit: their failures are acted on together."""


class ReviewAges:
    """Remembers when something was seen first, in seconds of a clock that only grows."""

    def __init__(self) -> None:
        self._first: dict[str, float] = {}

    def has_checks(self, review: PullReview, now: float) -> bool:
        """Whether failed checks count by now: no other one of their commit runs, or not for too long."""
        return self._age(f"failed {review.sha}", now, bool(review.failed)) >= PENDING_MAX or not review.is_pending

    def unchecked(self, review: PullReview, now: float) -> float:
        """Seconds for which a commit has had no check; 0 if it has some."""
        return self._age(f"none {review.sha}", now, is_unchecked(review))

    def _age(self, what: str, now: float, is_seen: bool) -> float:
        return now - self._first.setdefault(what, now) if is_seen else 0.0


def is_unchecked(review: PullReview) -> bool:
    """Whether a commit has no check."""
    return not (review.has_passed or review.failed or review.stopped or review.is_pending)
