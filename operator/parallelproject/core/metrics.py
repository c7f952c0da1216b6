"""Figures of a run, as the field defines them: speedup = work / wall, efficiency = speedup / parallelism used."""

from typing import Any

from parallelproject.core.attempt import NEW
from parallelproject.core.graph import CompiledGraph
from parallelproject.core.plan import Ledger


def metrics(graph: CompiledGraph, ledger: Ledger, now: float) -> dict[str, Any]:
    """The metrics of api status; seconds are whole, ratios have two decimals."""
    records = [ledger.records.get(task_id, NEW) for task_id in graph.ids]
    took = [max(0.0, r.ended - r.started) if r.started is not None and r.ended is not None else 0.0 for r in records]
    end = ledger.completion_time if ledger.completion_time is not None else now
    wall = max(0.0, end - (ledger.start_time if ledger.start_time is not None else end))
    work = sum(took)
    speedup = work / wall if wall else 0.0
    return {
        "wallSeconds": round(wall),
        "workSeconds": round(work),
        "criticalPathSeconds": round(_longest_chain(graph, took)),
        "speedup": f"{speedup:.2f}",
        "efficiency": f"{speedup / ledger.peak if ledger.peak else 0:.2f}",
        "retries": sum(r.attempts - 1 for r in records if r.attempts > 1),
        "peakParallelism": ledger.peak,
    }


def _longest_chain(graph: CompiledGraph, took: list[float]) -> float:
    ends = [0.0] * len(took)
    for level in graph.levels:
        for i in level:
            ends[i] = took[i] + max((ends[parent] for parent in graph.parents[i]), default=0.0)
    return max(ends, default=0.0)
