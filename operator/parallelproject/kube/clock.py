"""The API server's wall clock. The times that are compared come from it and from other processes of the control plane.

Each answer carries the server's time in whole seconds (``Date``, RFC 9110): what its clock showed at some moment
between the request and its answer. That is an interval. The clock is not changed while it is in the interval, else it
is moved to the nearest end; so it does not jitter, and is right to about a second.
"""

import logging
import time
from email.utils import parsedate_to_datetime
from functools import lru_cache

log = logging.getLogger(__name__)

_REPORTED_SECONDS = 5.0
"""A larger difference of the local clock is reported, once."""


class ServerClock:
    """Starts as the local clock; each answer corrects it."""

    def __init__(self) -> None:
        self._base = time.time() - time.monotonic()  # offset to the monotonic clock, which is never set
        self._is_reported = False

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.monotonic() + self._base

    @property
    def skew(self) -> float:
        """By how many seconds the local clock is ahead of the server's; within a second it may be 0."""
        return time.time() - self.now()

    def observe(self, date: str | None, sent: float, received: float) -> None:
        """Corrects the clock by an answer.

        Args:
            date: Its header ``Date``; None or an invalid date is ignored.
            sent: Monotonic time before the request was sent.
            received: Monotonic time after the first byte of the answer.
        """
        try:
            server = _seconds(date) if date else None
        except ValueError:
            return
        if server is None:
            return
        self._base = min(max(self._base, server - received), server + 1 - sent)
        if abs(self.skew) > _REPORTED_SECONDS and not self._is_reported:
            self._is_reported = True
            log.warning(
                "the clock of this machine differs from the API server's by %.0f s; its clock is used",
                self.skew,
            )


@lru_cache(maxsize=2)  # a server answers many requests in a second
def _seconds(date: str) -> float:
    return parsedate_to_datetime(date).timestamp()
