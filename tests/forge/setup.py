"""A publishing as its callers do it: a real repository, a stand-in for the forge, and a clock that nobody waits for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from parallelproject.forge.clients.clock import RetryClock
from parallelproject.forge.clients.connect import connected
from parallelproject.forge.clients.protocol import ForgeClient, Words
from parallelproject.forge.clients.server import locate
from parallelproject.forge.publishing.branch_queue import publish_in_order, publish_one
from parallelproject.forge.publishing.merging import Waiting
from parallelproject.forge.publishing.pull_request import Proposal
from parallelproject.forge.publishing.result import PublishResult
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.model.spec import ForgeType, MergeMode
from tests.forge.world import World

T = TypeVar("T")
BRANCH = "parallel/x"
WORDS = Words("Two tasks", "| Task |\n|---|\n", ("agents",))
NOW = 1_800_000_000.0


class Time:
    """Passes as fast as it is spent."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.on_sleep: Callable[[], None] = lambda: None
        """What others do while we wait."""

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
        self.on_sleep()
        await asyncio.sleep(0)

    @property
    def clock(self) -> RetryClock:
        return RetryClock(lambda: self.passed, lambda: NOW + self.passed, self.sleep)


@dataclass(frozen=True)
class Settings:
    """What another process needs to publish the same."""

    kind: str
    url: str
    repository: str
    folder: Path
    token: Path

    def branches(self) -> Branches:
        return Branches(url=self.repository, private=self.folder, local=True)


@dataclass
class Publisher:
    """Publishes, as often as it is told to."""

    settings: Settings
    time: Time = field(default_factory=Time)
    seconds: float = 600.0

    def shared(
        self, merge: MergeMode = MergeMode.MANUAL, words: Words = WORDS, branch: str = BRANCH, base: str = "main"
    ) -> PublishResult:
        offer = Proposal(branch, base, words)
        return self.run(lambda forge: publish_one(forge, self.settings.branches(), offer, merge, self._waiting))

    def per_task(self, tasks: Sequence[str], merge: MergeMode = MergeMode.WHEN_CHECKS_PASS) -> list[PublishResult]:
        offers = [Proposal(f"{BRANCH}/{task}", "main", Words(f"Do {task}"), task) for task in tasks]
        return self.run(lambda forge: publish_in_order(forge, self.settings.branches(), offers, merge, self._waiting))

    def run(self, call: Callable[[ForgeClient], Awaitable[T]]) -> T:
        """Anything with a forge."""

        async def do() -> T:
            settings, server = self.settings, None
            kind = ForgeType(settings.kind)
            if kind is not ForgeType.NONE:
                server = locate(kind, settings.url, settings.repository, settings.token, project=World.project)
            async with connected(kind, settings.branches(), server, self.time.clock) as forge:
                return await call(forge)

        return asyncio.run(do())

    @property
    def _waiting(self) -> Waiting:
        return Waiting(seconds=self.seconds, clock=self.time.clock)
