"""Which part of a project is published: its revision, and the instructions for publishing it. Pure.

The ``revision`` identifies what is published. It is a function of the levels that are done: work is published when a
level ends and when the project ends.
"""

import hashlib
import json
from typing import Any

from parallelproject.core.followups.success import is_success, levels_that_passed
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.graph.walk import needs
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.planner.failures import is_done
from parallelproject.core.planner.plan import Plan
from parallelproject.core.steps.gate_results import gate_results, went_well
from parallelproject.model.branches import landing_branch, offered_branch
from parallelproject.model.spec import FailurePolicy, LandingStrategy, MergeMode, PullRequest, Spec
from parallelproject.model.status import ENDED_STATES, TaskState

Json = dict[str, Any]

_WHERE = 6


def done_tasks(graph: CompiledGraph, plan: Plan) -> list[int]:
    """The tasks that are reported: those of the levels that are done, or all tasks at the end."""
    last = len(graph.levels) if plan.completed else plan.level
    return [i for i, state in enumerate(plan.states) if graph.level[i] < last and state in ENDED_STATES]


def stage(plan: Plan) -> tuple[object, ...]:
    """A value that changes when ``revision_of`` may change, apart from the spec. It is fast to compute."""
    ledger = plan.ledger
    # A task of a level that is done may succeed late, after it counted as failed.
    late = sum(ledger.snapshot.unfinished[: plan.level]) if ledger.snapshot else 0
    return plan.level, plan.completed, late, ledger.verified


def revision_of(graph: CompiledGraph, spec: Spec, plan: Plan) -> str:
    """A short fingerprint of what is to be published; empty if no task of a finished level has succeeded."""
    done = done_tasks(graph, plan)
    if spec.git is None or not any(plan.states[i] is TaskState.SUCCEEDED for i in done):
        return ""
    records = plan.ledger.records
    rows = [
        (graph.ids[i], plan.states[i].value, record.attempts if (record := records.get(graph.ids[i])) else 0)
        for i in done
    ]
    git = spec.git
    where = [git.url, git.base_ref, git.branch, git.strategy.value, git.is_by_level]
    what: list[object] = [git.model_dump(mode="json"), plan.completed, rows]
    passed = levels_that_passed(graph, plan)
    if passed < _done_levels(graph, plan):  # what passes later may be merged then
        what.append(passed)
    return f"{_digest(where)[:_WHERE]}-{_digest(what)[:12]}"


def is_elsewhere(revision: str, other: str) -> bool:
    """Whether two revisions have different repositories or kinds of branches: no result of one counts for the other."""
    return revision[:_WHERE] != other[:_WHERE]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()


def instruction(graph: CompiledGraph, spec: Spec, plan: Plan, project: str, title: int) -> Json:
    """The fields of ``pproj-publish``, without the address of the repository and its credentials.

    Args:
        graph: The compiled spec.
        spec: The spec.
        plan: The states of the tasks.
        project: The project's name.
        title: Maximum number of characters of a task's title.
    """
    git, wanted = spec.git, (spec.git.pull_request if spec.git else None) or PullRequest()
    fields: Json = {
        "project": project,
        "branch": offered_branch(git, project),
        "line": landing_branch(git, project),
        "strategy": (git.strategy if git else LandingStrategy.SHARED_BRANCH).value,
        "scope": wanted.scope.value,
        "labels": wanted.labels,
        "draft": wanted.draft,
        "merge": wanted.merge.value,
        "tasks": task_rows(graph, plan, title),
    }
    if wanted.title:
        fields["title"] = wanted.title
    if wanted.body:
        fields["body"] = wanted.body
    is_whole = plan.completed and is_success(graph, plan)
    if is_whole:
        fields["isWhole"] = True
    if git and git.is_by_task:

        def is_skipped(i: int) -> bool:  # it has no branch
            return plan.states[i] is TaskState.SKIPPED

        for row in fields["tasks"]:
            if needed := needs(graph.parents, graph.index[row["id"]], is_skipped):
                row["after"] = [graph.ids[i] for i in needed]
    elif git and git.is_by_level:
        done = _done_levels(graph, plan)
        fields |= {"levels": done, "wholeLevels": _whole_levels(graph, spec, plan)}
        # It may not be known yet that work has landed: if the attempt was interrupted right after, it is known later.
        started = (graph.index.get(task) for task, record in plan.ledger.records.items() if record.attempts)
        if unlanded := [graph.ids[i] for i in started if i is not None and graph.level[i] >= done]:
            fields["above"] = unlanded
        for row in fields["tasks"]:
            if level := graph.level[graph.index[row["id"]]]:
                row["level"] = level
    elif not is_whole:  # it is merged only then
        fields["merge"] = MergeMode.MANUAL.value
    return fields


def task_rows(graph: CompiledGraph, plan: Plan, title: int) -> list[Json]:
    """The report on each task that can be reported.

    Args:
        graph: The compiled spec.
        plan: The states of the tasks.
        title: Maximum number of characters of a task's title.
    """
    rows = []
    for i in done_tasks(graph, plan):
        state, record = plan.states[i], plan.ledger.records.get(graph.ids[i], NEW)
        if state is TaskState.SKIPPED:
            continue
        row: Json = {"id": graph.ids[i]}
        if text := graph.tasks[i].title[:title]:
            row["title"] = text
        if record.attempts > 1:
            row["attempts"] = record.attempts
        if record.steps:
            row |= _of_steps(graph, i, record, has_landed=state is TaskState.SUCCEEDED)
        if graph.role[i]:
            row["role"] = graph.role[i]
        if state is TaskState.FAILED:
            code = f" {record.exit_code}" if record.exit_code is not None else ""
            row |= {"failed": True, "reason": f"{record.reason}{code}" if record.reason else str(plan.reasons[i])}
        elif record.conflicts:
            row["reason"] = "conflicts" if record.conflicts > 1 else "a conflict"
        rows.append(row)
    return rows


def _of_steps(graph: CompiledGraph, task: int, record: Record, *, has_landed: bool) -> Json:
    """What the report on a task has of its steps: how many of its attempts only led to the next step, and its gates."""
    row: Json = {"stepsPassed": went_well(record.steps)}
    gates: list[Json] = []
    for result in gate_results(graph.steps_of(task), record.steps, record.step if has_landed else None):
        gate: Json = {"name": result.gate}
        if result.rejections:
            gate["rejections"] = result.rejections
        if not result.accepted:
            gate["accepted"] = False
        gates.append(gate)
    return row | ({"gates": gates} if gates else {})


def _done_levels(graph: CompiledGraph, plan: Plan) -> int:
    return len(graph.levels) if plan.completed else plan.level


def _whole_levels(graph: CompiledGraph, spec: Spec, plan: Plan) -> int:
    """How many levels from the first on may be merged: those that are done and have passed the verification, up to the
    first one with a failure."""
    done = min(_done_levels(graph, plan), levels_that_passed(graph, plan))
    if spec.failure_policy is FailurePolicy.CONTINUE and plan.stopped is None:
        return done

    def is_whole(level: int) -> bool:
        return all(is_done(graph, i, plan.states[i], plan.unmet) for i in graph.levels[level])

    broken = (level for level in range(done) if not is_whole(level))
    return next(broken, done)
