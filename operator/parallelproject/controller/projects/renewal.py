"""When to repeat a report of a lasting condition."""

from collections.abc import Hashable

RENEW_SECONDS = 900.0
"""Seconds after which an Event about a lasting condition is repeated: an API server keeps Events for an hour."""


class Renewal:
    """When each lasting condition was last reported."""

    def __init__(self) -> None:
        self._at: dict[Hashable, float] = {}

    def is_due(self, what: Hashable, now: float) -> bool:
        """Whether to report something now: it is new, or its last report is older than RENEW_SECONDS.

        Args:
            what: The lasting condition.
            now: Monotonic seconds.
        """
        self._at = {known: at for known, at in self._at.items() if now - at < RENEW_SECONDS}
        if what in self._at:
            return False
        self._at[what] = now
        return True
