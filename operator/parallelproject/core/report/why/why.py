"""One answer for every task, whatever its state."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.admission import CONSTRAINTS
from parallelproject.core.planner.constraints.constraint import Constraint
from parallelproject.core.planner.explanation import View
from parallelproject.core.report.deletion import deletion_of
from parallelproject.core.report.status import condition, read_row
from parallelproject.core.report.why.answer import UnknownTaskError, Why
from parallelproject.core.report.why.failed import failed
from parallelproject.core.report.why.running import running
from parallelproject.core.report.why.skipped import skipped
from parallelproject.core.report.why.succeeded import succeeded
from parallelproject.core.report.why.view import rows_of, view_of
from parallelproject.core.report.why.waiting import waiting
from parallelproject.model.spec import Spec
from parallelproject.model.status import TaskState
from parallelproject.model.suggest import did_you_mean

_OTHERS: dict[str, Callable[[View, int], Why]] = {
    TaskState.RUNNING.value: running,
    TaskState.SUCCEEDED.value: succeeded,
    TaskState.FAILED.value: failed,
    TaskState.SKIPPED.value: skipped,
}


def why(
    graph: CompiledGraph,
    spec: Spec,
    status: Mapping[str, Any],
    task: str,
    now: float,
    constraints: Sequence[type[Constraint]] = CONSTRAINTS,
) -> Why:
    """Why a task is in its state; the arguments are those of ``why_each``."""
    return why_each(graph, spec, status, (task,), now, constraints)[0]


def why_each(
    graph: CompiledGraph,
    spec: Spec,
    status: Mapping[str, Any],
    tasks: Sequence[str],
    now: float,
    constraints: Sequence[type[Constraint]] = CONSTRAINTS,
) -> list[Why]:
    """Why tasks are in their states. The project is looked at once for all of them.

    Args:
        graph: The compiled spec.
        spec: The spec.
        status: The project's status.
        tasks: Ids of the tasks.
        now: Seconds since the epoch, to compute how long ago something was.
        constraints: The rules that explain why a task waits.

    Raises:
        UnknownTaskError: neither the spec nor the status has one of them.
    """
    rows = rows_of(status)
    view = view_of(graph, spec, status, now)
    return [_why(view, rows, task, constraints) for task in tasks]


def _why(view: View, rows: Mapping[str, Mapping[str, Any]], task: str, constraints: Sequence[type[Constraint]]) -> Why:
    graph = view.graph
    row = rows.get(task)
    i = graph.index.get(task)
    if i is None:
        if row is None:
            raise UnknownTaskError(task, did_you_mean(task, graph.ids))
        return _removed(task, row)
    if row is None:
        return Why(task, TaskState.PENDING.value, "", "the operator has not seen it yet")
    explain = _OTHERS.get(view.state(i))
    return explain(view, i) if explain else waiting(view, i, constraints)


def not_accepted(task: str, status: Mapping[str, Any]) -> Why | None:
    """The answer if the spec was not accepted; None if it was."""
    accepted = condition(status, "Accepted")
    if accepted.get("status") != "False":
        return None
    reason = str(accepted.get("reason") or "InvalidSpec")
    row = rows_of(status).get(task, {})
    found = str(accepted.get("message") or "the spec is not valid")
    answer = f"nothing starts, because the project is not accepted: {found}"
    return Why(task, str(row.get("state") or TaskState.PENDING.value), reason, answer)


def deleted(found: Why, metadata: Mapping[str, Any]) -> Why:
    """The answer if the project was deleted and finalizers keep it: it takes precedence over any other."""
    deletion = deletion_of(metadata)
    if deletion is None or found.state in (TaskState.SUCCEEDED, TaskState.FAILED):
        return found
    what = "it is being stopped" if found.state == TaskState.RUNNING else "it does not start"
    return replace(found, reason="Deleted", answer=f"{what}: the project was {deletion.message}", more=(), hint="")


def _removed(task: str, row: Mapping[str, Any]) -> Why:
    record = read_row(row)
    answer = "it is no longer in the spec; "
    answer += "its attempt is being stopped" if row.get("state") == TaskState.RUNNING else "its result is kept"
    return Why(task, str(row.get("state")), str(row.get("reason") or ""), answer, job=record.job or "")
