"""Where a run stands when it is started: at its beginning, in the middle, or at an end that is to be retried."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from parallelproject.core.graph import CompiledGraph
from parallelproject.core.plan import Ledger, Plan, plan
from parallelproject.executors.local_store import Store
from parallelproject.model.spec import Retry, Spec
from parallelproject.model.status import TaskState
from parallelproject.run.history import History


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a session starts from."""

    graph: CompiledGraph
    spec: Spec
    ledger: Ledger
    plan: Plan
    done: bool
    """Whether all tasks have succeeded already, so that there is nothing to do."""


def resume(graph: CompiledGraph, spec: Spec, store: Store, history: History, now: float) -> Resumption:
    """Finds out where to go on.

    A run that was cut off goes on as if it had not been. One that had come to its end with failures tries
    the failed tasks again: their failures so far no longer count, which is written down.
    """
    forgiven, reruns = store.retries(), store.reruns()
    graph, spec = _forgiving(graph, spec, forgiven, reruns)
    # Time between the sessions is not the run's: it could not work.
    ledger = Ledger(start_time=now - history.elapsed_since_end, peak=history.peak)
    found = plan(graph, spec, ledger, history.attempts, now)
    if history.completed and found.completed and not found.stopped:
        failed = [i for i, state in zip(graph.ids, found.states, strict=True) if state is TaskState.FAILED]
        again = {i: found.ledger.records[i].failures for i in failed if found.ledger.records[i].failures}
        conflicts = {i: found.ledger.records[i].conflicts for i in failed if found.ledger.records[i].conflicts}
        if failed:
            store.forgive(again, conflicts)
            graph, spec = _forgiving(graph, spec, forgiven | again, reruns | conflicts)
            found = plan(graph, spec, ledger, history.attempts, now)
    done = all(state is TaskState.SUCCEEDED for state in found.states)
    ledger = replace(ledger, records=found.ledger.records)
    return Resumption(graph, spec, ledger, found, done)


def _forgiving(
    graph: CompiledGraph, spec: Spec, failures: Mapping[str, int], conflicts: Mapping[str, int]
) -> tuple[CompiledGraph, Spec]:
    forgive = {retry.id: retry.forgive for retry in spec.retries}
    for task_id, count in failures.items():
        forgive[task_id] = max(count, forgive.get(task_id, 0))
    retries = [Retry(id=task_id, forgive=count) for task_id, count in forgive.items()]
    forgiven = {graph.index[task_id]: count for task_id, count in forgive.items() if task_id in graph.index}
    reruns = {graph.index[task_id]: count for task_id, count in conflicts.items() if task_id in graph.index}
    return replace(graph, forgiven=forgiven, forgiven_conflicts=reruns), spec.model_copy(update={"retries": retries})
