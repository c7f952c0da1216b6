"""The shared control plane: started once, for the tests that ask for it. No test is judged by how long it takes."""

import gc
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from rig.fixtures import (
    binaries,
    bubblewrap,
    control_plane,
    git_lfs,
    helm_program,
    kueue_program,
    namespace,
    pytest_collection_finish,
    wrapper,
)
from tests import sampling, scheduling
from tests.core import examples
from tests.sampling import sampled

__all__ = [
    "binaries", "bubblewrap", "control_plane", "git_lfs", "helm_program", "kueue_program", "namespace",
    "pytest_collection_finish", "sampled", "wrapper",
]  # fmt: skip


@pytest.fixture
def fifo(tmp_path: Path) -> Generator[Path, None, None]:
    """A FIFO whose readers wait until the end of the test."""
    made = tmp_path / "held"
    os.mkfifo(made)
    yield made
    writer = os.open(made, os.O_RDWR)
    made.unlink()  # a reader that has not opened it yet must not wait for ever
    os.close(writer)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--deep`` and what goes with it."""
    sampling.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Settle how much is run."""
    os.environ.setdefault("GOGC", "400")  # of each control plane: a tenth of its processor time, for 100 MB
    sampling.configure(config)
    examples.load(quick=config.option.quick, deep=config.option.deep)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let the workers draw the same."""
    sampling.configure_worker(node)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what stays: that takes a sixth of the time of collecting, in each worker."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order, and sample."""
    scheduling.longest_first(config.rootpath, items)
    sampling.choose(config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> scheduling.Scheduling:
    """Give a worker a file at a time, or a test."""
    return scheduling.Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End by the clock, where one was given."""
    sampling.skip_if_over(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Keep nothing that is dear longer than it is used."""
    try:
        yield
    finally:
        scheduling.leave_folder(item, nextitem)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell how a sample is repeated."""
    report = yield
    sampling.say_how_to_repeat(item, report)
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell how much was run."""
    sampling.summary(terminalreporter, config)
