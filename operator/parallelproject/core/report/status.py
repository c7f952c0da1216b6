"""The status of a project as it is written, from a plan; and a ledger from a status as it is read.

Rows are plain dictionaries, short and in spec order; fields with default values are omitted.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from parallelproject.core.followups.publishing import Publishing
from parallelproject.core.followups.success import are_all_done, has_passed, is_success
from parallelproject.core.graph.graph import CompiledGraph, natural_key
from parallelproject.core.hooks.hook_runs import HookReport
from parallelproject.core.hooks.phases import phases
from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.core.planner.attempt import NEW, Attempt, DeliveryNotes, Inquiry, Record, settle
from parallelproject.core.planner.constraints.pools import MetLimit, PoolWindow
from parallelproject.core.planner.inputs import outputs_kept
from parallelproject.core.planner.outputs import Outputs, kept, kept_text, outputs_of, share
from parallelproject.core.planner.plan import Ledger, Plan
from parallelproject.core.planner.spending import RoleSpending, ends, is_whole, role_at_end
from parallelproject.core.report.attention import (
    condition_of,
    need_of_review,
    need_of_verification,
    needs_of_plan,
    waits_only_for_people,
)
from parallelproject.core.report.budget_status import (
    budget_condition,
    exhausted_text,
    read_spending,
    render_budgets,
    render_spending,
    spent_of_budgets,
)
from parallelproject.core.report.deletion import Deletion
from parallelproject.core.report.figures import metrics
from parallelproject.core.steps.step import StepEnd, StepVerdict
from parallelproject.core.times import epoch, iso
from parallelproject.model.names import level_name
from parallelproject.model.problem import Problem, listed
from parallelproject.model.spec import MAX_TASKS, Spec
from parallelproject.model.status import (
    GROUPS_MAX,
    REFUSALS,
    STEP_ENDS_MAX,
    ConditionType,
    Reason,
    TaskState,
    task_state,
)

Json = dict[str, Any]

ATTEMPT_MAX = 1_000_000
"""No task has more attempts; the operator writes no higher number."""
_MESSAGE_MAX = 2000
_REFUSED_NAMED = 5
"""Maximum number of tasks named for one refusal, and of refusals."""
_SAME_IF_REJECTED = (
    "startTime",
    "level",
    "currentLevel",
    "publication",
    "verification",
    "review",
    "groups",
    "hooks",
    "limits",
    "adaptiveLimits",
    "metrics",
)
"""Fields of a status that stay while the spec is not accepted: what is recorded in them is read again."""
_VERDICTS = {verdict.value for verdict in StepVerdict}
_PENDING, _RUNNING, _SUCCEEDED = TaskState.PENDING, TaskState.RUNNING, TaskState.SUCCEEDED


def read_status(status: Mapping[str, Any]) -> Ledger:
    """The ledger in a status; parts that are not in our format are ignored."""
    found = status.get("metrics")
    peak = found.get("peakParallelism") if isinstance(found, dict) else 0
    return Ledger(
        records={row["id"]: read_row(row) for row in rows_of(status)},
        start_time=epoch(status.get("startTime")),
        completion_time=epoch(status.get("completionTime")),
        peak=peak if isinstance(peak, int) else 0,
        met=read_limits(status),
        windows=read_windows(status),
        spending=read_spending(status),
        merged=(0, 0),  # the published state is compared with the current one before it counts
    )


def read_limits(status: Mapping[str, Any]) -> dict[str, MetLimit]:
    """By pool, the limits in a status that are not over."""
    found = status.get("limits")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    return {
        str(row.get("name") or ""): MetLimit(until, str(row.get("task")), row.get("reported") is True)
        for row in rows
        if (until := epoch(row.get("endTime"))) is not None
    }


def read_windows(status: Mapping[str, Any]) -> dict[str, PoolWindow]:
    """By pool, the adaptive limits in a status that were lowered."""
    found = status.get("adaptiveLimits")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    return {
        str(row.get("name") or ""): PoolWindow(_count(row, "base"), _count(row, "ceiling"), lowered, seen)
        for row in rows
        if (lowered := epoch(row.get("loweredTime"))) is not None and (seen := epoch(row.get("seenTime"))) is not None
    }


def read_row(row: Mapping[str, Any]) -> Record:
    """The record of a row."""
    state = task_state(row.get("state"))
    attempts = _count(row, "attempts")
    if row.get("queued") is True:
        state = _RUNNING
    if state is _RUNNING and not attempts:
        state = _PENDING
    failed = state is TaskState.FAILED
    return Record(
        state=state if state in (_RUNNING, _SUCCEEDED) else _PENDING,
        attempts=attempts,
        failures=_count(row, "failures"),
        reason=row.get("reason") if failed else row.get("failure"),
        exit_code=row.get("exitCode"),
        started=epoch(row.get("startTime")),
        ended=epoch(row.get("completionTime")),
        job=row.get("jobName"),
        conflicts=_count(row, "conflicts"),
        commit=row.get("commit"),
        notes=DeliveryNotes(_count(row, "undeclared"), _count(row, "shared"), _count(row, "kept")),
        deferrals=_count(row, "deferrals"),
        retry_at=epoch(row.get("retryTime")),
        outputs=outputs_of(_texts(row.get("outputs"))),
        fallback=row.get("fallback"),
        usage=AgentUsage.read(row),
        inquiry=Inquiry(_count(row, "asked"), str(row.get("question") or ""), _count(row, "questions")),
        step=str(row.get("step") or ""),
        steps=_read_steps(row.get("steps")),
    )


def _read_steps(found: object) -> tuple[StepEnd, ...]:
    """The ends of steps in a row, as far as they are in our format."""
    ends = []
    for text in found if isinstance(found, list) else ():
        name, *rest = str(text).split(":")
        # int() refuses texts of some thousands of digits.
        if len(rest) == 3 and all(len(n) < 10 and n.isdecimal() for n in rest[::2]) and rest[1] in _VERDICTS:
            ends.append(StepEnd(name, int(rest[0]), StepVerdict(rest[1]), int(rest[2])))
    return tuple(ends)


def render_status(
    graph: CompiledGraph,
    spec: Spec,
    plan: Plan,
    last: Mapping[str, Any],
    generation: int,
    now: float,
    published: Publishing | None = None,
    troubles: Mapping[str, str] = MappingProxyType({}),
    refusals: Mapping[str, str] = MappingProxyType({}),
    deletion: Deletion | None = None,
    verified: tuple[str, str, str] | None = None,
    hooks: HookReport | None = None,
    verification: Json | None = None,
    reviewed: tuple[str, str, str] | None = None,
    review: Json | None = None,
    *,
    name: str,
) -> Json:
    """The status after a plan.

    Args:
        last: The status written before: conditions that did not change keep their times.
        generation: metadata.generation of the spec.
        published: The state of publishing; None if nothing is published.
        troubles: By task, what keeps its existing attempt from starting.
        refusals: By task, the message with which the API server refused to create its Job.
        deletion: The deletion of the project, and what keeps it.
        verified: Status, reason and message of the condition Verified; None: nothing is verified.
        name: The project's name, for commands.
        hooks: The hooks that have run; None: there are none.
        verification: The record of the verification; None: nothing is verified.
        reviewed: Status, reason and message of the condition Reviewed; None: no pull request is followed.
        review: The record of the followed pull request; None: none is.
    """
    records = plan.ledger.records
    asking = sum(bool(record.inquiry.attempt) for record in records.values())
    rows = [
        render_row(task_id, state, graph.level[i], plan.reasons[i], record, outputs_kept(graph, i, record), asking)
        for i, (task_id, state) in enumerate(zip(graph.ids, plan.states, strict=True))
        for record in (records.get(task_id, NEW),)
    ]
    for i in plan.queued:
        if plan.states[i] is _PENDING:
            rows[i]["queued"] = True
    for row in rows if troubles else ():
        if row["state"] == _RUNNING.value and row["id"] in troubles:
            row["reason"] = troubles[row["id"]]
    for task_id in _shown(plan.removed, records, 2 * MAX_TASKS - len(rows)):
        record, state = records.get(task_id, NEW), plan.removed[task_id]
        rows.append(render_row(task_id, state, None, record.reason, record) | {"removed": True})
    counts = Counter(plan.states)
    total, levels = len(graph.ids), len(graph.levels)
    status: Json = {
        "observedGeneration": generation,
        "startTime": iso(int(plan.ledger.start_time or now)),
        "completionTime": None,
        "progress": f"{counts[_SUCCEEDED]}/{total}",
        "level": f"{min(plan.level + 1, levels)}/{levels}",
        "currentLevel": level_name(min(plan.level, levels - 1)) if levels else None,
        "counts": {"total": total, **_state_counts(counts)},
        "conditions": _conditions(
            graph,
            spec,
            plan,
            counts,
            last,
            generation,
            now,
            published,
            refusals,
            deletion,
            verified,
            name,
            hooks.condition if hooks else None,
            reviewed,
        ),
        "levels": [
            {"index": i, "total": len(tasks), **_level_counts(Counter(plan.states[t] for t in tasks))}
            for i, tasks in enumerate(graph.levels)
        ],
        "tasks": rows,
        "metrics": metrics(graph, plan.ledger, now),
    } | render_budgets(graph, spec, plan)
    if plan.ledger.met:
        status["limits"] = [
            {"name": pool, "task": met.task, "endTime": iso(int(met.until)), "reported": met.is_known}
            for pool, met in sorted(plan.ledger.met.items())
        ]
    if plan.ledger.windows:
        status["adaptiveLimits"] = [
            {
                "name": pool,
                "base": window.base,
                "ceiling": window.ceiling,
                # Rounded up: after a restart, what has lowered it must not count as a new refusal.
                "loweredTime": iso(math.ceil(window.lowered)),
                "seenTime": iso(math.ceil(window.seen)),
            }
            for pool, window in sorted(plan.ledger.windows.items())
        ]
    if found := phases(graph, spec, plan):
        status["groups"] = [{"name": group, "phase": str(phase)} for group, phase in found.items()][:GROUPS_MAX]
    if hooks is not None and hooks.rows:
        status["hooks"] = list(hooks.rows)
    if plan.ledger.completion_time is not None:
        status["completionTime"] = iso(int(plan.ledger.completion_time))
    if verification is not None:
        status["verification"] = verification
    if review is not None:
        status["review"] = review
    if published is not None and published.record is not None:
        status["publication"] = published.record
        for pull in published.record.get("pullRequests") or ():
            if pull.get("level", levels) < levels:
                pull_request = {key: pull[key] for key in ("number", "url", "state")}
                status["levels"][pull["level"]]["pullRequest"] = pull_request
    return status


def rejected_status(
    problems: Sequence[Problem],
    last: Mapping[str, Any],
    observed: Mapping[str, Sequence[Attempt]],
    generation: int,
    now: float,
    deletion: Deletion | None = None,
) -> Json:
    """The status of a spec that is not accepted: nothing starts; what runs is still recorded."""
    rows, spending = [], read_spending(last)
    tasks = sum(not row.get("removed") for row in rows_of(last))
    for row in rows_of(last):
        before = read_row(row)
        # Without an accepted spec it is unknown which earlier results no longer count, so none of them is read again.
        later = [a for a in observed.get(row["id"], ()) if a.number >= before.attempts + (before.state is _PENDING)]
        record = settle(before, later)
        for seen in ends(before, later):
            if seen.usage:  # the roles of an accepted spec are not known, those of claims are
                role = role_at_end(seen)
                spending[role] = spending.get(role, RoleSpending()).plus([(seen.usage, is_whole(seen))])
        state = record.state if record.state is not _PENDING else task_state(row.get("state"))
        if state is _RUNNING and record.state is _PENDING:
            state = _PENDING
        level, reason = row.get("level"), row.get("reason")
        held = before.outputs or kept(record.outputs, share(tasks, 0, False))
        rows.append(render_row(row["id"], state, level, reason, record, held))
        if row.get("removed"):
            rows[-1]["removed"] = True
    reason = problems[0].reason
    more = f"; and {len(problems) - 10} more" if len(problems) > 10 else ""
    message = _cut("; ".join(map(str, problems[:10]))) + more
    conditions = [
        (ConditionType.ACCEPTED, "False", reason, message),
        (ConditionType.COMPLETED, "False", reason, "nothing starts until the spec is accepted"),
        (ConditionType.SUCCEEDED, "Unknown", reason, "nothing starts until the spec is accepted"),
        (ConditionType.READY, "False", reason, message),
        (ConditionType.STALLED, "True", reason, message),
        *_terminating(deletion),
    ]
    same = {key: last[key] for key in _SAME_IF_REJECTED if key in last}
    if budgets := spent_of_budgets(last, spending):
        same["budgets"] = budgets
    if spending:
        same["spending"] = render_spending(spending, [str(row.get("unit")) for row in budgets])
    return (
        same
        | {
            "observedGeneration": generation,
            "completionTime": None,
            "conditions": _dated(conditions, last, generation, now),
            "tasks": rows,
        }
        | _counted([row for row in rows if "removed" not in row])
    )


def _counted(rows: Sequence[Json]) -> Json:
    """Counts, progress and levels from the rows alone, if the graph is not known."""
    if not rows:
        return {}
    counts = Counter(task_state(row["state"]) for row in rows)
    levels: defaultdict[int, Counter[TaskState]] = defaultdict(Counter)
    for row in rows:
        levels[row.get("level", 0)][task_state(row["state"])] += 1
    return {
        "progress": f"{counts[_SUCCEEDED]}/{len(rows)}",
        "counts": {"total": len(rows), **_state_counts(counts)},
        "levels": [
            {"index": i, "total": levels[i].total(), **_level_counts(levels[i])} for i in sorted(levels)[:MAX_TASKS]
        ],
    }


def says_the_same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two statuses are equal apart from values that change with time alone."""
    keys = (a.keys() | b.keys()) - {"metrics"}
    return all(a.get(key) == b.get(key) for key in keys)  # null equals absent


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of one type; empty if it is absent."""
    found = status.get("conditions")
    for entry in found if isinstance(found, list) else ():
        if isinstance(entry, dict) and entry.get("type") == kind:
            return entry
    return {}


def render_row(
    task_id: str,
    state: TaskState,
    level: int | None,
    reason: str | None,
    record: Record,
    outputs: Outputs = (),
    asking: int = 1,
) -> Json:
    """One row: at most about 130 bytes for a task that succeeded, without its outputs.

    Args:
        task_id: The task.
        state: Its state.
        level: Its level.
        reason: Why it is in this state.
        record: Its record.
        outputs: Those of its outputs that a status has.
        asking: Number of tasks that share the bytes for questions.
    """
    row: Json = {"id": task_id, "state": state.value}
    if level is not None:
        row["level"] = level
    if reason is not None and state not in (_RUNNING, _SUCCEEDED):
        row["reason"] = str(reason)
    if record.attempts:
        row["attempts"] = record.attempts
        if record.failures:
            row["failures"] = record.failures
        if record.conflicts:
            row["conflicts"] = record.conflicts
        if record.deferrals:
            row["deferrals"] = record.deferrals
            if record.retry_at is not None and state is TaskState.PENDING:
                row["retryTime"] = iso(int(record.retry_at))
        inquiry = record.inquiry
        if inquiry.total:
            row["questions"] = inquiry.total
            if inquiry.attempt:
                row["asked"] = inquiry.attempt
                if text := kept_text(inquiry.text, asking):
                    row["question"] = text
        if record.step:
            row["step"] = record.step
        if record.steps:
            row["steps"] = [
                f"{end.step}:{end.attempt}:{end.verdict}:{end.failures}" for end in record.steps[-STEP_ENDS_MAX:]
            ]
        if record.failures or record.conflicts or record.deferrals or inquiry.total or record.steps:
            if state is not TaskState.FAILED and record.reason and state is not _SUCCEEDED:
                row["failure"] = str(record.reason)
            if record.exit_code is not None and state is not _SUCCEEDED:
                row["exitCode"] = record.exit_code
        if record.started is not None:
            row["startTime"] = iso(int(record.started))
        if record.ended is not None and state is not _RUNNING:
            row["completionTime"] = iso(int(record.ended))
        if record.job and state is not _SUCCEEDED:
            row["jobName"] = record.job
        if record.fallback:
            row["fallback"] = record.fallback
        if record.commit:
            row["commit"] = record.commit
            row |= {key: count for key, count in record.notes._asdict().items() if count}
        if record.usage is not None:
            row |= record.usage.shown()
        if (state is _SUCCEEDED or record.steps) and outputs:
            row["outputs"] = dict(outputs)
    return row


def _shown(removed: Mapping[str, TaskState], records: Mapping[str, Record], room: int) -> list[str]:
    """Tasks that were removed from the spec, up to a limit: first those that still run, then the latest.

    The order depends only on what is recorded: the next process must find the same order.
    """

    def place(task_id: str) -> tuple[Any, ...]:
        ended = records.get(task_id, NEW).ended
        return removed[task_id] is not _RUNNING, -int(ended or 0), natural_key(task_id), task_id

    return sorted(removed, key=place)[: max(0, room)]


def _conditions(
    graph: CompiledGraph,
    spec: Spec,
    plan: Plan,
    counts: Counter[TaskState],
    last: Mapping[str, Any],
    generation: int,
    now: float,
    published: Publishing | None,
    refusals: Mapping[str, str],
    deletion: Deletion | None,
    verified: tuple[str, str, str] | None,
    name: str,
    hooked: tuple[str, str, str] | None,
    reviewed: tuple[str, str, str] | None = None,
) -> list[Json]:
    total = len(graph.ids)
    accepted = f"{total} tasks in {len(graph.levels)} levels"
    limited = plan.share if plan.wanted else None
    if spec.suspend:
        suspended = ("True", "Requested", "spec.suspend is true: no new task starts")
    elif limited is not None and limited.reason is Reason.WAITING_FOR_PROJECT:
        suspended = ("True", "OtherProject", f"{limited.message}: no new task starts")
    else:
        suspended = ("False", "NotRequested", "")
    failed = [graph.ids[i] for i, state in enumerate(plan.states) if state is TaskState.FAILED]
    done = f"{counts[_SUCCEEDED]} of {total} tasks succeeded"
    broken = need_of_verification(verified)
    asked = need_of_review(reviewed)
    needs = [*([broken] if broken else []), *([asked] if asked else []), *needs_of_plan(graph, plan)]
    attention = condition_of(needs, name) if deletion is None else None
    is_stalled = attention is not None and waits_only_for_people(plan, verified)
    stalled = (str(ConditionType.NEEDS_ATTENTION), attention[1]) if attention and is_stalled else None
    if not plan.completed:
        reason = Reason.SUSPENDED if spec.suspend else stalled[0] if stalled else "Running"
        completed = ("False", "Running", f"{counts[_RUNNING]} running, {counts[_PENDING]} waiting")
        succeeded = ("Unknown", reason, _cut(_failures(graph, plan, failed)) if failed else "")
        if plan.is_exhausted:
            completed = ("False", ConditionType.BUDGET_EXHAUSTED, f"{counts[_PENDING]} waiting for a larger budget")
            succeeded = ("Unknown", ConditionType.BUDGET_EXHAUSTED, _cut(exhausted_text(graph, spec, plan)))
        if deletion is not None:
            completed = ("False", "Deleted", f"{counts[_RUNNING]} running and being stopped; nothing starts any more")
            succeeded = ("Unknown", "Deleted", _cut(deletion.message))
    else:
        reason, message, is_good = result_of(graph, plan, verified)
        completed = ("True", reason, done)
        succeeded = ("True" if is_good else "False", reason, message)
    conditions: list[tuple[str, str, str, str]] = [
        (ConditionType.ACCEPTED, "True", "GraphValid", accepted),
        (ConditionType.SUSPENDED, *suspended),
        (ConditionType.COMPLETED, *completed),
        (ConditionType.SUCCEEDED, *succeeded),
    ]
    if limited is not None and limited.reason is Reason.WAITING_FOR_CAPACITY:
        conditions.append((ConditionType.LIMITED, "True", str(limited.reason), limited.message))
    refused = _refused(graph, spec, plan, refusals)
    if refused is not None:
        conditions.append((ConditionType.REFUSED, "True", *refused))
    if attention is not None:
        conditions.append((ConditionType.NEEDS_ATTENTION, "True", attention[0], _cut(attention[1])))
    budget = budget_condition(graph, spec, plan)
    if budget is not None:
        conditions.append((budget[0], budget[1], budget[2], _cut(budget[3])))
    exhausted = budget[3] if budget is not None and plan.is_exhausted else None
    conditions += _health(completed, succeeded, refused, stalled, exhausted)
    if published is not None:
        conditions.append((ConditionType.PUBLISHED, *published.condition))
    if reviewed is not None:
        conditions.append((ConditionType.REVIEWED, reviewed[0], reviewed[1], _cut(reviewed[2])))
    if verified is not None:
        conditions.append((ConditionType.VERIFIED, verified[0], verified[1], _cut(verified[2])))
    if hooked is not None:
        conditions.append((ConditionType.HOOKS_SUCCEEDED, hooked[0], hooked[1], _cut(hooked[2])))
    conditions += _terminating(deletion)
    return _dated(conditions, last, generation, now)


def result_of(graph: CompiledGraph, plan: Plan, verified: tuple[str, str, str] | None = None) -> tuple[str, str, bool]:
    """How a completed plan ended: a reason, a sentence, and whether all tasks succeeded and passed the verification.

    Args:
        graph: The compiled spec.
        plan: The plan.
        verified: Status, reason and message of the condition Verified; None: nothing is verified.
    """
    good = sum(state is _SUCCEEDED for state in plan.states)
    done = f"{good} of {len(graph.ids)} tasks succeeded"
    if skipped := sum(plan.states[i] is TaskState.SKIPPED for i in graph.skipped):
        done += f", {skipped} skipped by request"
    if plan.unmet:
        done += f", {len(plan.unmet)} skipped by a condition"
    failed = [graph.ids[i] for i, state in enumerate(plan.states) if state is TaskState.FAILED]
    if plan.stopped is Reason.HOOK_FAILED:
        reason, message = (
            str(plan.stopped),
            f"{done}; the hook {plan.ledger.hooks.failed} failed, which stops the project",
        )
    elif plan.stopped:
        reason, message = str(plan.stopped), f"{done}; the rest was stopped"
    elif failed:
        reason, message = "TasksFailed", f"{done}; {_failures(graph, plan, failed)}"
    elif not has_passed(graph, plan):
        reason, message = "VerificationFailed", f"{done}; what has landed has not passed the verification"
    else:
        reason, message = "AllSucceeded", done
    if verified is not None and verified[0] == "False" and are_all_done(graph, plan):
        return verified[1], _cut(f"{done}; {verified[2]}"), False
    return reason, _cut(message), is_success(graph, plan)


def _health(
    completed: tuple[str, str, str],
    succeeded: tuple[str, str, str],
    refused: tuple[str, str] | None,
    stalled: tuple[str, str] | None,
    exhausted: str | None,
) -> list[tuple[str, str, str, str]]:
    """The conditions that kstatus knows: like a Job, a project is ready when it has done its work, and it is stalled
    when only a person can get it further."""
    if exhausted is not None:
        by_budget = ("True", str(ConditionType.BUDGET_EXHAUSTED), _cut(exhausted))
        return [(ConditionType.READY, "False", *by_budget[1:]), (ConditionType.STALLED, *by_budget)]
    if completed[0] != "True":
        reason, message = stalled or refused or (succeeded[1], completed[2])
        ready = (ConditionType.READY, "Unknown", reason, _cut(message))
        return [ready, (ConditionType.STALLED, "True", reason, _cut(message))] if stalled else [ready]
    ready = (ConditionType.READY, *succeeded)
    return [ready] if succeeded[0] == "True" else [ready, (ConditionType.STALLED, "True", *succeeded[1:])]


def _refused(graph: CompiledGraph, spec: Spec, plan: Plan, refusals: Mapping[str, str]) -> tuple[str, str] | None:
    """Reason and message if Jobs of tasks that could start are refused; None if none is.

    The message groups the tasks by the API server's message, which is usually the same for all.
    """
    if not refusals:
        return None
    waiting = [i for i, reason in enumerate(plan.reasons) if reason in REFUSALS]
    by_message: defaultdict[str, list[str]] = defaultdict(list)
    for i in waiting:
        if message := refusals.get(graph.ids[i]):
            by_message[message].append(graph.ids[i])
    if not by_message:
        return None
    counts = Counter(str(plan.reasons[i]) for i in waiting)
    groups = list(by_message.items())[:_REFUSED_NAMED]
    parts = [f"{listed(tasks, _REFUSED_NAMED)}: {message}" for message, tasks in groups]
    what = "1 task" if len(waiting) == 1 else f"{len(waiting)} tasks"
    return counts.most_common(1)[0][0], _cut(f"the API server refuses {spec.executor}s of {what}; {'; '.join(parts)}")


def _terminating(deletion: Deletion | None) -> list[tuple[str, str, str, str]]:
    """The condition of a project that was deleted; none if it was not."""
    return [] if deletion is None else [(ConditionType.TERMINATING, "True", "Deleted", _cut(deletion.message))]


def _failures(graph: CompiledGraph, plan: Plan, failed: Sequence[str]) -> str:
    shown = []
    for task_id in failed[:10]:
        record, why = plan.ledger.records.get(task_id, NEW), plan.reasons[graph.index[task_id]]
        code = f" {record.exit_code}" if record.exit_code is not None and why == record.reason else ""
        shown.append(f"{task_id} ({why}{code}, attempts {record.attempts})")
    rest = [*shown, *failed[10:]]
    return f"{len(failed)} failed: {listed(rest, 10)}"


def _dated(
    conditions: Sequence[tuple[str, str, str, str]], last: Mapping[str, Any], generation: int, now: float
) -> list[Json]:
    """Conditions with the time of their last change of status."""
    dated = []
    for kind, value, reason, message in conditions:
        before = condition(last, kind)
        same = before.get("status") == value and isinstance(before.get("lastTransitionTime"), str)
        dated.append(
            {
                "type": str(kind),
                "status": value,
                "reason": str(reason),
                "message": message,
                "observedGeneration": generation,
                "lastTransitionTime": before["lastTransitionTime"] if same else iso(int(now)),
            }
        )
    return dated


def _state_counts(counts: Counter[TaskState]) -> Json:
    return {state.value.lower(): counts[state] for state in TaskState}


def _level_counts(counts: Counter[TaskState]) -> Json:
    return {state.value.lower(): counts[state] for state in TaskState if state is not _PENDING}


def rows_of(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of a status; what is not in our format is ignored."""
    rows = status.get("tasks")
    rows = rows if isinstance(rows, list) else []
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


def _count(row: Mapping[str, Any], key: str) -> int:
    value = row.get(key)
    return value if isinstance(value, int) and 0 < value <= ATTEMPT_MAX else 0


def _cut(text: str) -> str:
    return text if len(text) <= _MESSAGE_MAX else text[: _MESSAGE_MAX - 1] + "…"


def _texts(found: object) -> dict[str, str]:
    """The texts of a map of a status, which someone else may have changed."""
    return (
        {str(key): each for key, each in found.items() if isinstance(each, str)} if isinstance(found, Mapping) else {}
    )
