"""How gates have judged the work of a task, for reports. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from parallelproject.core.steps.step import StepEnd, StepVerdict, TaskStep

_GOOD = frozenset({StepVerdict.HELD, StepVerdict.PASSED})


class GateResult(NamedTuple):
    """What a gate has said of a task's work."""

    gate: str
    accepted: bool
    """Whether that is its last verdict."""
    rejections: int
    """How often it has rejected the work."""


def gate_results(steps: Sequence[TaskStep], ends: Sequence[StepEnd], landed_by: str | None = None) -> list[GateResult]:
    """What each gate of a task that has judged its work has said, in their order.

    Args:
        steps: The steps of the task.
        ends: How its attempts at steps have ended, in their order.
        landed_by: The step whose attempt has landed the work, which has no end of its own; None: it has not landed.
    """
    found = []
    for step in steps:
        verdicts = [end.verdict for end in ends if end.step == step.name and step.is_gate]
        if step.is_gate and landed_by == step.name:
            verdicts.append(StepVerdict.PASSED)
        given = [verdict for verdict in verdicts if verdict in (StepVerdict.PASSED, StepVerdict.REJECTED)]
        if given:
            accepted = given[-1] is StepVerdict.PASSED
            found.append(GateResult(step.name, accepted, given.count(StepVerdict.REJECTED)))
    return found


def went_well(ends: Sequence[StepEnd]) -> int:
    """How many attempts have taken a task on to its next step."""
    return sum(end.verdict in _GOOD for end in ends)
