"""Publishing in a process of its own, which can be killed."""

import multiprocessing
from collections.abc import Callable

from parallelproject.git.outcome import DeliveryError
from parallelproject.model.spec import MergeMode
from tests.forge.setup import Publisher, Settings
from tests.forge.standin import StandIn

# From a server of their own: this process has threads, which a fork would not take along.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.forge.victim", "aiohttp", "parallelproject.forge.gitea"])
_PATIENCE = 120.0
KILLED = -9


def shared(settings: Settings) -> None:
    """One branch, merged."""
    Publisher(settings).shared(MergeMode.WHEN_CHECKS_PASS)


def per_task(settings: Settings) -> None:
    """Three tasks; the second conflicts."""
    Publisher(settings).per_task(["a", "b", "c"])


def _ends(step: Callable[[Settings], None], settings: Settings) -> None:
    try:
        step(settings)
    except DeliveryError as error:
        raise SystemExit(error.exit_code) from None


def run(step: Callable[[Settings], None], settings: Settings, standin: StandIn) -> int:
    """Runs a step, as the standin's victim. Gives the exit code."""
    standin.victim_known.clear()
    process = _PROCESSES.Process(target=_ends, args=(step, settings))
    process.start()
    standin.victim = process.pid
    standin.victim_known.set()
    process.join(_PATIENCE)
    assert process.exitcode is not None
    return process.exitcode
