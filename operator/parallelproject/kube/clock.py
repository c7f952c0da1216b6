"""The API server's wall clock. The times that are compared are written by it and by others next to it, not by us.

Each answer carries the server's time in whole seconds (``Date``, RFC 9110): what its clock showed at some moment
between the request and its answer. That is an interval. The clock is left alone while it is in it, and moved to its
nearest end where it is not; so it does not jitter, and is right to about a second.
"""

import logging
import time
from email.utils import parsedate_to_datetime

log = logging.getLogger(__name__)

_REPORTED_SECONDS = 5.0
"""A local clock that differs by more is reported, once."""


class ServerClock:
    """Starts as the local clock; corrected by each answer."""

    def __init__(self) -> None:
        self._base = time.time() - time.monotonic()  # what to add to the monotonic clock, which nobody sets
        self._is_reported = False

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.monotonic() + self._base

    @property
    def skew(self) -> float:
        """By how many seconds the local clock is ahead of the server's; within a second it may be none."""
        return time.time() - self.now()

    def heard(self, date: str | None, sent: float, received: float) -> None:
        """An answer has come.

        Args:
            date: Its header ``Date``; None or what is no date says nothing.
            sent: Monotonic time before the request was sent.
            received: Monotonic time after the answer had begun to come.
        """
        try:
            server = parsedate_to_datetime(date).timestamp() if date else None
        except ValueError:
            return
        if server is None:
            return
        self._base = min(max(self._base, server - received), server + 1 - sent)
        if abs(self.skew) > _REPORTED_SECONDS and not self._is_reported:
            self._is_reported = True
            log.warning(
                "the clock of this machine differs from the API server's by %.0f s; the latter counts", self.skew
            )
