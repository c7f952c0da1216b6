"""The time of a run: that of the wall at its start, and from then on by a clock that never jumps."""

import time


class Clock:
    """Seconds since the epoch, as far as the wall clock was right when the run started."""

    def __init__(self) -> None:
        self.offset = time.time() - time.monotonic()
        """The time when the monotonic clock was 0; it is the same clock in all processes of the machine."""

    def now(self) -> float:
        """The time."""
        return self.offset + time.monotonic()
