"""Which attempts are stopped, and why."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import STOP_OVERDUE, Attempt, Phase
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason


class Stop(NamedTuple):
    """An attempt to stop."""

    id: str
    attempt: Attempt
    why: str
    """Stopped, DeadlineExceeded, FailFast, Removed, Succeeded (by another attempt), StartError, STOP_OVERDUE or
    Suspended."""


def stops_now(
    graph: CompiledGraph,
    spec: Spec,
    snapshot: Snapshot,
    of_all: str | None,
    now: float,
    spared: Collection[str] = (),
) -> list[Stop]:
    """What to stop now, without what is already being stopped.

    Args:
        graph: The compiled spec.
        spec: The spec.
        snapshot: The active attempts.
        of_all: Why everything that runs is stopped; None: it is not.
        now: Seconds since the epoch.
        spared: Ids of tasks that continue where all others are stopped.
    """
    queued = {graph.ids[i] for i in snapshot.queued} if spec.suspend else set[str]()
    tasks = snapshot.live if of_all else snapshot.surplus | snapshot.suspended | queued
    return [
        Stop(task_id, attempt, why)
        for task_id in tasks
        for attempt in snapshot.live[task_id]
        if _can_be_stopped(attempt)
        and (
            why := (of_all if task_id not in spared else None)
            or snapshot.surplus_for(task_id, attempt)
            or _overdue(graph, spec, task_id, attempt, now)
            or _not_to_start(spec, attempt)
        )
    ]


def stops_of_all(observed: Mapping[str, Sequence[Attempt]]) -> list[Stop]:
    """What to stop of a project that ends and whose spec cannot be planned: everything that runs."""
    return [
        Stop(task_id, attempt, Reason.STOPPED)
        for task_id, attempts in observed.items()
        for attempt in attempts
        if attempt.running and _can_be_stopped(attempt)
    ]


def next_overdue(graph: CompiledGraph, spec: Spec, snapshot: Snapshot, now: float) -> float:
    """When the next suspended attempt will be over its deadline, in seconds since the epoch; inf if never."""
    ends = (
        suspended_until(graph, spec, task_id, attempt)
        for task_id in snapshot.suspended
        for attempt in snapshot.live[task_id]
    )
    return min((at for at in ends if at > now), default=math.inf)


def suspended_until(graph: CompiledGraph, spec: Spec, task_id: str, attempt: Attempt) -> float:
    """When a suspended attempt is over its deadline, in seconds since the epoch; inf if never.

    The Job controller does not count time while a Job is suspended, so this clock counts: from the attempt's start,
    including the time suspended. An attempt that a queue has not started yet is not over it.
    """
    i = graph.index.get(task_id)
    if i is None or not attempt.is_suspended or attempt.is_queued or attempt.started is None:
        return math.inf
    of_step = next((step.deadline_seconds for step in spec.steps if step.name == attempt.step), None)
    seconds = of_step or graph.tasks[i].active_deadline_seconds or spec.defaults.active_deadline_seconds
    return attempt.started + seconds if seconds else math.inf


def _can_be_stopped(attempt: Attempt) -> bool:
    """An attempt that does not exist yet cannot be stopped, and one that is being stopped need not be."""
    return not attempt.stopping and attempt.phase is not Phase.LAUNCHING


def _overdue(graph: CompiledGraph, spec: Spec, task_id: str, attempt: Attempt, now: float) -> str | None:
    return STOP_OVERDUE if suspended_until(graph, spec, task_id, attempt) <= now else None


def _not_to_start(spec: Spec, attempt: Attempt) -> str | None:
    """Why an attempt leaves its queue, which could start it although its project is suspended; None: it stays."""
    return Reason.SUSPENDED if spec.suspend and attempt.waits_for_quota else None
