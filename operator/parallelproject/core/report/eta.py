"""When a project that runs will end, by the estimates of its tasks and by how good they have been so far. Pure."""

from collections.abc import Mapping

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.constraints.pools import limited, parked
from parallelproject.core.planner.plan import Plan
from parallelproject.core.planner.simulation import remaining
from parallelproject.model.spec import Spec
from parallelproject.model.status import ENDED_STATES, TaskState

_OVERDUE = 0.1
"""A task that runs for longer than it was expected to is expected to need this share of its estimate more."""


def seconds_left(
    graph: CompiledGraph, spec: Spec, plan: Plan, running: Mapping[str, float], now: float
) -> float | None:
    """Seconds until the end, if nothing fails from now on; None where nobody can know.

    The tasks that are left are simulated as ``pproj plan`` simulates all. Their estimates are scaled by the pace so
    far: the time that the tasks which have succeeded took, divided by their estimates.

    Args:
        graph: The compiled spec.
        spec: The spec.
        plan: The last plan.
        running: By running task, when its attempt started.
        now: The time, in seconds since the epoch, as in ``running``.
    """
    if spec.suspend or plan.is_exhausted or not any(task.estimate_seconds for task in graph.tasks):
        return None
    pace = _pace(graph, plan)
    left: dict[int, float] = {}
    for task, started in running.items():
        i = graph.index[task]
        expected = graph.seconds[i] * pace
        left[i] = max(expected - (now - started), _OVERDUE * expected)
    ends = {i: state for i, state in enumerate(plan.states) if state in ENDED_STATES and i not in left}
    # By the clock of the estimates, so that the graph can stay as it is.
    snapshot = plan.ledger.snapshot
    limits = parked(graph, spec, limited(snapshot), now) if snapshot else {}
    waits = {pool: (limit.until - now) / pace for pool, limit in limits.items()}
    rest = {i: round(seconds / pace) for i, seconds in left.items()}
    return remaining(graph, spec, ends, rest, waits, plan.ledger.spending) * pace


def _pace(graph: CompiledGraph, plan: Plan) -> float:
    """Time taken divided by time expected, of what has succeeded; 1 before anything has."""
    taken = expected = 0.0
    for i, task in enumerate(graph.ids):
        record = plan.ledger.records.get(task, NEW)
        if record.state is TaskState.SUCCEEDED and record.took is not None:
            taken += record.took
            expected += graph.seconds[i]
    return max(taken / expected, 0.001) if expected else 1.0
