"""Where a run stands when it is started: at its beginning, in the middle, or at an end that is to be retried."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from parallelproject.core.graph.graph import CompiledGraph, answered_by, forgiven_by, skipped_by, unapproved_by
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.constraints.verified_work import VerifiedWork, is_verified
from parallelproject.core.planner.failures import all_done
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.local.engine.earlier_sessions import History
from parallelproject.local.errors import RunError
from parallelproject.local.state.requests import Asked
from parallelproject.local.state.store import Store
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Retry, Spec
from parallelproject.model.status import TaskState


@dataclass(frozen=True, slots=True)
class Basis:
    """What a session goes by, without what people ask of it meanwhile."""

    graph: CompiledGraph
    spec: Spec
    failures: Mapping[str, int]
    """By task, its failures that no longer count since the run was started again."""
    conflicts: Mapping[str, int]
    """The same of conflicts."""

    def with_requests(self, asked: Asked) -> tuple[CompiledGraph, Spec]:
        """Graph and spec with what people ask for.

        Raises:
            RunError: what they ask for is not of this tool.
        """
        spec = self.spec
        wanted = asked.over({"skip": spec.skip} if asked.skip else {})
        if wanted:
            try:
                fields = parse_spec(wanted)
            except ProblemsError as error:
                raise RunError(f"what was asked of the run cannot be read: {error.problems[0]}") from None
            spec = spec.model_copy(update={name: getattr(fields, name) for name in wanted})
        return _forgiving(self.graph, spec, self.failures, self.conflicts)


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a session starts from."""

    basis: Basis
    graph: CompiledGraph
    spec: Spec
    ledger: Ledger
    plan: Plan
    done: bool
    """Whether all tasks have succeeded already, so that there is nothing to do."""


def resume(
    graph: CompiledGraph,
    spec: Spec,
    store: Store,
    history: History,
    now: float,
    asked: Asked | None = None,
    verified: VerifiedWork | None = None,
) -> Resumption:
    """Finds out where to continue.

    A run that was cut off continues as if it had not been. One that had come to its end with failures tries
    the failed tasks again: their failures so far no longer count, which is written down.
    """
    asked = asked or Asked()
    basis = Basis(graph, spec, store.retries(), store.reruns())
    graph, spec = basis.with_requests(asked)
    # Time between the sessions is not the run's: it could not work.
    ledger = Ledger(start_time=now - history.elapsed_since_end, peak=history.peak, verified=verified)
    found = plan(graph, spec, ledger, history.attempts, now)
    if history.completed and found.completed and not found.stopped:
        failed = [i for i, state in zip(graph.ids, found.states, strict=True) if state is TaskState.FAILED]
        records = {i: found.ledger.records.get(i, NEW) for i in failed}
        again = {i: record.failures for i, record in records.items() if record.failures}
        conflicts = {i: record.conflicts for i, record in records.items() if record.conflicts}
        if failed:
            store.forgive(again, conflicts)
            basis = replace(basis, failures={**basis.failures, **again}, conflicts={**basis.conflicts, **conflicts})
            graph, spec = basis.with_requests(asked)
            found = plan(graph, spec, ledger, history.attempts, now)
    snapshot = found.ledger.snapshot
    done = all_done(graph, found.states, found.unmet) and (snapshot is None or is_verified(verified, snapshot))
    ledger = replace(ledger, records=found.ledger.records, spending=found.ledger.spending)
    return Resumption(basis, graph, spec, ledger, found, done)


def _forgiving(
    graph: CompiledGraph, spec: Spec, failures: Mapping[str, int], conflicts: Mapping[str, int]
) -> tuple[CompiledGraph, Spec]:
    given = {retry.id: retry for retry in spec.retries}
    retries = []
    for task_id in dict.fromkeys([*given, *failures, *conflicts]):
        asked = given.get(task_id) or Retry(id=task_id)
        forgive = max(asked.forgive, failures.get(task_id, 0))
        of_conflicts = max(asked.forgive_conflicts, conflicts.get(task_id, 0))
        retries.append(asked.model_copy(update={"forgive": forgive, "forgive_conflicts": of_conflicts}))
    spec = spec.model_copy(update={"retries": retries})
    forgiven, reruns, deferrals = forgiven_by(spec, graph.index)
    skipped = skipped_by(spec, graph.index)
    graph = replace(
        graph, forgiven=forgiven, forgiven_conflicts=reruns, forgiven_deferrals=deferrals, skipped=skipped,
        unapproved=unapproved_by(spec, graph.index), answered=answered_by(spec, graph.index),
    )  # fmt: skip
    return graph, spec
