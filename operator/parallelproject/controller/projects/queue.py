"""The projects that wait to be planned: each at most once, in the order of their arrival.

A further event of a waiting project changes nothing: it is planned once.
"""

import asyncio
import time
from collections import OrderedDict

Name = tuple[str, str]
"""Namespace and name."""


class Queue:
    """First come, first served."""

    def __init__(self) -> None:
        self._since: OrderedDict[Name, float] = OrderedDict()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._since)

    def put(self, name: Name) -> None:
        """Queues a project for a plan; no effect if it waits already."""
        self._since.setdefault(name, time.monotonic())
        self._filled.set()

    async def take(self) -> tuple[Name, float]:
        """The next project, and the monotonic time at which it came; waits for one."""
        while not self._since:
            self._filled.clear()
            await self._filled.wait()
        return self._since.popitem(last=False)

    @property
    def oldest(self) -> float | None:
        """When the project that has waited longest was queued; None if the queue is empty."""
        return next(iter(self._since.values()), None)
