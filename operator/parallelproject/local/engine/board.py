"""What a view is given: the state of the run at this moment."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.hooks.hook_runs import HookReport
from parallelproject.core.planner.plan import Ledger, Plan
from parallelproject.core.report.changes import Consumer
from parallelproject.core.report.figures import metrics
from parallelproject.local.engine.clock import Clock
from parallelproject.local.state.requests import Asked
from parallelproject.model.spec import Spec
from parallelproject.model.status import TaskState


class Running(NamedTuple):
    """A running attempt."""

    number: int
    started: float
    log: str
    """Path of its output."""
    step: str = ""
    """The step of the task that it is at; empty: its own work."""


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
    requests: int = 0
    """The version of what people have asked of it (``local.state.requests``) that the plan is made with."""
    stop_requested: bool = False
    """Whether that stops it."""
    suspend_requested: bool = False
    """Whether that suspends it: it waits, and does not end."""
    run_id: str = ""
    """What distinguishes it from other runs."""
    ended: float | None = None
    """When this session ended; None while it lasts."""
    place: str = ""
    """The options that mean this run in a command line, in addition to its name; they start with a blank."""
    interrupted: bool = False
    """Whether a person has interrupted it: what is stopped by that is not over, and another session continues it."""

    verified: tuple[str, str, str] | None = None
    """Status, reason and message of the condition Verified; None: nothing is verified."""
    hooks: HookReport | None = None
    """The hooks that have run; None: there are none."""
    hooks_running: dict[str, Running] = field(default_factory=dict)
    """The hooks that run, as people read them: ``beforeLevel of L0``."""
    is_broken: bool = False
    """Whether the run stops because of what has landed."""
    states: Counter[TaskState] = field(default_factory=Counter)
    """How many tasks stand where."""

    def update(self, plan: Plan) -> None:
        """Takes note of where the tasks stand now."""
        self.plan = plan
        self.states = Counter(plan.states)

    def heed(self, asked: Asked, graph: CompiledGraph, spec: Spec) -> None:
        """Takes note of what people have asked for, and of graph and spec with that."""
        self.graph, self.spec, self.requests = graph, spec, asked.version
        self.stop_requested, self.suspend_requested = bool(asked.spec.get("stop")), bool(asked.spec.get("suspend"))

    @property
    def planned_spec(self) -> Spec:
        """The spec that it is planned with: one that is stopped, where what has landed is broken."""
        return self.spec.model_copy(update={"stop": True}) if self.is_broken else self.spec

    @property
    def elapsed(self) -> float:
        """Seconds that the run has taken so far, without the pauses between its sessions."""
        return (self.clock.now() if self.ended is None else self.ended) - self.began

    def measured(self, ledger: Ledger) -> Ledger:
        """A ledger from which every view computes the same figures: with the times of the run, without pauses."""
        end = self.began + self.elapsed
        return replace(ledger, start_time=self.began, completion_time=end)

    def metrics(self, ledger: Ledger) -> dict[str, Any]:
        """The figures of the run as its status shows them."""
        return metrics(self.graph, self.measured(ledger), self.clock.now())

    @property
    def progress(self) -> str:
        """Tasks that succeeded, of all."""
        return f"{self.states[TaskState.SUCCEEDED]}/{len(self.graph.ids)}"


class BoardView(Consumer[Board], Protocol):
    """A way to show a run while it runs, which receives its events. No view may hold up or break the run."""

    def say(self, notice: str) -> None:
        """Reports something about the run as a whole."""

    def draw(self) -> float | None:
        """Brings the picture up to date where there is one; returns the seconds until it wants to be called again."""

    def close(self) -> None:
        """Leaves the terminal as it was found."""
