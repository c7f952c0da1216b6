"""Time, so that tests need not wait for it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryClock:
    """The source of time, and how to wait."""

    monotonic: Callable[[], float] = time.monotonic
    """Seconds that only grow."""
    now: Callable[[], float] = time.time
    """Seconds since 1970, as forges write times."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def back_off(self, tries: int, longest: float = 30.0) -> None:
        """Waits, about twice as long with each try, starting at half a second."""
        await self.sleep(backoff(tries, longest))


def backoff(tries: int, longest: float = 30.0) -> float:
    """Seconds to wait after a number of tries (0: the first), with jitter."""
    return random.uniform(0.5, 1.0) * min(longest, 2.0 ** min(tries, 16))
