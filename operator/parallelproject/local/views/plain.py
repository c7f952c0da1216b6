"""The view for pipes and files: a line for everything that happens."""

import time
from collections.abc import Sequence
from typing import TextIO

from parallelproject.core.planner.attempt import NEW
from parallelproject.core.report.attention import need_of
from parallelproject.core.report.changes import Event, What
from parallelproject.core.report.event_words import hook_words
from parallelproject.core.times import duration
from parallelproject.local.engine.board import Board
from parallelproject.local.views.needs import command_for, is_question
from parallelproject.local.views.tail import last_lines, printable
from parallelproject.local.views.words import cause, follow_up, has_not_started, landed, step_passed, step_rejected
from parallelproject.model.status import TaskState

LOG_LINES = 5
"""Lines of its log that are shown of a failure."""
_WIDTH_MAX = 40
NEEDS = frozenset({What.NEEDS_APPROVAL, What.NEEDS_INPUT})
_STEPS = frozenset({What.STEP_PASSED, What.STEP_REJECTED})
SHOWN = _STEPS | {What.STARTED, What.SUCCEEDED, What.FAILED, What.STOPPED, What.SKIPPED}
"""What a run shows; the rest follows from these, or is in the summary."""


class PlainView:
    """Writes ``12:01:02 backend  succeeded in 1.2 s (3/24)``."""

    def __init__(self, board: Board, out: TextIO) -> None:
        self._out: TextIO | None = out
        self._width = min(_WIDTH_MAX, max(map(len, board.graph.ids), default=0))

    def take(self, project: Board, events: Sequence[Event]) -> None:
        """One line each; a failure also with the end of its log."""
        now = time.strftime("%H:%M:%S")
        lines = []
        done = project.states[TaskState.SUCCEEDED] - sum(event.what is What.SUCCEEDED for event in events)
        for event in events:
            if event.what in NEEDS:
                lines += _need(event, project, now, self._width)
            if event.hook:
                lines.append(f"{now} {hook_sentence(event)}")
                lines += _log_end(event) if event.what is What.HOOK_FAILED else []
            if is_question(event, project):
                lines += _notes(event)
                continue
            if event.what not in SHOWN and not has_not_started(event):
                continue
            done += event.what is What.SUCCEEDED  # of several that ended together, each counts one more
            lines.append(f"{now} {event.task:{self._width}}  {sentence(event, project, done)}")
            lines += _notes(event)
            if event.what in (What.FAILED, What.STEP_REJECTED) and event.log:
                lines += _log_end(event)
        self._write(lines)

    def say(self, notice: str) -> None:
        """A line."""
        self._write([f"{time.strftime('%H:%M:%S')} {notice}"])

    def draw(self) -> None:
        """There is no picture."""

    def close(self) -> None:
        """There is nothing to undo."""

    def _write(self, lines: Sequence[str]) -> None:
        if not (self._out and lines):
            return
        try:
            self._out.write("\n".join(lines) + "\n")
            self._out.flush()
        except (OSError, ValueError):
            self._out = None  # nobody reads any more: the run continues all the same


def _log_end(event: Event) -> list[str]:
    """The end of the log of a failure, and where it is."""
    return [*(f"           │ {line}" for line in last_lines(event.log, LOG_LINES)), f"           └ {event.log}"]


def hook_sentence(event: Event) -> str:
    """What happened to a hook: ``hook beforeLevel of L0 failed (exit code 3) after 0.3 s; the run continues``."""
    took = duration(event.took or 0.0)
    if event.what is What.HOOK_FAILED:
        how = f"failed ({cause(event.reason, event.exit_code)}) after {took}; {event.message}"
    else:
        how = "started" if event.what is What.HOOK_STARTED else f"succeeded in {took}"
    return f"hook {hook_words(event)} {how}"


def _notes(event: Event) -> list[str]:
    return [f"           ! {note}" for note in event.notes]


def _need(event: Event, board: Board, now: str, width: int) -> list[str]:
    """What waits for a person, and what to type."""
    record = board.plan.ledger.records.get(event.task, NEW) if board.plan else NEW
    need = need_of(event.task, TaskState.PENDING, event.reason, record)
    if need is None:
        return []
    return [f"{now} {event.task:{width}}  {printable(need.text)}", f"           → {command_for(need, board)}"]


def sentence(event: Event, board: Board, done: int) -> str:
    """What happened, without the task's name: ``failed (exit code 1) after 0.3 s; attempt 2 in 10 s``.

    Args:
        event: What happened.
        board: The run.
        done: How many tasks had succeeded with that.
    """
    took = duration(event.took or 0.0)
    if event.what is What.STARTED:
        step = f" step {event.step}" if event.step else ""
        return "started" + step + (f", attempt {event.number}" if event.number > 1 else "")
    if event.what is What.STEP_PASSED:
        return f"{step_passed(event)} after {took}"
    if event.what is What.STEP_REJECTED:
        return step_rejected(event, board)
    if event.what is What.SUCCEEDED:
        again = f" on attempt {event.number}" if event.number > 1 else ""
        work = f", {landed(event)}" if landed(event) else ""
        return f"succeeded in {took}{again}{work} ({done}/{len(board.graph.ids)})"
    if event.what is What.FAILED:
        step = f"step {event.step} " if event.step else ""
        return f"{step}failed ({cause(event.reason, event.exit_code)}) after {took}; {follow_up(event, board)}"
    if has_not_started(event):
        return f"failed before it started ({event.reason}): pproj why explains it"
    if event.what is What.STOPPED:
        return f"stopped after {took} ({event.reason})"
    return f"skipped ({event.reason})"
