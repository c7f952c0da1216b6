"""What every forge can say of the review of a pull request, in one protocol."""

from typing import Protocol

from parallelproject.core.review.observed import PullReview, ReviewThread
from parallelproject.forge.clients.protocol import ForgePullRequest


class ReviewClient(Protocol):
    """The reviews and checks of one repository on one forge.

    All methods raise ``AnswerError`` if the forge refuses, and ``DeliveryError`` if it is not reachable.
    """

    @property
    def spent(self) -> int:
        """Number of requests so far that count for the forge's limits."""
        ...

    async def observe(self, pull: ForgePullRequest) -> PullReview:
        """What checks and people say of an open pull request."""
        ...

    async def reply(self, pull: ForgePullRequest, thread: ReviewThread, text: str, key: str) -> None:
        """Adds a comment to a thread, once for each key. ``AnswerError`` also where the forge takes no reply there."""
        ...
