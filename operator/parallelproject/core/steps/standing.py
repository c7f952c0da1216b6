"""Which step of a task is next, by how its attempts have ended. The only place that knows the order of steps.

The first step is the task's own work. Each further step gets the work that is held. A step that is no gate may change
the work; then the gates before it judge again, so that all gates have accepted exactly the work that lands. When a gate
rejects the work, the step that made it runs again: the last one before the gate that is no gate. Pure.
"""

from collections.abc import Sequence
from typing import NamedTuple

from parallelproject.core.steps.step import OWN, StepEnd, StepVerdict, TaskStep

_HELD, _PASSED, _REJECTED = StepVerdict.HELD, StepVerdict.PASSED, StepVerdict.REJECTED


class Standing(NamedTuple):
    """What follows from the ends of a task's attempts."""

    next: str | None = OWN
    """The step of its next attempt; None: all steps have passed, and the work only has to land."""
    work: int = 0
    """Number of the attempt whose work is held; 0: none is."""
    is_last: bool = False
    """Whether the work lands if the next attempt succeeds: no further gate has to judge what it makes."""
    rejection: StepEnd | None = None
    """The rejection because of which the work is done again; None: none is open."""
    round: int = 1
    """Number of the round, from 1: one more after each rejection."""
    rejections: int = 0
    """How often the gate of ``rejection`` has rejected, of those times that count."""
    refused: TaskStep | None = None
    """The gate that has rejected more often than it may: the task has failed."""


NOT_STARTED = Standing()


def standing(steps: Sequence[TaskStep], ends: Sequence[StepEnd], forgiven: int = 0) -> Standing:
    """Which step is next, and what it works on.

    Args:
        steps: Its steps as they are now, without its own work.
        ends: How its attempts have ended, in their order. Of an end at a step that was removed only its work counts.
        forgiven: How many of its rejections, from the first on, do not count for their maximum.
    """
    place = {OWN: -1} | {step.name: i for i, step in enumerate(steps)}
    gates = {step.name: step for step in steps if step.is_gate}
    done: set[str] = set()
    work, rejections = 0, 0
    counted = dict.fromkeys(gates, 0)
    rejection: StepEnd | None = None
    for end in ends:
        if end.verdict is _HELD:
            work, rejection = end.attempt, None
            before = place.get(end.step, len(steps))
            done = {name for name in done if place[name] < before and name not in gates}
            if end.step in place and end.step not in gates:
                done.add(end.step)
        elif end.verdict is _PASSED:
            if end.step in gates:
                done.add(end.step)
        elif end.verdict is _REJECTED:
            rejections += 1
            if end.step in gates:
                counted[end.step] += rejections > forgiven
                maker = place[maker_of(steps, end.step)]
                done = {name for name in done if place[name] < maker and name not in gates}
                rejection = end
        else:
            done, work, rejection = set(), 0, None
    left = [name for name in place if name not in done]
    if rejection:  # gates before it judge again what it makes, not what was rejected
        left.sort(key=lambda name: name != maker_of(steps, rejection.step))
    gate = gates[rejection.step] if rejection else None
    count = counted[gate.name] if gate else 0
    return Standing(
        next=left[0] if left else None,
        work=work,
        is_last=not left or (len(left) == 1 and (left[0] in gates or not gates)),
        rejection=rejection,
        round=1 + rejections,
        rejections=count,
        refused=gate if gate and count > gate.max_rounds else None,
    )


def maker_of(steps: Sequence[TaskStep], gate: str) -> str:
    """The step that made the work which a gate judges: the last one before it that is no gate."""
    names = [step.name for step in steps]
    before = [step.name for step in steps[: names.index(gate)] if not step.is_gate]
    return before[-1] if before else OWN


def last_rejection(ends: Sequence[StepEnd], gate: str) -> StepEnd | None:
    """The last time that a gate has rejected the work of a task; None: it never has."""
    return next((end for end in reversed(ends) if end.step == gate and end.verdict is _REJECTED), None)


def last_work(ends: Sequence[StepEnd], step: str) -> StepEnd | None:
    """The last attempt at a step whose work was held; None: no attempt has."""
    return next((end for end in reversed(ends) if end.step == step and end.verdict is _HELD), None)
