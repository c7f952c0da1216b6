"""When a watch is current: not after a silence, nor reopened from an old revision, before the server confirms it.

A real client over real HTTP; the clock that the reflector reads is the test's, so that nothing here depends on how
long anything takes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from parallelproject.kube import reflector as module
from parallelproject.kube.client import Api
from parallelproject.kube.reflector import Reflector
from tests.kube.list_watch import PATH, ListWatchServer, Watch, item, serving

PATIENCE = 60.0
"""Deadline of each test, in seconds."""
HEARD_WITHIN = 5.0
"""As the operator asks before it creates a Job."""
LONG = 30.0
"""Longer than any silence that counts as none, and than it takes to be settled after one."""


class Clock:
    """In the place of the module ``time``: stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Recorder:
    """What the reflector has reported."""

    there: dict[str, int] = field(default_factory=dict)

    def seen(self, obj: dict[str, Any]) -> None:
        metadata = obj["metadata"]
        self.there[metadata["name"]] = int(metadata["resourceVersion"])

    def gone(self, obj: dict[str, Any]) -> None:
        del self.there[obj["metadata"]["name"]]


@dataclass
class Scene:
    """A server, a reflector that runs, and the clock."""

    server: ListWatchServer
    reflector: Reflector
    clock: Clock
    told: Recorder

    @property
    def is_current(self) -> bool:
        return self.reflector.is_current(HEARD_WITHIN)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def heard(self, answer: Coroutine[Any, Any, None]) -> None:
        """Has the server answer, a little later than the last time, and waits until the reflector has read that."""
        self.clock.now += 0.25
        await answer
        await self.until(lambda: self.reflector.last_contact == self.clock.now)

    async def current(self) -> Watch:
        """Its first watch, open and current."""
        watch = await self.server.watch()
        await self.heard(watch.grant())
        self.clock.now += 3  # the first answer of all comes after a silence too
        await self.heard(watch.bookmark(self.server.revision))
        assert self.is_current
        return watch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@asynccontextmanager
async def played(folder: Path, clock: Clock) -> AsyncIterator[Scene]:
    async def any_revision() -> str:
        return ""

    async with asyncio.timeout(PATIENCE), serving(folder) as (server, kubeconfig), await Api.connect(kubeconfig) as api:
        server.items, server.revision = {"a": 3, "b": 4}, 10
        told = Recorder()
        reflector = Reflector(api, PATH, "", told, any_revision)
        running = asyncio.create_task(reflector.run())
        try:
            yield Scene(server, reflector, clock, told)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def test_a_watch_that_was_reopened_from_an_old_revision_is_current_only_when_the_server_has_confirmed_it(
    tmp_path: Path, clock: Clock
) -> None:
    async def play() -> None:
        async with played(tmp_path, clock) as scene:
            (await scene.current()).end()
            watch = await scene.server.watch()
            assert watch.revision == "10"
            assert not scene.is_current
            await scene.heard(watch.grant())
            assert not scene.is_current  # it is open, and the server may still say that the revision is too old
            await scene.heard(watch.bookmark(11))
            assert scene.is_current
            assert scene.server.lists == 1

    asyncio.run(play())


def test_what_vanished_in_a_gap_is_known_before_the_watch_is_current(tmp_path: Path, clock: Clock) -> None:
    async def play() -> None:
        async with played(tmp_path, clock) as scene:
            (await scene.current()).break_off()
            watch = await scene.server.watch()
            await scene.heard(watch.grant())
            scene.server.items, scene.server.revision = {"b": 4}, 90
            assert scene.told.there == {"a": 3, "b": 4}
            assert not scene.is_current
            await watch.expire()
            again = await scene.server.watch()
            assert (again.revision, scene.told.there) == ("90", {"b": 4})
            await scene.heard(again.grant())
            assert scene.is_current  # it goes on from a list

    asyncio.run(play())


def test_a_watch_that_was_refused_as_too_old_is_current_after_the_list(tmp_path: Path, clock: Clock) -> None:
    async def play() -> None:
        async with played(tmp_path, clock) as scene:
            (await scene.current()).end()
            watch = await scene.server.watch()
            scene.server.items = {}
            await watch.grant()
            await watch.expire()
            again = await scene.server.watch()
            assert scene.told.there == {}
            await scene.heard(again.grant())
            assert scene.is_current

    asyncio.run(play())


def test_the_first_word_after_a_silence_makes_no_watch_current(tmp_path: Path, clock: Clock) -> None:
    async def play() -> None:
        async with played(tmp_path, clock) as scene:
            watch = await scene.current()
            scene.clock.now += LONG
            assert not scene.is_current
            # It may have waited to be read while this process stood still, and the connection be broken since.
            await scene.heard(watch.send("MODIFIED", item("a", 11)))
            assert scene.told.there["a"] == 11
            assert not scene.is_current
            scene.clock.now += 2
            await scene.heard(watch.bookmark(12))
            assert scene.is_current

    asyncio.run(play())


def test_what_was_read_after_a_silence_and_the_gap_behind_it(tmp_path: Path, clock: Clock) -> None:
    async def play() -> None:
        async with played(tmp_path, clock) as scene:
            watch = await scene.current()
            scene.clock.now += LONG
            await scene.heard(watch.bookmark(11))
            assert not scene.is_current
            watch.break_off()
            scene.server.items, scene.server.revision = {"b": 4}, 90
            reopened = await scene.server.watch()
            assert reopened.revision == "11"
            scene.clock.now += 2
            await scene.heard(reopened.grant())
            assert not scene.is_current
            await reopened.expire()
            again = await scene.server.watch()
            await scene.heard(again.grant())
            assert (scene.is_current, scene.told.there) == (True, {"b": 4})

    asyncio.run(play())
