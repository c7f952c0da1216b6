"""The time during which the state cannot be written: a disk that is full, most of all."""

import math
import time

PATIENCE = 5.0
"""Seconds that a run with nothing running waits for the state to become writable."""
PROBE_EVERY = 1.0
"""Seconds between two tries."""


class Trouble:
    """One such time, from the first thing that could not be written to the first attempt that could be started."""

    def __init__(self) -> None:
        self.what: str | None = None
        """What could not be written and why; None while there is nothing wrong, or it is tried again."""
        self._since: float | None = None
        self._probe_at = math.inf

    def found(self, what: str) -> bool:
        """Takes note that something could not be written; returns whether that is news."""
        news = self._since is None
        if self._since is None:
            self._since = time.monotonic()
        if self.what is None:
            self._probe_at = time.monotonic() + PROBE_EVERY
        self.what = what
        return news

    def try_again(self) -> None:
        """What was tried last could be written: starting attempts may work, too."""
        self.what = None
        self._probe_at = math.inf

    def over(self) -> bool:
        """Takes note that all is well; returns whether that is news."""
        news = self._since is not None and self.what is None
        if news:
            self._since = None
        return news

    def probe(self) -> bool:
        """Whether it is time to try; each time is reported once."""
        if time.monotonic() < self._probe_at:
            return False
        self._probe_at = time.monotonic() + PROBE_EVERY
        return True

    @property
    def hopeless(self) -> bool:
        """Whether it has lasted too long for a run with nothing running."""
        return self._since is not None and time.monotonic() > self._since + PATIENCE

    @property
    def next_time(self) -> float | None:
        """Seconds until it is time to try."""
        return max(0.0, self._probe_at - time.monotonic()) if self._probe_at < math.inf else None
