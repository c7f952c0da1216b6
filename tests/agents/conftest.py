"""A run whose agent is a program of the test: it does what a scene says, and prints a recorded stream."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parallelproject.model.spec import Agent
from tests.agents.test_endings import STREAMS
from tests.local.checkout import Checkout
from tests.local.runner import Runner, until

PROGRAM = """#!/bin/sh
cat > "$SCENES/$PPROJ_TASK_ID.$PPROJ_ATTEMPT.prompt"
env > "$SCENES/$PPROJ_TASK_ID.$PPROJ_ATTEMPT.env"
echo "$@" > "$SCENES/$PPROJ_TASK_ID.$PPROJ_ATTEMPT.args"
scene="$SCENES/$PPROJ_TASK_ID.$PPROJ_ATTEMPT"
[ -e "$scene" ] || scene="$SCENES/$PPROJ_TASK_ID"
. "$scene"
"""


class Stage:
    """Scenes, by task or by attempt, and the runs that play them."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.scenes = folder / "scenes"
        self.scenes.mkdir()
        self.checkout = Checkout(folder)
        self.runs: list[Runner] = []
        programs = folder / "programs"
        programs.mkdir()
        for name in ("claude", "codex", "copilot", "aider"):
            (programs / name).write_text(PROGRAM)
            (programs / name).chmod(0o755)
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        patch.setenv("SCENES", str(self.scenes))

    def scene(self, task: str, stream: str = "claude/done", do: str = "true", code: int = 0) -> None:
        """What the agent does in a task, or in an attempt of it (``a.2``)."""
        file = STREAMS / f"{stream}.log"
        (self.scenes / task).write_text(f"{do}\ncat {file}\nexit {code}\n")

    def run(self, spec: Any, *, lands: bool = True, agent: str | None = "ClaudeCode", **more: Any) -> Runner:
        """A run that is not started yet."""
        options: dict[str, Any] = {"repository": self.checkout.path} if lands else {}
        if agent:
            options["agent"] = Agent(type=agent, **more)  # type: ignore[arg-type]
        spec = {"tasks": spec} if isinstance(spec, list) else spec
        made = Runner(self.folder, {"defaults": {"backoffSeconds": 0}} | spec, None, options)
        self.runs.append(made)
        return made

    def seen(self, attempt: str, what: str) -> str:
        """The prompt, env or args of an attempt."""
        return (self.scenes / f"{attempt}.{what}").read_text()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    made = Stage(tmp_path, monkeypatch)
    yield made
    for run in made.runs:
        check: Callable[[], bool] = lambda run=run: not run.processes()  # noqa: E731
        until(check, what="an end of the run's processes")
