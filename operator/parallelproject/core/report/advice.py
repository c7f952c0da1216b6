"""What another setting would have been worth, by the times that a run has taken. Pure."""

from dataclasses import replace

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.plan import Ledger, Plan
from parallelproject.core.planner.simulation import makespan
from parallelproject.model.spec import FailurePolicy, Scheduling, Spec
from parallelproject.model.status import Reason, TaskState

_SHARE = 0.1
"""A gain below this share of the time is not worth a word."""
_SECONDS = 1.0
"""Nor is one below this."""


def saved_by_graph(graph: CompiledGraph, spec: Spec, ledger: Ledger) -> float:
    """Seconds that scheduling Graph would have saved; 0 where that is next to nothing, or is how it was scheduled.

    Both ways are simulated with the times that the tasks' last attempts took, so that waits which both have (retries, a
    machine that slept) do not count. Known only where all tasks have run.
    """
    records = [ledger.records.get(task, NEW) for task in graph.ids]
    times = [record.took for i, record in enumerate(records) if i not in graph.skipped]
    if spec.scheduling is Scheduling.GRAPH or not times or None in times:
        return 0.0
    took = [record.took or 0.0 for record in records]
    measured = replace(graph, seconds=tuple(round(1000 * seconds) for seconds in took))  # it counts whole units
    other = spec.model_copy(update={"scheduling": Scheduling.GRAPH})
    by_level, by_graph = (makespan(measured, each, spec.parallelism) / 1000 for each in (spec, other))
    saved = by_level - by_graph
    return saved if saved >= max(_SECONDS, _SHARE * by_level) else 0.0


def could_have_run(spec: Spec, plan: Plan) -> int:
    """How many skipped tasks depend on no failed one, so that failurePolicy Continue would have run them."""
    if spec.failure_policy is FailurePolicy.CONTINUE or plan.stopped or not plan.completed:
        return 0
    if TaskState.FAILED not in plan.states:
        return 0
    ended = zip(plan.states, plan.reasons, strict=True)
    return sum(state is TaskState.SKIPPED and reason == Reason.STOPPED for state, reason in ended)
