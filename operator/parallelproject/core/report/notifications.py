"""What people are notified of: the content of each notification, and what makes it a new one. Pure."""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.plan import Plan
from parallelproject.core.report.attention import PersonNeed, need_of_verification, needs_of_plan
from parallelproject.core.report.budget_status import exhausted_text
from parallelproject.core.report.status import result_of
from parallelproject.model.spec import NotifyEvent, Spec
from parallelproject.model.status import TaskState

Json = dict[str, Any]

_NAMED = 10


class Notification(NamedTuple):
    """One notification."""

    key: str
    """The same for the same transition, in every session; another one for any other."""
    event: NotifyEvent
    body: Json


def due(
    project: str,
    graph: CompiledGraph,
    spec: Spec,
    plan: Plan,
    known: Collection[str],
    options: str = "",
    verified: tuple[str, str, str] | None = None,
) -> list[Notification]:
    """The notifications after a plan whose transitions are not known yet.

    Args:
        project: Name of the project.
        graph: The compiled spec.
        spec: The spec, which says what is notified of.
        plan: The plan.
        known: The keys of those that were sent.
        options: The options that mean the project's place in commands.
        verified: Status, reason and message of the condition Verified; None: nothing is verified.
    """
    on = spec.notify.on if spec.notify else ()
    broken = need_of_verification(verified)
    needs = [*([broken] if broken else []), *needs_of_plan(graph, plan)]
    found: list[Notification] = []
    keys = {need: _key(plan, need) for need in needs}
    new = [need for need in needs if keys[need] not in known]
    if new and NotifyEvent.NEEDS_ATTENTION in on:
        for need in new:
            text = f"{project}: {need.sentence}"
            body = _body(project, graph, plan, NotifyEvent.NEEDS_ATTENTION, text, [need], options)
            found.append(Notification(keys[need], NotifyEvent.NEEDS_ATTENTION, body))
    if plan.completed or plan.is_exhausted:
        _, message, is_good = result_of(graph, plan, verified)
        if plan.is_exhausted:  # the run has ended as well: nothing of it continues by itself
            message, is_good = f"{message}; {exhausted_text(graph, spec, plan)}", False
        event = NotifyEvent.DONE if is_good else NotifyEvent.FAILED
        key = f"{event}:{_fingerprint(graph, plan)}"
        if key not in known and event in on:
            body = _body(project, graph, plan, event, f"{project}: {message}", needs, options)
            found.append(Notification(key, event, body))
    return found


def _key(plan: Plan, need: PersonNeed) -> str:
    if not need.task:  # its text names the commit
        return f"{NotifyEvent.NEEDS_ATTENTION}:{need.reason}:{hashlib.sha256(need.text.encode()).hexdigest()[:16]}"
    record = plan.ledger.records.get(need.task, NEW)
    return f"{NotifyEvent.NEEDS_ATTENTION}:{need.reason}:{need.task}:{record.attempts}"


def _fingerprint(graph: CompiledGraph, plan: Plan) -> str:
    """Another one for each end: a retry makes attempts, and skipping a task changes a state."""
    records = plan.ledger.records
    states = zip(graph.ids, plan.states, strict=True)
    text = "\n".join(f"{task} {state} {records.get(task, NEW).attempts}" for task, state in states)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _body(
    project: str,
    graph: CompiledGraph,
    plan: Plan,
    event: NotifyEvent,
    message: str,
    needs: Sequence[PersonNeed],
    options: str,
) -> Json:
    counts = {state.value.lower(): sum(each is state for each in plan.states) for state in TaskState}
    failed = [task for task, state in zip(graph.ids, plan.states, strict=True) if state is TaskState.FAILED]
    commands = [need.command(project, options) for need in needs]
    if event is NotifyEvent.FAILED and not commands:
        commands = [f"pproj why{options} {project}"]
        commands += [f"pproj retry{options} {project}"] if plan.completed else []
    return {
        "project": project,
        "event": str(event),
        "message": message,
        "counts": {"total": len(graph.ids), **counts},
        "failed": failed[:_NAMED],
        "needs": [{"task": need.task, "reason": need.reason, "text": need.text} for need in needs[:_NAMED]],
        "commands": commands[:_NAMED],
    }
