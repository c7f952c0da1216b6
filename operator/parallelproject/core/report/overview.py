"""Facts about a graph before it runs: the content of ``pproj plan``. Pure, and without texts."""

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from parallelproject.core.graph.graph import CompiledGraph, critical_path, upward_rank
from parallelproject.core.graph.walk import reachable
from parallelproject.core.planner.conditions import foreseen_skips
from parallelproject.core.planner.simulation import makespan, predicted_times, work_of
from parallelproject.model.spec import Scheduling, Spec

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """A task whose delay delays others."""

    id: str
    tasks: int
    """Number of tasks that depend on it, directly or indirectly."""
    seconds: int
    """Their expected work."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A plan before anything has run. Ids are in plan order.

    Seconds are expected ones; where no task has an estimate every task counts as 1, and ``estimated`` is false.
    """

    tasks: int
    estimated: bool
    work_seconds: int
    levels: tuple[tuple[str, ...], ...]
    """Levels by dependencies alone."""
    waves: tuple[tuple[str, ...], ...]
    """Levels in which tasks that write the same files are in different waves."""
    set_back: tuple[str, ...]
    """The tasks that are in a later wave than level."""
    skipped: tuple[str, ...]
    """Tasks of the levels that do not run, by ``spec.skip``."""
    unexpected: tuple[str, ...]
    """Tasks with a condition that does not hold if nothing fails."""
    critical_path: tuple[str, ...]
    """Without tasks that are skipped."""
    critical_path_seconds: int
    bottlenecks: tuple[Bottleneck, ...]
    conflicts: tuple[tuple[str, tuple[str, ...]], ...]
    """(path, the tasks that write it)."""
    roles: dict[str, int]
    """By role, its tasks; without tasks that have no role."""
    speedup: dict[int, float]
    """By parallelism: expected work divided by the makespan."""
    seconds: dict[int, int]
    """By parallelism: the makespan."""
    parallelism: int
    scheduling: Scheduling
    other_speedup: float
    """The speedup at ``parallelism`` with the other scheduling."""


def outline(graph: CompiledGraph, spec: Spec) -> Outline:
    """The overview of a graph."""

    def named(tasks: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(graph.ids[i] for i in tasks)

    foreseen = foreseen_skips(graph)
    unexpected = foreseen - graph.skipped
    full, graph = graph, replace(graph, skipped=foreseen)
    seconds = predicted_times(graph, spec)
    by_level = spec.scheduling is Scheduling.LEVELS
    path = _critical_path(graph)
    other = spec.model_copy(update={"scheduling": Scheduling.GRAPH if by_level else Scheduling.LEVELS})
    work = work_of(graph)
    return Outline(
        tasks=len(graph.ids),
        estimated=any(task.estimate_seconds for task in graph.tasks),
        work_seconds=work,
        levels=tuple(map(named, graph.levels)),
        waves=tuple(map(named, graph.waves)),
        set_back=named(tuple(i for i in graph.order if graph.wave[i] > graph.level[i])),
        skipped=named(tuple(i for i in graph.order if i in full.skipped)),
        unexpected=named(tuple(i for i in graph.order if i in unexpected)),
        critical_path=named(path),
        critical_path_seconds=sum(graph.seconds[i] for i in path),
        bottlenecks=tuple(found for task in graph.bottlenecks if (found := _bottleneck(graph, task)).tasks),
        conflicts=tuple((conflict.path, named(conflict.tasks)) for conflict in graph.conflicts),
        roles=dict(Counter(role for role in graph.role if role is not None).most_common()),
        speedup={parallelism: round(work / each, 2) for parallelism, each in seconds.items()},
        seconds=seconds,
        parallelism=spec.parallelism,
        scheduling=spec.scheduling,
        other_speedup=round(work / makespan(graph, other, spec.parallelism), 2) if work else 0.0,
    )


def document(found: Outline) -> Json:
    """The outline as ``pproj plan -o json`` prints it."""
    return {
        "tasks": found.tasks,
        "levels": [list(tasks) for tasks in found.levels],
        "waves": [list(tasks) for tasks in found.waves],
        "skipped": list(found.skipped),
        "unexpected": list(found.unexpected),
        "criticalPath": list(found.critical_path),
        "bottlenecks": [bottleneck.id for bottleneck in found.bottlenecks],
        "conflicts": [{"path": path, "tasks": list(tasks)} for path, tasks in found.conflicts],
        "speedup": {str(parallelism): factor for parallelism, factor in found.speedup.items()},
        "scheduling": str(found.scheduling),
        "parallelism": found.parallelism,
        "estimated": found.estimated,
        "workSeconds": found.work_seconds,
        "criticalPathSeconds": found.critical_path_seconds,
        "waiting": {bottleneck.id: bottleneck.tasks for bottleneck in found.bottlenecks},
        "roles": found.roles,
    }


def enough(speedup: dict[int, float]) -> int:
    """The parallelism beyond which the next larger one gains less than 15 %; 1 if nothing is known."""
    steps = list(speedup.items())
    for (parallelism, factor), (_, larger) in pairwise(steps):
        if larger < 1.15 * factor:
            return parallelism
    return steps[-1][0] if steps else 1


def _critical_path(graph: CompiledGraph) -> tuple[int, ...]:
    """The chain of tasks that run with the longest expected time: one that is skipped takes none."""
    if not graph.skipped:
        return graph.critical_path
    topological = [i for level in graph.levels for i in level]
    seconds = [0 if i in graph.skipped else expected for i, expected in enumerate(graph.seconds)]
    path = critical_path(graph.parents, graph.children, upward_rank(topological, graph.children, seconds))
    return tuple(i for i in path if i not in graph.skipped)


def _bottleneck(graph: CompiledGraph, task: int) -> Bottleneck:
    below = [] if task in graph.skipped else reachable([task], graph.children)
    below = [i for i in below if i not in graph.skipped]
    return Bottleneck(graph.ids[task], len(below), sum(graph.seconds[i] for i in below))
