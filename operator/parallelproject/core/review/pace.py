"""How often a forge is asked. Pure."""

from dataclasses import dataclass, replace

FIRST, LONGEST = 2.0, 60.0
"""Seconds until the next look: after something has changed, and at most."""
_GROWTH = 1.5
BURST, PER_HOUR = 200, 1500
"""The budget: so many requests at once, and so many more each hour. GitHub allows 5,000 an hour for all that a user
runs ("Rate limits for the REST API")."""


@dataclass(frozen=True, slots=True)
class RequestBudget:
    """What is left of the requests to one forge."""

    left: float = BURST
    at: float = 0.0
    """When that was, in seconds of a clock that only grows."""

    def spend(self, count: int, now: float) -> "RequestBudget":
        """The budget after some more requests."""
        grown = min(BURST, self.left + max(0.0, now - self.at) * PER_HOUR / 3600)
        return replace(self, left=grown - count, at=now)

    def pause(self, idle: int) -> float:
        """Seconds until the next look.

        Args:
            idle: How many looks have shown nothing new.
        """
        wanted = min(LONGEST, FIRST * _GROWTH ** min(idle, 20))
        return max(wanted, -self.left * 3600 / PER_HOUR)
