"""What an attempt at a step of a task is started with, in a cluster and on one machine. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Record
from parallelproject.core.planner.snapshot import standing_of
from parallelproject.core.steps.standing import NOT_STARTED, Standing, last_rejection, last_work
from parallelproject.core.steps.step import OWN
from parallelproject.model.spec import Spec, SpecStep


class StepAt(NamedTuple):
    """The step that the next attempt of a task is at."""

    standing: Standing
    step: SpecStep | None = None
    """None: it is the task's own work."""
    has_steps: bool = False
    """Whether the task has steps, or had some when its attempts ended."""

    @property
    def name(self) -> str:
        """Its name, as in the keys of attempts."""
        return self.standing.next or OWN

    @property
    def is_gate(self) -> bool:
        """Whether it is a gate."""
        return self.step is not None and self.step.gate

    @property
    def command(self) -> tuple[str, ...]:
        """Its own command, which runs in place of the agent or the command of its role; empty: it has none."""
        return tuple(self.step.command) if self.step else ()

    def fallback(self, role: str | None, acting: Mapping[str | None, str]) -> str | None:
        """The role that runs it in place of its own; None: its own one does.

        Args:
            role: Its own role.
            acting: By role, the fallback that runs its tasks for now: their agent has met a limit.
        """
        return None if self.command else acting.get(role)

    @property
    def only_lands(self) -> bool:
        """Whether all steps have passed, so that nothing runs."""
        return self.standing.next is None

    def resumed(self, record: Record) -> int:
        """Number of the attempt that it continues if none of this step has failed since; 0: it is the first one.

        A gate that judges again knows what it has said, and a step that does the work again knows that work.
        """
        found = (last_rejection if self.is_gate else last_work)(record.steps, self.name)
        return found.attempt if found else 0

    def reported(self, record: Record) -> int:
        """Number of the attempt at a gate whose report it gets: the rejection because of which the work is done again,
        or what the gate itself has said before; 0: there is no report."""
        if self.is_gate:
            return self.resumed(record)
        return self.standing.rejection.attempt if self.standing.rejection else 0

    def described(self) -> dict[str, Any]:
        """What the task file says of it, where the task has steps."""
        if not self.has_steps:
            return {}
        standing = self.standing
        step = {"name": self.name, "gate": self.is_gate, "round": standing.round, "hasWork": bool(standing.work)}
        return {"step": step}


NO_STEPS = StepAt(NOT_STARTED)
"""An attempt of a task without steps."""


def step_at(graph: CompiledGraph, spec: Spec, task: int, record: Record) -> StepAt:
    """The step of the next attempt of a task.

    Args:
        graph: The compiled spec.
        spec: The spec.
        task: The task, as its number in the graph.
        record: What is recorded of it.
    """
    if not graph.steps_of(task) and not record.steps:
        return NO_STEPS
    standing = standing_of(graph, task, record)
    return StepAt(standing, next((step for step in spec.steps if step.name == standing.next), None), has_steps=True)
