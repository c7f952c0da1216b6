"""Receives what people ask of a run while it runs."""

import time

from parallelproject.local.errors import RunError
from parallelproject.local.state.requests import Asked, RunRequests

POLL_SECONDS = 0.2
"""Time between two looks at the file. A look takes 2 µs; a message could be lost, a file is there after a crash too."""


class Inbox:
    """What was asked for, as one session takes it in."""

    def __init__(self, requests: RunRequests, asked: Asked) -> None:
        """Prepares it.

        Args:
            requests: The file.
            asked: What the session has started with.
        """
        self._requests = requests
        self._version = asked.version
        self._marked = asked.applied
        self._stamp = (0, 0)
        self._next_look = 0.0
        self.trouble: str | None = None
        """Why the file cannot be read, reported once."""

    def wait(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self._next_look - time.monotonic())

    def news(self, *, at_once: bool = False) -> Asked | None:
        """What is asked for, where that is something else than before; None: nothing new, or not the time to look.

        Args:
            at_once: Whether to look even if it is not the time.
        """
        if not at_once and self.wait():
            return None
        self._next_look = time.monotonic() + POLL_SECONDS
        stamp = self._requests.stamp()
        if stamp == self._stamp:
            return None
        try:
            asked = self._requests.read()
        except RunError as error:
            self.trouble, self._stamp = str(error), stamp
            return None
        self._stamp = stamp
        if asked.version == self._version:
            return None
        self._version = asked.version
        return asked

    def mark(self) -> None:
        """Notes that all of it is applied, as soon as that is possible."""
        if self._marked < self._version and self._requests.applied(self._version):
            self._marked = self._version
