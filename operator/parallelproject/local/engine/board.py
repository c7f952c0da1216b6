"""What a view is given: the state of the run at this moment, and what has just happened."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.plan import Plan
from parallelproject.local.engine.clock import Clock
from parallelproject.model.spec import Spec
from parallelproject.model.status import TaskState


class What(Enum):
    """Kinds of events."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    SKIPPED = "skipped"


class Event(NamedTuple):
    """Something that happened to a task."""

    what: What
    task: str
    number: int = 0
    took: float = 0.0
    """Seconds."""
    reason: str | None = None
    exit_code: int | None = None
    log: str | None = None
    again_in: float | None = None
    """After a failure: seconds until the next attempt; None when there will be none."""
    commit: str | None = None
    """The short name of the commit that its work landed as."""
    changed_nothing: bool = False
    """Whether it has succeeded and left nothing to land."""
    notes: tuple[str, ...] = ()
    """What else it left, and where that is kept."""


class Running(NamedTuple):
    """An attempt at work."""

    number: int
    started: float
    log: str


@dataclass(slots=True)
class Board:
    """The run, as views see it."""

    name: str
    graph: CompiledGraph
    spec: Spec
    clock: Clock
    began: float
    """When the run began, had there been no pauses between its sessions."""
    running: dict[str, Running] = field(default_factory=dict)
    """By task, in the order in which they started."""
    plan: Plan | None = None
    notice: str | None = None
    """What a person should know now: that it is being stopped, or that the disk is full."""

    states: Counter[TaskState] = field(default_factory=Counter)
    """How many tasks stand where."""

    def update(self, plan: Plan) -> None:
        """Takes note of where the tasks stand now."""
        self.plan = plan
        self.states = Counter(plan.states)

    @property
    def progress(self) -> str:
        """Tasks that succeeded, of all."""
        return f"{self.states[TaskState.SUCCEEDED]}/{len(self.graph.ids)}"


class View(Protocol):
    """A way to show a run while it goes on. No view may hold up or break the run."""

    def happened(self, events: Sequence[Event]) -> None:
        """Shows what has happened, in order."""

    def say(self, notice: str) -> None:
        """Tells something about the run as a whole."""

    def draw(self) -> float | None:
        """Brings the picture up to date where there is one; returns the seconds until it wants to be called again."""

    def close(self) -> None:
        """Leaves the terminal as it was found."""
