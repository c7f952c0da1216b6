"""A runner in a folder of its own, that leaves nothing running."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.runner import Runner, until


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Callable[..., Runner]]:
    made: list[Runner] = []

    def make(spec: list[dict[str, Any]] | dict[str, Any], command: str | None = None, **more: Any) -> Runner:
        spec = {"tasks": spec} if isinstance(spec, list) else spec
        spec = {"defaults": {"backoffSeconds": 0}} | spec
        made.append(Runner(tmp_path, spec, command, more.pop("options", {}), **more))
        return made[-1]

    yield make
    for each in made:
        until(lambda each=each: not each.processes(), what="an end of the run's processes")
