"""Figures of a run, by their usual definitions: speedup = work / wall, efficiency = speedup / parallelism used."""

from typing import Any, NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.agent_usage import sum_of
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.planner.plan import Ledger
from parallelproject.model.status import TaskState


class Figures(NamedTuple):
    """The figures, exact; times in seconds."""

    wall: float
    work: float
    """Sum of the times of the tasks' last attempts."""
    critical_path: float
    """Longest chain of dependent tasks, by the times that they took."""
    speedup: float
    efficiency: float
    retries: int
    """Attempts that followed one that failed or whose work conflicted; not those that followed one that was stopped."""
    peak: int
    """Largest number of tasks that ran at once."""
    conflict_rate: float | None
    """Conflicts divided by attempts to land; None if nothing had to land."""


def measure(graph: CompiledGraph, ledger: Ledger, now: float) -> Figures:
    """The figures of a run, until its end or until now."""
    records = [ledger.records.get(task_id, NEW) for task_id in graph.ids]
    took = [record.took or 0.0 for record in records]
    end = ledger.completion_time if ledger.completion_time is not None else now
    wall = max(0.0, end - (ledger.start_time if ledger.start_time is not None else end))
    work = sum(took)
    speedup = work / wall if wall else 0.0
    conflicts = sum(r.conflicts for r in records)
    landings = conflicts + sum(r.commit is not None for r in records)
    return Figures(
        wall=wall,
        work=work,
        critical_path=_longest_chain(graph, took),
        speedup=speedup,
        efficiency=speedup / ledger.peak if ledger.peak else 0.0,
        retries=sum(_retries(graph, i, record) for i, record in enumerate(records)),
        peak=ledger.peak,
        conflict_rate=conflicts / landings if landings else None,
    )


def _retries(graph: CompiledGraph, task: int, record: Record) -> int:
    """An attempt that was stopped is no failure, so the one that follows it is no retry."""
    has_failed = record.state is TaskState.PENDING and (
        record.failures_that_count(graph.forgiven.get(task, 0))
        >= graph.max_attempts[task]  # the last one, and none follows
    )
    followed = record.attempts - graph.rerun_after.get(task, 0) - 1
    return max(0, min(followed, record.failures + record.conflicts - has_failed))


def metrics(graph: CompiledGraph, ledger: Ledger, now: float) -> dict[str, Any]:
    """The figures as status shows them: whole seconds, ratios with two decimals."""
    figures = measure(graph, ledger, now)
    shown = {
        "wallSeconds": round(figures.wall),
        "workSeconds": round(figures.work),
        "criticalPathSeconds": round(figures.critical_path),
        "speedup": f"{figures.speedup:.2f}",
        "efficiency": f"{figures.efficiency:.2f}",
        "retries": figures.retries,
        "peakParallelism": figures.peak,
    }
    if figures.conflict_rate is not None:
        shown["conflictRate"] = f"{figures.conflict_rate:.2f}"
    used = sum_of(record.usage for record in ledger.records.values())
    return shown | used.shown() if used else shown


def _longest_chain(graph: CompiledGraph, took: list[float]) -> float:
    ends = [0.0] * len(took)
    for level in graph.levels:
        for i in level:
            ends[i] = took[i] + max((ends[parent] for parent in graph.parents[i]), default=0.0)
    return max(ends, default=0.0)
