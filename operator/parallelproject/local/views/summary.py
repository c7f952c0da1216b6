"""What is printed at the end of a run: what happened, what failed and why, and what to try next."""

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from parallelproject.core.followups.success import are_all_done, is_success
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.hooks.hook_runs import rows_by_occasion
from parallelproject.core.planner.agent_usage import decimal_text
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.planner.budget import spent_text
from parallelproject.core.planner.inputs import missing, source_words
from parallelproject.core.planner.plan import Ledger, Plan
from parallelproject.core.report.budget_status import budgets_now, exhausted_text, shortage_now
from parallelproject.core.report.figures import measure
from parallelproject.core.report.step_words import failed_by_gate
from parallelproject.core.times import duration
from parallelproject.local.engine.board import Board
from parallelproject.local.engine.earlier_sessions import History
from parallelproject.local.engine.engine import RunEnd
from parallelproject.local.engine.options import RunOptions
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.views.advice import advice
from parallelproject.local.views.needs import command_for, needs_at_end
from parallelproject.local.views.page import NextStep, PageLine, show, width_of
from parallelproject.local.views.plain import LOG_LINES
from parallelproject.local.views.tail import last_lines, printable
from parallelproject.local.views.task_rows import title_of
from parallelproject.local.views.times import times
from parallelproject.local.views.words import cause
from parallelproject.local.views.wrapping import wrapped
from parallelproject.model.problem import listed
from parallelproject.model.status import HookRunState, Reason, TaskState

if TYPE_CHECKING:
    from parallelproject.local.agents.ends import AgentEnds
    from parallelproject.local.delivery.attempts import Deliveries
    from parallelproject.local.delivery.target import LandingTarget

_OF_LOG = "    │ "
_SHOWN = 20
"""Most tasks that are named in one list."""


def already_done(board: Board, history: History, options: RunOptions, target: "LandingTarget | None" = None) -> None:
    """Says that there is nothing to do."""
    count = len(board.graph.ids)
    if not count:
        _show([PageLine(f"{board.name}: there are no tasks", "yellow")], options)
        return
    when = datetime.fromtimestamp(history.last_end).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    tasks = f"{_all(count)} {'has' if count == 1 else 'have'} succeeded already"
    if skipped := board.states[TaskState.SKIPPED]:
        tasks = f"nothing is left to run: {count - skipped} of {count} tasks succeeded, {_skipped(board)}"
    text = f"{board.name}: {tasks}, at {when}, in {duration(history.elapsed)}"
    landed, steps = _landed(board, target)
    steps = [*steps, NextStep("Start over", f"{options.rerun} --fresh")]
    _show([PageLine(text, "green"), *landed, *_next(steps)], options)


def summary(
    board: Board,
    ledger: Ledger,
    failed: Mapping[str, int],
    directory: StateDirectory,
    end: RunEnd,
    options: RunOptions,
    deliveries: "Deliveries | None" = None,
    agents: "AgentEnds | None" = None,
) -> bool:
    """Prints how it ended.

    Args:
        board: The run.
        ledger: What is known of the tasks.
        failed: By task, the number of its last attempt that failed.
        directory: Where the logs are.
        end: Why it ended.
        options: Where to print it, and by which command it was started.
        deliveries: How the work has landed, if anywhere.
        agents: What agents say of their ends, if there are any.

    Returns:
        Whether all tasks have succeeded.
    """
    plan = board.plan
    if plan is None:
        return False
    states = Counter(plan.states)
    lines: list[PageLine | NextStep] = [
        _headline(board, states, end, options),
        *_figures(board, ledger),
        *_spent(agents),
        *_budgets(board, plan),
    ]
    lines += _failures(board, plan, ledger, failed, directory, width_of(options.stdout))
    lines += _failed_hooks(board, directory)
    lines += _needs(board, ledger)
    lines += _others(board, plan, ledger)
    lines += times(board.graph, ledger.records, plan.states, width_of(options.stdout), _spent_by(agents))
    landed, steps = _landed(board, deliveries.target if deliveries else None)
    remarks = remarks_of(board, ledger, failed, deliveries, agents)
    lines += [
        *landed,
        *(PageLine(text, "yellow") for text in remarks),
        *(PageLine(text, "yellow") for text in advice(board, ledger)),
        *_next(_next_steps(board, states, end, directory, options, steps)),
    ]
    _show(lines, options)
    return is_success(board.graph, plan)


def remarks_of(
    board: Board,
    ledger: Ledger,
    failed: Mapping[str, int],
    deliveries: "Deliveries | None",
    agents: "AgentEnds | None",
) -> list[str]:
    """What the end of the run says of the tasks' work and of failed agents, a line each."""
    remarks = deliveries.remarks(ledger.records) if deliveries else []
    if agents and board.plan:
        states = zip(board.graph.ids, board.plan.states, strict=True)
        names = [task for task, state in states if state is TaskState.FAILED]
        remarks += agents.remarks({task: failed[task] for task in names if task in failed})
    return remarks


def _headline(board: Board, states: Counter[TaskState], end: RunEnd, options: RunOptions) -> PageLine:
    total, good = len(board.graph.ids), states[TaskState.SUCCEEDED]
    took = duration(board.elapsed)
    is_broken = board.verified is not None and board.verified[0] == "False"
    style = "bold yellow" if is_broken else "bold green"
    broken = ", but what they landed fails a check," if is_broken else ""
    is_failed = board.plan is not None and not are_all_done(board.graph, board.plan)  # a hook may have failed at last
    if good == total and not is_failed:
        return PageLine(f"{board.name}: {_all(total)} succeeded{broken} in {took}", style)
    if board.plan and not is_failed:
        text = f"{good} of {total} tasks succeeded, {_skipped(board)},{broken.removeprefix(',')} in {took}"
        return PageLine(f"{board.name}: {text}", style)
    parts = [f"{good} of {total} tasks succeeded"]
    if states[TaskState.FAILED]:
        parts.append(f"{states[TaskState.FAILED]} failed")
    if end is RunEnd.COMPLETED and states[TaskState.SKIPPED]:
        parts.append(f"{states[TaskState.SKIPPED]} skipped")
    how = {
        RunEnd.INTERRUPTED: "interrupted: ",
        RunEnd.SUSPENDED: "suspended (spec.suspend is true): ",
        RunEnd.EXHAUSTED: "the budget is used up: ",
        RunEnd.TROUBLE: "cut off: ",
    }.get(end, "")
    if board.plan and board.plan.stopped and end is RunEnd.COMPLETED:
        spec_stops = board.plan.stopped is Reason.STOPPED
        by = "by request" if board.stop_requested else "spec.stop is true"
        late = "--timeout" if options.seconds else "spec.activeDeadlineSeconds"
        how = f"stopped ({by}): " if spec_stops else f"stopped ({late}): "
        if board.plan.stopped is Reason.HOOK_FAILED:
            how = f"stopped (the hook {board.plan.ledger.hooks.failed} failed): "
    style = "bold yellow" if end in (RunEnd.INTERRUPTED, RunEnd.EXHAUSTED) else "bold red"
    return PageLine(f"{board.name}: {how}{', '.join(parts)}, in {took}", style)


def _skipped(board: Board) -> str:
    """How many tasks are skipped in a run that has all that it needs, and why."""
    unmet = len(board.plan.unmet) if board.plan else 0
    asked = board.states[TaskState.SKIPPED] - unmet
    counts = [(asked, "by request"), (unmet, "by a condition")]
    return ", ".join(f"{number} skipped {why}" for number, why in counts if number)


def _figures(board: Board, ledger: Ledger) -> list[PageLine]:
    figures = measure(board.graph, board.measured(ledger), board.clock.now())
    if not figures.peak:
        return []
    parts = [
        f"work {duration(figures.work)}",
        f"speedup {figures.speedup:.2f}",
        f"efficiency {figures.efficiency:.2f} (speedup / peak of {figures.peak} running)",
        f"critical path {duration(figures.critical_path)}",
    ]
    if figures.retries:
        parts.append(f"retries {figures.retries}")
    if figures.conflict_rate:
        parts.append(f"conflict rate {figures.conflict_rate:.2f} (conflicts / landings)")
    return [PageLine("  " + " · ".join(parts))]


def _spent(agents: "AgentEnds | None") -> list[PageLine]:
    """What the agents have used in all sessions."""
    spent = agents.spent_in_all() if agents else None
    if not spent or not spent.text:
        return []
    return [PageLine(f"  agents used {spent.text}" + (f" ({spent.gap})" if spent.gap else ""))]


def _budgets(board: Board, plan: Plan) -> list[PageLine]:
    """What is spent of each budget; if that ended the run, the figures and the fix."""
    lines = [PageLine(f"  {', '.join(map(spent_text, budgets_now(board.graph, board.spec, plan)))}")]
    if plan.is_exhausted:
        lines.append(PageLine(exhausted_text(board.graph, board.spec, plan), "yellow"))
    return lines if board.spec.budgets else []


def _spent_by(agents: "AgentEnds | None") -> Callable[[str], str]:
    return (lambda task: agents.spent(task).text) if agents else lambda task: ""


def _failures(
    board: Board, plan: Plan, ledger: Ledger, failed: Mapping[str, int], directory: StateDirectory, width: int
) -> list[PageLine]:
    names = [i for i, state in zip(board.graph.ids, plan.states, strict=True) if state is TaskState.FAILED]
    lines = [PageLine(""), PageLine("Failed", "bold red")] if names else []
    for task_id in names[:_SHOWN]:
        record = ledger.records.get(task_id, NEW)
        reason = plan.reasons[board.graph.index[task_id]]
        if reason == Reason.VERIFICATION_FAILED and board.verified:
            lines.append(PageLine(f"  {task_id}: its landed work breaks a check: {board.verified[2]}", "red"))
            continue
        if reason == Reason.OUTPUT_MISSING:
            lines.append(PageLine(f"  {task_id}: {_not_started(board.graph, ledger.records, task_id)}", "red"))
            continue
        log = directory.log(task_id, failed.get(task_id, record.attempts))
        rejected = failed_by_gate(board.graph, board.graph.index[task_id], record)
        why = rejected or f"{cause(record.reason, record.exit_code)}, {_attempts(record)}"
        lines.append(PageLine(f"  {task_id}: {why}", "red"))
        title = title_of(task_id, board.graph).plain
        lines += [PageLine(f"    {title}")] if title else []
        said = [part for line in last_lines(log, LOG_LINES) for part in wrapped(line, width - len(_OF_LOG), "")]
        lines += [PageLine(_OF_LOG + line, "dim", is_whole=True) for line in said]
        lines.append(PageLine(f"    └ {_short(log)}", "dim", is_whole=True))
    if len(names) > _SHOWN:
        lines.append(PageLine(f"  and {len(names) - _SHOWN} more"))
    return lines


def _failed_hooks(board: Board, directory: StateDirectory) -> list[PageLine]:
    """The hooks that have failed, with their logs."""
    rows = rows_by_occasion(list(board.hooks.rows)) if board.hooks else {}
    failed = [(occasion, row) for occasion, row in rows.items() if row["state"] == HookRunState.FAILED]
    lines = [PageLine(""), PageLine("Failed hooks", "bold yellow")] if failed else []
    for occasion, row in failed[:_SHOWN]:
        why = cause(row.get("reason") or Reason.EXIT_CODE, row.get("exitCode"))
        log = directory.hook_log(occasion.step, row["attempts"])
        lines.append(PageLine(f"  {occasion}: {why}", "yellow"))
        lines += [PageLine(_OF_LOG + line, "dim", is_whole=True) for line in last_lines(log, LOG_LINES)]
        lines.append(PageLine(f"    └ {_short(log)}", "dim", is_whole=True))
    if len(failed) > _SHOWN:
        lines.append(PageLine(f"  and {len(failed) - _SHOWN} more"))
    return lines


def _needs(board: Board, ledger: Ledger) -> list[PageLine | NextStep]:
    """What waits for a person; a login that failed is among the failures and remarks."""
    found = [need for need in needs_at_end(board, ledger) if need.verb != "retry"]
    lines: list[PageLine | NextStep] = [PageLine(""), PageLine("Needs attention", "bold yellow")] if found else []
    lines += [NextStep(printable(need.sentence), command_for(need, board)) for need in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(PageLine(f"  and {len(found) - _SHOWN} more"))
    return lines


def _not_started(graph: CompiledGraph, records: Mapping[str, Record], task: str) -> str:
    lacking = missing(graph, graph.index[task], records)
    return f"did not start: {'; '.join(source_words(graph, source, records) for source in lacking)}"


def _others(board: Board, plan: Plan, ledger: Ledger) -> list[PageLine]:
    records = [(task_id, ledger.records.get(task_id, NEW)) for task_id in board.graph.ids]
    good = [(i, r) for (i, r), state in zip(records, plan.states, strict=True) if state is TaskState.SUCCEEDED]
    retried = [f"{i} (attempt {r.attempts})" for i, r in good if r.failures]
    lines = [PageLine(f"Succeeded after failures: {listed(retried, _SHOWN)}", "yellow")] if retried else []
    again = [f"{i} (attempt {r.attempts})" for i, r in good if r.conflicts]
    lines += [PageLine(f"Rerun after a merge conflict: {listed(again, _SHOWN)}", "yellow")] if again else []
    by_request = [i for i in board.graph.skipped if plan.states[i] is TaskState.SKIPPED]
    by_reason: dict[str, list[str]] = {}
    if by_request:
        by_reason["a user asked for it"] = [board.graph.ids[i] for i in sorted(by_request)]
    for task_id, state, reason in zip(board.graph.ids, plan.states, plan.reasons, strict=True):
        if state is TaskState.SKIPPED and reason == Reason.CONDITION_FALSE:
            by_reason.setdefault("a condition does not hold", []).append(task_id)
        elif state is TaskState.SKIPPED and plan.completed and reason == Reason.DEPENDENCY_FAILED:
            by_reason.setdefault("a dependency failed", []).append(task_id)
        elif state is TaskState.SKIPPED and reason != Reason.SKIP_REQUESTED and plan.completed and not plan.stopped:
            by_reason.setdefault("the run ended after a failure", []).append(task_id)
    lines += [PageLine(f"Skipped, because {why}: {listed(ids, _SHOWN)}") for why, ids in by_reason.items()]
    return [PageLine(""), *lines] if lines else []


def _landed(board: Board, target: "LandingTarget | None") -> tuple[list[PageLine], list[NextStep]]:
    """What the repository has of the run, and how to look at it."""
    if target is None:
        return [], []
    from parallelproject.git.plumbing.failure import GitFailedError  # here, because git is slow to load
    from parallelproject.local.views.landed import account, commands, report, warnings

    try:
        found = account(target, board.graph)
    except GitFailedError as error:
        return [PageLine(f"What landed cannot be read: {error}", "yellow")], []
    is_done = board.plan is not None and is_success(board.graph, board.plan)
    lines = [
        PageLine(""),
        *map(PageLine, report(found)),
        *(PageLine(text, "yellow") for text in warnings(found)),
    ]
    return lines, [NextStep(what, command) for command, what in commands(found, is_done=is_done)]


def _next_steps(
    board: Board,
    states: Counter[TaskState],
    end: RunEnd,
    directory: StateDirectory,
    options: RunOptions,
    first: Sequence[NextStep],
) -> list[NextStep]:
    if not options.rerun:
        return list(first)
    if end is RunEnd.SUSPENDED:
        return [*first, NextStep("Resume, once spec.suspend is false", options.rerun)]
    if end is RunEnd.EXHAUSTED and board.plan:
        return [
            *first,
            NextStep("Continue with a larger budget", _with_larger_budget(board, board.plan, options.rerun)),
        ]
    if end is not RunEnd.COMPLETED:
        return [*first, NextStep("Resume from here; what succeeded is kept", options.rerun)]
    if board.plan and board.plan.stopped is Reason.HOOK_FAILED:
        return [*first, NextStep("Run the hook again, and resume", options.rerun)]
    if states[TaskState.FAILED]:
        return [*first, NextStep("Retry what failed, and resume (--fresh starts over)", options.rerun)]
    if states[TaskState.SKIPPED] and board.plan and not are_all_done(board.graph, board.plan):
        return [*first, NextStep("Resume from here (--fresh starts over)", options.rerun)]
    outputs = shlex.quote(_short(f"{directory.path}/outputs"))
    return [
        *first,
        NextStep("Show the outputs of the tasks", f"ls {outputs}"),
        NextStep("Start over", f"{options.rerun} --fresh"),
    ]


def _with_larger_budget(board: Board, plan: Plan, command: str) -> str:
    """The command line with twice the budget that is used up; as it is, where the spec has to be changed for that."""
    found = shortage_now(board.graph, board.spec, plan)
    if found is None or found.line.role:
        return command
    unit, kept = f"{found.line.unit}=", list[str]()
    for word in shlex.split(command):
        if kept and kept[-1] == "--budget" and word.startswith(unit):
            kept.pop()
        elif not word.startswith(f"--budget={unit}"):
            kept.append(word)
    return f"{shlex.join(kept)} --budget {unit}{decimal_text(2 * max(found.line.limit, found.line.spent + found.own))}"


def _next(steps: Sequence[NextStep]) -> list[PageLine | NextStep]:
    return [PageLine(""), PageLine("Next", "bold"), *steps]


def _attempts(record: Record) -> str:
    """How many attempts failed: one that was stopped is no failure."""
    failed = min(record.attempts, record.failures + record.conflicts)
    if failed == record.attempts:
        return f"{failed} attempt{'' if failed == 1 else 's'}"
    return f"{failed} of {record.attempts} attempts failed"


def _all(count: int) -> str:
    return f"all {count} tasks" if count != 1 else "the task"


def _short(path: str) -> str:
    """Relative to where the user is, where it lies below."""
    return path.removeprefix(f"{Path.cwd()}/")


def _show(lines: Sequence[PageLine | NextStep], options: RunOptions) -> None:
    show(lines, options.stdout, no_color=options.no_color)
