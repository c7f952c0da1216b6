"""Keeps requests below a forge's limits."""

from collections import deque

from parallelproject.forge.clients.clock import RetryClock


class Pace:
    """Lets a maximum number of requests pass in any period of the given length."""

    def __init__(self, clock: RetryClock, *limits: tuple[int, float]) -> None:
        self._clock = clock
        self._limits = limits
        self._passed: deque[float] = deque(maxlen=max((count for count, _ in limits), default=1))

    async def turn(self) -> None:
        """Waits until the next request may pass."""
        while (wait := self._wait()) > 0:
            await self._clock.sleep(wait)
        self._passed.append(self._clock.monotonic())

    def _wait(self) -> float:
        now = self._clock.monotonic()
        waits = [self._passed[-count] + seconds - now for count, seconds in self._limits if len(self._passed) >= count]
        return max(waits, default=0.0)
