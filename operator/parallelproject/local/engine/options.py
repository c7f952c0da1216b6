"""What a caller may ask of a local run."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from parallelproject.model.spec import Agent, Scheduling, Spec

if TYPE_CHECKING:
    from parallelproject.core.report.changes import Consumer
    from parallelproject.local.delivery.push import Publish
    from parallelproject.local.engine.board import Board

View = Literal["auto", "live", "plain"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a project here."""

    command: str | None = None
    """For the shell; by default each role's container says what its tasks run."""
    agent: Agent | None = None
    """A coding agent that does all tasks, instead of a command."""
    parallelism: int | None = None
    """Instead of the spec's."""
    scheduling: Scheduling | None = None
    """Instead of the spec's."""
    state_dir: Path | None = None
    """Where the run keeps its state; by default ``.pproj/NAME`` below the current directory."""
    fresh: bool = False
    """Whether to forget an earlier run and start over."""
    view: View = "auto"
    """auto: live on a terminal, else plain."""
    no_color: bool = False
    repository: Path | None = None
    """A folder of the repository that the tasks' work lands in; by default that of ``spec.git.url``, where set."""
    push: bool = False
    """Whether the branch is pushed to a remote of the repository at the end."""
    publish: "Publish | None" = None
    """Publishes what was pushed."""
    grace_seconds: float = 10.0
    """From SIGTERM to SIGKILL, for tasks that are stopped or past their deadline."""
    source: Path | None = None
    """The file that the project was read from, so that no other one's state is taken for its own."""
    finished: Callable[[Sequence[str]], bool] | None = None
    """Is told at the end which tasks have succeeded, in all sessions of the run; False: it could not do its part."""
    consumers: "Sequence[Consumer[Board]]" = ()
    """Who else hears what happens."""
    rerun: str = "pproj run FILE"
    """The command that started this, for the advice that is given at the end."""
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)

    def applied_to(self, spec: Spec) -> Spec:
        """The spec with what is asked for in its place."""
        asked = {"parallelism": self.parallelism, "scheduling": self.scheduling}
        return spec.model_copy(update={key: value for key, value in asked.items() if value is not None})
