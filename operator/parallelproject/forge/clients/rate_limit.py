"""Keeping below a forge's limits, rather than running into them."""

from collections import deque

from parallelproject.forge.clients.clock import RetryClock


class Pace:
    """Lets at most so many requests pass in any stretch of so many seconds."""

    def __init__(self, clock: RetryClock, *limits: tuple[int, float]) -> None:
        self._clock = clock
        self._limits = limits
        self._passed: deque[float] = deque(maxlen=max((count for count, _ in limits), default=1))

    async def turn(self) -> None:
        """Waits until one more may pass."""
        while (wait := self._wait()) > 0:
            await self._clock.sleep(wait)
        self._passed.append(self._clock.monotonic())

    def _wait(self) -> float:
        now = self._clock.monotonic()
        waits = [self._passed[-count] + seconds - now for count, seconds in self._limits if len(self._passed) >= count]
        return max(waits, default=0.0)
