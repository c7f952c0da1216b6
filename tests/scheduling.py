"""Which worker runs what, and in which order: what takes long is begun first, so that no file is left at the end.

The tests of a file stay together, in the order in which they stand there, as they may share what is dear to make. Those
of the files in ``SPREAD`` share nothing, or only what a worker has anyway: each goes to whoever is free.
"""

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

SPREAD = (
    "tests/faults/test_storm.py",
    "tests/faults/test_edits.py",
    "tests/faults/test_others.py",
    "tests/faults/test_planted.py",
    "tests/controller/test_crash.py",
    "tests/controller/test_publishing.py",
    "tests/local/test_faults.py",
    "tests/forge/test_killed.py",
    "tests/git/test_killed.py",
    "tests/git/test_agent_killed.py",
    "tests/git/test_line.py",
    "tests/git/test_at_once.py",
    "tests/gitea/test_killed.py",
    "tests/local/test_landing_killed.py",
    "tests/local/test_landing.py",
    "tests/git/test_kept.py",
    "tests/git/test_pod.py",
    "tests/examples/test_examples.py",
)
"""Files whose tests run in any worker."""
TOGETHER = ("tests/argo/",)
"""Folders whose files run in one worker, as each worker would need a control plane of its own for a few of them."""
_LONG = (
    "faults",
    "controller",
    "argo",
    "kueue",
    "gitea",
    "charts",
    "rig",
    "cli",
    "local",
    "git",
    "forge",
    "security",
    "examples",
)
"""Folders whose tests take long, the longest first; all others come after them."""
_MADE = pytest.StashKey[set[Any]]()
"""The fixtures of the folder's conftest that were made for all of the session."""


def longest_first(root: Path, items: list[pytest.Item]) -> None:
    """Put the tests into the order in which they are begun."""

    def place(item: pytest.Item) -> tuple[int, int]:
        file = item.path.relative_to(root)
        folder = file.parts[1] if len(file.parts) > 2 else ""
        spread = SPREAD.index(file.as_posix()) if file.as_posix() in SPREAD else len(SPREAD)
        return _LONG.index(folder) if folder in _LONG else len(_LONG), spread

    items.sort(key=place)


def leave_folder(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End what the conftest of a folder made for its tests, such as a control plane, when the worker leaves it."""
    folder = item.path.parent.relative_to(item.config.rootpath).as_posix()
    made = item.session.stash.setdefault(_MADE, set())
    for found in item._fixtureinfo.name2fixturedefs.values():  # type: ignore[attr-defined]
        made |= {each for each in found if each.scope == "session" and each.baseid == folder}
    if nextitem is None or nextitem.path.parent != item.path.parent:
        for fixture in made:
            fixture.finish(item._request)  # type: ignore[attr-defined]
        made.clear()


class Scheduling(LoadScopeScheduling):
    """Gives a worker a file, a test of one that is spread, or a folder that stays together."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        """Keeps the order of the tests."""
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in SPREAD:
            return nodeid
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)
