"""What is printed at the end of a run: what happened, what failed and why, and what to try next."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.failures import all_done
from parallelproject.core.planner.plan import Ledger, Plan
from parallelproject.core.report.figures import measure
from parallelproject.core.times import duration
from parallelproject.local.engine.board import Board
from parallelproject.local.engine.earlier_sessions import History
from parallelproject.local.engine.engine import RunEnd
from parallelproject.local.engine.options import RunOptions
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.views.advice import advice
from parallelproject.local.views.plain import LOG_LINES, cause
from parallelproject.local.views.tail import last_lines
from parallelproject.model.problem import listed
from parallelproject.model.status import Reason, TaskState

if TYPE_CHECKING:
    from parallelproject.local.delivery.attempts import Deliveries
    from parallelproject.local.delivery.target import LandingTarget

_SHOWN = 20
"""Most tasks that are named in one list."""


class SummaryLine(NamedTuple):
    """A line and how it looks in colour."""

    text: str
    style: str = ""


def already_done(board: Board, history: History, options: RunOptions, target: "LandingTarget | None" = None) -> None:
    """Says that there is nothing to do."""
    count = len(board.graph.ids)
    if not count:
        _show([SummaryLine(f"{board.name}: there are no tasks", "yellow")], options)
        return
    when = datetime.fromtimestamp(history.last_end).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    tasks = f"{_all(count)} {'has' if count == 1 else 'have'} succeeded already"
    if skipped := board.states[TaskState.SKIPPED]:
        tasks = f"nothing is left to run: {count - skipped} of {count} tasks succeeded, {skipped} skipped by request"
    text = f"{board.name}: {tasks}, at {when}, in {duration(history.elapsed)}"
    landed, steps = _landed(board, target)
    lines = [SummaryLine(text, "green"), *landed, SummaryLine(""), SummaryLine("Next", "bold"), *steps]
    _show([*lines, _step(f"{options.rerun} --fresh", "starts over")], options)


def summary(
    board: Board,
    ledger: Ledger,
    failed: Mapping[str, int],
    directory: StateDirectory,
    end: RunEnd,
    options: RunOptions,
    deliveries: "Deliveries | None" = None,
) -> bool:
    """Tells how it ended.

    Args:
        board: The run.
        ledger: What is known of the tasks.
        failed: By task, the number of its last attempt that failed.
        directory: Where the logs are.
        end: Why it ended.
        options: Where to tell it, and by which command it was started.
        deliveries: How the work has landed, if anywhere.

    Returns:
        Whether all tasks have succeeded.
    """
    plan = board.plan
    if plan is None:
        return False
    states = Counter(plan.states)
    lines = [_headline(board, states, end, options), *_figures(board, ledger)]
    lines += _failures(board, plan, ledger, failed, directory)
    lines += _others(board, plan, ledger)
    landed, steps = _landed(board, deliveries.target if deliveries else None)
    remarks = deliveries.remarks(ledger.records) if deliveries else []
    lines += [
        *landed,
        *(SummaryLine(text, "yellow") for text in remarks),
        *(SummaryLine(text, "yellow") for text in advice(board, ledger)),
        *_next_steps(board, states, end, directory, options, steps),
    ]
    _show(lines, options)
    return all_done(board.graph, plan.states)


def _headline(board: Board, states: Counter[TaskState], end: RunEnd, options: RunOptions) -> SummaryLine:
    total, good = len(board.graph.ids), states[TaskState.SUCCEEDED]
    took = duration(board.clock.now() - board.began)
    if good == total:
        return SummaryLine(f"{board.name}: {_all(total)} succeeded in {took}", "bold green")
    if board.plan and all_done(board.graph, board.plan.states):
        skipped = f"{states[TaskState.SKIPPED]} skipped by request"
        return SummaryLine(f"{board.name}: {good} of {total} tasks succeeded, {skipped}, in {took}", "bold green")
    parts = [f"{good} of {total} tasks succeeded"]
    if states[TaskState.FAILED]:
        parts.append(f"{states[TaskState.FAILED]} failed")
    if end is RunEnd.COMPLETED and states[TaskState.SKIPPED]:
        parts.append(f"{states[TaskState.SKIPPED]} skipped")
    how = {
        RunEnd.INTERRUPTED: "interrupted: ",
        RunEnd.SUSPENDED: "suspended (spec.suspend is true): ",
        RunEnd.TROUBLE: "cut off: ",
    }.get(end, "")
    if board.plan and board.plan.stopped and end is RunEnd.COMPLETED:
        spec_stops = board.plan.stopped is Reason.STOPPED
        by = "by request" if board.stop_requested else "spec.stop is true"
        late = "--timeout" if options.seconds else "spec.activeDeadlineSeconds"
        how = f"stopped ({by}): " if spec_stops else f"stopped ({late}): "
    style = "bold yellow" if end is RunEnd.INTERRUPTED else "bold red"
    return SummaryLine(f"{board.name}: {how}{', '.join(parts)}, in {took}", style)


def _figures(board: Board, ledger: Ledger) -> list[SummaryLine]:
    now = board.clock.now()
    figures = measure(board.graph, replace(ledger, start_time=board.began, completion_time=now), now)
    if not figures.peak:
        return []
    parts = [
        f"work {duration(figures.work)}",
        f"speedup {figures.speedup:.2f}",
        f"efficiency {figures.efficiency:.2f} of {figures.peak} at once",
        f"critical path {duration(figures.critical_path)}",
    ]
    if figures.retries:
        parts.append(f"retries {figures.retries}")
    if figures.conflict_rate:
        parts.append(f"conflict rate {figures.conflict_rate:.2f}")
    return [SummaryLine("  " + " · ".join(parts))]


def _failures(
    board: Board, plan: Plan, ledger: Ledger, failed: Mapping[str, int], directory: StateDirectory
) -> list[SummaryLine]:
    names = [i for i, state in zip(board.graph.ids, plan.states, strict=True) if state is TaskState.FAILED]
    lines = [SummaryLine(""), SummaryLine("Failed", "bold red")] if names else []
    for task_id in names[:_SHOWN]:
        record = ledger.records.get(task_id, NEW)
        attempts = f"{record.attempts} attempt{'s' if record.attempts != 1 else ''}"
        log = directory.log(task_id, failed.get(task_id, record.attempts))
        lines.append(SummaryLine(f"  {task_id}: {cause(record.reason, record.exit_code)}, {attempts}", "red"))
        lines += [SummaryLine(f"    │ {line}", "dim") for line in last_lines(log, LOG_LINES)]
        lines.append(SummaryLine(f"    └ {_short(log)}", "dim"))
    if len(names) > _SHOWN:
        lines.append(SummaryLine(f"  and {len(names) - _SHOWN} more"))
    return lines


def _others(board: Board, plan: Plan, ledger: Ledger) -> list[SummaryLine]:
    records = [(task_id, ledger.records.get(task_id, NEW)) for task_id in board.graph.ids]
    good = [(i, r) for (i, r), state in zip(records, plan.states, strict=True) if state is TaskState.SUCCEEDED]
    retried = [f"{i} (attempt {r.attempts})" for i, r in good if r.failures]
    lines = [SummaryLine(f"Succeeded after failures: {listed(retried, _SHOWN)}", "yellow")] if retried else []
    again = [f"{i} (attempt {r.attempts})" for i, r in good if r.conflicts]
    lines += [SummaryLine(f"Run again after a conflict: {listed(again, _SHOWN)}", "yellow")] if again else []
    by_request = [i for i in board.graph.skipped if plan.states[i] is TaskState.SKIPPED]
    by_reason: dict[str, list[str]] = {}
    if by_request:
        by_reason["somebody asked for it"] = [board.graph.ids[i] for i in sorted(by_request)]
    for task_id, state, reason in zip(board.graph.ids, plan.states, plan.reasons, strict=True):
        if state is TaskState.SKIPPED and plan.completed and reason == Reason.DEPENDENCY_FAILED:
            by_reason.setdefault("a dependency failed", []).append(task_id)
        elif state is TaskState.SKIPPED and reason != Reason.SKIP_REQUESTED and plan.completed and not plan.stopped:
            by_reason.setdefault("the run ended with the failure before", []).append(task_id)
    lines += [SummaryLine(f"Skipped, because {why}: {listed(ids, _SHOWN)}") for why, ids in by_reason.items()]
    return [SummaryLine(""), *lines] if lines else []


def _landed(board: Board, target: "LandingTarget | None") -> tuple[list[SummaryLine], list[SummaryLine]]:
    """What the repository has of the run, and how to look at it."""
    if target is None:
        return [], []
    from parallelproject.git.plumbing.failure import GitFailedError  # here, because git is slow to load
    from parallelproject.local.views.landed import account, commands, report, warnings

    try:
        found = account(target, board.graph)
    except GitFailedError as error:
        return [SummaryLine(f"What landed cannot be told: {error}", "yellow")], []
    lines = [
        SummaryLine(""),
        *map(SummaryLine, report(found)),
        *(SummaryLine(text, "yellow") for text in warnings(found)),
    ]
    return lines, [_step(command, what) for command, what in commands(found)]


def _next_steps(
    board: Board,
    states: Counter[TaskState],
    end: RunEnd,
    directory: StateDirectory,
    options: RunOptions,
    first: Sequence[SummaryLine],
) -> list[SummaryLine]:
    steps = [*first]
    if end is RunEnd.SUSPENDED:
        steps.append(_step(options.rerun, "goes on, once spec.suspend is false"))
    elif end is not RunEnd.COMPLETED:
        steps.append(_step(options.rerun, "goes on from here; what succeeded is not run again"))
    elif states[TaskState.FAILED]:
        steps.append(_step(options.rerun, "tries what failed again, and goes on from there"))
    elif states[TaskState.SKIPPED] and board.plan and not all_done(board.graph, board.plan.states):
        steps.append(_step(options.rerun, "goes on from here"))
    else:
        outputs = shlex.quote(_short(f"{directory.path}/outputs"))
        steps.append(_step(f"ls {outputs}", "shows what the tasks put out"))
    steps.append(_step(f"{options.rerun} --fresh", "starts over"))
    return [SummaryLine(""), SummaryLine("Next", "bold"), *steps]


def _step(command: str, what: str) -> SummaryLine:
    return SummaryLine(f"  {command}    # {what}")


def _all(count: int) -> str:
    return f"all {count} tasks" if count != 1 else "the task"


def _short(path: str) -> str:
    """Relative to where the user is, where it lies below."""
    return path.removeprefix(f"{Path.cwd()}/")


def _show(lines: Sequence[SummaryLine], options: RunOptions) -> None:
    out = options.stdout
    try:
        if out.isatty() and not options.no_color:
            from rich.console import Console  # here, because rich is slow to load
            from rich.text import Text

            console = Console(file=out, highlight=False)
            for line in lines:
                console.print(Text(line.text, line.style), soft_wrap=True)
        else:
            out.write("\n".join(line.text for line in lines) + "\n")
        out.flush()
    except (OSError, ValueError):
        return  # nobody reads any more
