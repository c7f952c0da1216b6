"""The state of a run when it is started: at its beginning, in the middle, or at an end that is to be retried."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from parallelproject.core.graph.graph import (
    CompiledGraph,
    answered_by,
    forgiven_by,
    forgiven_rejections_by,
    skipped_by,
    unapproved_by,
)
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.constraints.verified_work import VerifiedWork, is_verified
from parallelproject.core.planner.failures import all_done
from parallelproject.core.planner.hooks import NO_HOOKS, HookProgress
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.local.engine.earlier_sessions import History
from parallelproject.local.errors import RunError
from parallelproject.local.state.asked_entries import LISTS
from parallelproject.local.state.requests import SKIP, Asked
from parallelproject.local.state.store import Store
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import ANSWERS_MAX, Retry, Spec
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
    rejections: Mapping[str, int] = field(default_factory=dict)
    """The same of the times that gates have rejected its work."""

    def with_requests(self, asked: Asked) -> tuple[CompiledGraph, Spec]:
        """Graph and spec with what people ask for.

        Raises:
            RunError: what they ask for is not of this tool.
        """
        spec = self.spec
        listed = {name for name in (SKIP, *LISTS) if name in asked.spec or (name == SKIP and asked.skip)}
        wanted = asked.over(spec.model_dump(by_alias=True, mode="json", include=listed) if listed else {})
        if "answers" in wanted:  # the file and people together may have more than a spec
            wanted["answers"] = wanted["answers"][-ANSWERS_MAX:]
        if wanted:
            try:
                fields = parse_spec(wanted)
            except ProblemsError as error:
                raise RunError(f"what was asked of the run cannot be read: {error.problems[0]}") from None
            spec = spec.model_copy(update={name: getattr(fields, name) for name in wanted})
        return _forgiving(self.graph, spec, self.failures, self.conflicts, self.rejections)


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
    hooks: HookProgress = NO_HOOKS,
) -> Resumption:
    """Finds out where to continue.

    A run that was cut off continues as if it had not been. One that had come to its end with failures tries
    the failed tasks again: their failures so far no longer count, which is recorded.
    """
    asked = asked or Asked()
    basis = Basis(graph, spec, store.retries(), store.reruns(), store.rejections())
    graph, spec = basis.with_requests(asked)
    # Time between the sessions is not the run's: it could not work.
    ledger = Ledger(start_time=now - history.elapsed_since_end, peak=history.peak, verified=verified, hooks=hooks)
    found = plan(graph, spec, ledger, history.attempts, now)
    if history.completed and found.completed and not found.stopped:
        failed = [i for i, state in zip(graph.ids, found.states, strict=True) if state is TaskState.FAILED]
        records = {i: found.ledger.records.get(i, NEW) for i in failed}
        again = {i: record.failures for i, record in records.items() if record.failures}
        conflicts = {i: record.conflicts for i, record in records.items() if record.conflicts}
        rejections = {i: count for i, record in records.items() if (count := record.rejections)}
        if failed:
            store.forgive(again, conflicts, rejections)
            basis = replace(
                basis,
                failures={**basis.failures, **again},
                conflicts={**basis.conflicts, **conflicts},
                rejections={**basis.rejections, **rejections},
            )
            graph, spec = basis.with_requests(asked)
            found = plan(graph, spec, ledger, history.attempts, now)
    snapshot = found.ledger.snapshot
    is_whole = not found.open_hooks and (snapshot is None or is_verified(verified, snapshot))
    done = all_done(graph, found.states, found.unmet) and is_whole
    ledger = replace(ledger, records=found.ledger.records, spending=found.ledger.spending)
    return Resumption(basis, graph, spec, ledger, found, done)


def _forgiving(
    graph: CompiledGraph,
    spec: Spec,
    failures: Mapping[str, int],
    conflicts: Mapping[str, int],
    rejections: Mapping[str, int],
) -> tuple[CompiledGraph, Spec]:
    given = {retry.id: retry for retry in spec.retries}
    retries = []
    for task_id in dict.fromkeys([*given, *failures, *conflicts, *rejections]):
        asked = given.get(task_id) or Retry(id=task_id)
        forgive = max(asked.forgive, failures.get(task_id, 0))
        of_conflicts = max(asked.forgive_conflicts, conflicts.get(task_id, 0))
        of_gates = max(asked.forgive_rejections, rejections.get(task_id, 0))
        counts = {"forgive": forgive, "forgive_conflicts": of_conflicts, "forgive_rejections": of_gates}
        retries.append(asked.model_copy(update=counts))
    spec = spec.model_copy(update={"retries": retries})
    forgiven, reruns, deferrals = forgiven_by(spec, graph.index)
    skipped = skipped_by(spec, graph.index)
    graph = replace(
        graph, forgiven=forgiven, forgiven_conflicts=reruns, forgiven_deferrals=deferrals, skipped=skipped,
        forgiven_rejections=forgiven_rejections_by(spec, graph.index),
        unapproved=unapproved_by(spec, graph.index), answered=answered_by(spec, graph.index),
    )  # fmt: skip
    return graph, spec
