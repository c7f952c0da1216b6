"""What the live view shows, as lines of text that fit a given size; knows nothing of terminals."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from rich.text import Text

from parallelproject.core.report.changes import Event, What
from parallelproject.core.report.event_words import hook_words
from parallelproject.core.times import duration
from parallelproject.local.engine.board import Board
from parallelproject.local.views.header import clock_time, header
from parallelproject.local.views.needs import command_for, needs_now
from parallelproject.local.views.tail import last_lines, printable
from parallelproject.local.views.task_rows import ShownTask, table
from parallelproject.local.views.words import (
    at_step,
    cause,
    follow_up,
    has_not_started,
    landed,
    step_passed,
    step_rejected,
)
from parallelproject.model.status import Reason, TaskState

_RECENT_MIN, _RECENT_MAX = 3, 8
_FAILURE_LINES = 2
_FAILURES_SHARE = 3
"""Failures take at most this part of the screen."""
_NEEDS_MAX, _NEEDS_SHARE = 4, 3
"""Maximum number of things that wait for a person and are shown, and the part of the screen that they take at most."""
_LOOKS = {
    What.SUCCEEDED: ("✓", "green"),
    What.FAILED: ("✗", "red"),
    What.STOPPED: ("■", "yellow"),
    What.STEP_PASSED: ("✓", "cyan"),
    What.STEP_REJECTED: ("↺", "yellow"),
    What.SKIPPED: ("○", "dim"),
    What.TASK_FAILED: ("✗", "red"),
    What.HOOK_FAILED: ("✗", "red"),
}
_WAITS = {
    Reason.WAITING_FOR_DEPENDENCIES: "for dependencies",
    Reason.WAITING_FOR_LEVEL: "for their level",
    Reason.WAITING_FOR_MERGE: "for a merge",
    Reason.WAITING_FOR_CAPACITY: "for other projects",
    Reason.WAITING_FOR_PROJECT: "for another project",
    Reason.WAITING_FOR_SLOT: "for a slot",
    Reason.WAITING_FOR_FILES: "for files that others write",
    Reason.WAITING_FOR_ROLE: "for their role",
    Reason.WAITING_FOR_APPROVAL: "for approval",
    Reason.WAITING_FOR_INPUT: "for an answer",
    Reason.WAITING_FOR_HOOK: "for a hook",
    Reason.BACKOFF: "for a retry",
    Reason.SUSPENDED: "for the end of suspension",
    Reason.STARTING: "to start",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a picture is made of."""

    board: Board
    recent: Sequence[Event] = ()
    """What has ended, the latest last."""
    failures: Mapping[str, Event] = field(default_factory=dict)
    """By task that failed for good, its last attempt, the latest last."""
    ends_at: float | None = None
    """When the run is expected to end; None where nobody can know."""


def picture(scene: Scene, width: int, height: int) -> list[Text]:
    """At most ``height`` lines of at most ``width`` cells: the header, what failed for good, what is running, what has
    ended, what waits."""
    board = scene.board
    now = board.clock.now()
    ends = [*_needs(board, height), *(line for line in (_waiting(board), _notice(board)) if line)]
    room = height - 1 - len(ends)  # the header, and the lines at the end
    shown = min(len(scene.failures), room // _FAILURES_SHARE // _FAILURE_LINES)
    failures = list(scene.failures.values())[len(scene.failures) - shown :]
    room -= shown * _FAILURE_LINES + (1 if shown else 0) + (1 if len(scene.failures) > shown else 0)
    # However much is running, what has ended last stays in sight.
    left = max(1, room - 2 - min(_RECENT_MIN, len(scene.recent)))
    count = len(board.running) + len(board.hooks_running)
    running = count if count <= left else max(0, left - 1)
    room -= min(count, left) + 1
    recent = max(0, min(_RECENT_MAX, room - 1, len(scene.recent)))
    rows = [_failed(event, board) for event in failures]
    rows += _running(board, now, running)
    rows += [_finished(event, board) for event in list(scene.recent)[len(scene.recent) - recent :]]
    lines = table(rows, board.graph, width)
    blocks = [
        [header(board, now, scene.ends_at, width)],
        _with_logs(lines[:shown], failures, len(scene.failures), width),
        lines[shown : shown + running] + _more(count - running, "running"),
        lines[shown + running :],
        ends,
    ]
    return _fitted(blocks, width, height)


def _fitted(blocks: Sequence[Sequence[Text]], width: int, height: int) -> list[Text]:
    """The blocks with empty lines between them, as far as there is room for those."""
    lines: list[Text] = []
    for block in blocks:
        if block and lines and len(lines) + len(block) < height:
            lines.append(Text())
        lines += block
    lines = lines[:height]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _with_logs(lines: Sequence[Text], failures: Sequence[Event], total: int, width: int) -> list[Text]:
    """Below each failure where its log is."""
    found: list[Text] = []
    for line, event in zip(lines, failures, strict=True):
        found += [line, Text(f"  └ {_short(event.log, width - 4)}", "dim")]
    return found + _more(total - len(lines), "failed")


def _more(count: int, what: str) -> list[Text]:
    return [Text(f"  and {count} more {what}", "dim")] if count > 0 else []


def _failed(event: Event, board: Board) -> ShownTask:
    note = f"failed: {cause(event.reason, event.exit_code)}"
    return ShownTask("✗", "bold red", event.task, duration(event.took or 0.0), note, "red")


def _running(board: Board, now: float, count: int) -> list[ShownTask]:
    """The hooks and the attempts that run: for how long, and what each printed last."""
    rows = []
    for task, running in islice(chain(board.hooks_running.items(), board.running.items()), count):
        line = last_lines(running.log, 1)
        again = "hook  " if task in board.hooks_running else ""
        again += f"attempt {running.number}  " if running.number > 1 and not running.step else ""
        text = at_step(running.step) + again + (line[0] if line else "")
        rows.append(ShownTask("▶", "cyan", task, clock_time(now - running.started), text, "dim", is_whole=False))
    return rows


def _finished(event: Event, board: Board) -> ShownTask:
    sign, style = _LOOKS.get(event.what, (" ", ""))
    if event.what is What.HOOK_FAILED:
        note = f"hook: {cause(event.reason, event.exit_code)}; {event.message}"
        return ShownTask(sign, style, hook_words(event), duration(event.took or 0.0), note, style)
    if event.what is What.FAILED:
        note = f"{cause(event.reason, event.exit_code)}; {follow_up(event, board)}"
    elif event.what is What.SUCCEEDED:
        note = landed(event)
    elif event.what is What.STEP_PASSED:
        note = step_passed(event)
    elif event.what is What.STEP_REJECTED:
        note = step_rejected(event, board)
    elif has_not_started(event):
        note = f"failed before it started ({event.reason})"
    else:
        note = f"{'stopped' if event.what is What.STOPPED else 'skipped'} ({event.reason})"
    took = "" if event.what in (What.SKIPPED, What.TASK_FAILED) else duration(event.took or 0.0)
    return ShownTask(sign, style, event.task, took, note, style)


def _needs(board: Board, height: int) -> list[Text]:
    """What waits for a person: two lines each, with the command."""
    found = [need for need in needs_now(board) if need.verb != "retry"]
    shown = max(1, min(_NEEDS_MAX, height // _NEEDS_SHARE // 2))
    lines = []
    for need in found[:shown]:
        about = Text(f"{need.task} ", "bold") if need.task else Text()
        lines.append(Text.assemble(("? ", "bold yellow"), about, printable(need.text)))
        lines.append(Text(f"  {command_for(need, board)}", "yellow"))
    if len(found) > shown:
        lines.append(Text(f"  and {len(found) - shown} more: pproj get{board.place} {board.name}", "dim"))
    return lines


def _waiting(board: Board) -> Text | None:
    if board.plan is None:
        return None
    reasons = Counter(
        reason
        for task, state, reason in zip(board.graph.ids, board.plan.states, board.plan.reasons, strict=True)
        if state is TaskState.PENDING and task not in board.running
    )
    if not reasons:
        return None
    parts = [f"{reasons[reason]} {words}" for reason, words in _WAITS.items() if reasons[reason]]
    return Text(f"{sum(reasons.values())} waiting: {' · '.join(parts)}", "dim")


def _notice(board: Board) -> Text | None:
    return Text(board.notice, "bold yellow") if board.notice else None


def _short(path: str, width: int) -> str:
    """A path relative to where the user is; of a long one the end, which names the task."""
    shown = path.removeprefix(f"{Path.cwd()}/")
    return shown if len(shown) <= width else f"…{shown[max(1, len(shown) - width + 1) :]}"
