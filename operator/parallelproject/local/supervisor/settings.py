"""What the engine passes to the supervisor at its start."""

import time
from typing import NamedTuple


class Settings(NamedTuple):
    """Plain values, that travel as JSON."""

    store: str
    spill: str
    clock: float
    """Seconds since the epoch when the monotonic clock was 0: all processes tell the same time, and it never jumps."""
    orphan_grace: float
    """Seconds between SIGTERM and SIGKILL for tasks whose engine is gone."""

    def now(self) -> float:
        """The time."""
        return self.clock + time.monotonic()
