"""Publishing in a process of its own, which can be killed."""

import asyncio
from collections.abc import Callable
from typing import Any

from parallelproject.forge.publishing.publisher import publish
from parallelproject.forge.publishing.request import ForgeAt, PublishRequest, TaskRow
from parallelproject.git.plumbing.outcome import DeliveryError
from parallelproject.model.spec import ForgeType, LandingStrategy, MergeMode, PullRequestScope
from tests.forge.setup import BRANCH, Publisher, Settings
from tests.forge.standin import StandIn
from tests.forge.world import World
from tests.forkserver import PROCESSES
from tests.git.remote import RUN

_PATIENCE = 120.0
KILLED = -9


def shared(settings: Settings) -> None:
    """One branch, merged."""
    Publisher(settings).shared(MergeMode.WHEN_CHECKS_PASS)


def per_task(settings: Settings) -> None:
    """Three tasks; the second conflicts."""
    Publisher(settings).per_task(["a", "b", "c"])


def branch_per_task(settings: Settings) -> None:
    """Three tasks that have landed on one line, each offered and merged by itself."""
    rows = (TaskRow(id="a"), TaskRow(id="b", after=("a",)), TaskRow(id="c"))
    _publish(settings, strategy=LandingStrategy.BRANCH_PER_TASK, line=f"{BRANCH}/_all", tasks=rows)


def branch_per_level(settings: Settings) -> None:
    """Two levels."""
    rows = (TaskRow(id="a"), TaskRow(id="b", level=1), TaskRow(id="c", level=1))
    _publish(settings, scope=PullRequestScope.LEVEL, line=f"{BRANCH}/_all", levels=2, whole_levels=2, tasks=rows)


def _publish(settings: Settings, **more: Any) -> None:
    forge = ForgeAt(
        type=ForgeType(settings.kind), url=settings.url, token=settings.token, project=World.project
    )  # fmt: skip
    publication = PublishRequest(
        url=settings.repository, local=True, base="main", branch=BRANCH, project="shop", run=RUN,
        private=settings.folder, forge=forge, merge=MergeMode.WHEN_CHECKS_PASS, **more,
    )  # fmt: skip
    asyncio.run(publish(publication))


def _ends(step: Callable[[Settings], None], settings: Settings) -> None:
    try:
        step(settings)
    except DeliveryError as error:
        raise SystemExit(error.exit_code) from None


def run(step: Callable[[Settings], None], settings: Settings, standin: StandIn) -> int:
    """Runs a step, as the standin's victim. Gives the exit code."""
    standin.victim_known.clear()
    process = PROCESSES.Process(target=_ends, args=(step, settings))
    process.start()
    standin.victim = process.pid
    standin.victim_known.set()
    process.join(_PATIENCE)
    assert process.exitcode is not None
    return process.exitcode
