"""``pproj watch``: a project as it runs; live on a terminal, a line for each change in a pipe."""

import asyncio
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from parallelproject.cli.cluster.wait_for_end import ProgressView, tell_result, until_end
from parallelproject.cli.input.arguments import NameOrOnly, Timeout
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.input.typed_times import seconds
from parallelproject.cli.output import terminal
from parallelproject.cli.output.program import typed
from parallelproject.core.report.attention import needs_of_rows
from parallelproject.core.report.changes import What, changes
from parallelproject.core.report.readings import StatusReading
from parallelproject.core.report.status import read_row
from parallelproject.local.views.window import can_redraw

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader

Json = dict[str, Any]

_SHOWN = frozenset(
    {
        What.STARTED,
        What.SUCCEEDED,
        What.FAILED,
        What.STOPPED,
        What.TASK_FAILED,
        What.SKIPPED,
        What.CHANGED,
        What.NEEDS_APPROVAL,
        What.NEEDS_INPUT,
    }
)
"""Events after which a task's row looks different."""


@on_project
async def run(reader: "ProjectReader", name: NameOrOnly = "", limit: Timeout = None) -> int:
    """Follow a project until it ends.

    Exit code: 0 when all tasks succeeded, 1 when some did not or the project was not accepted, 2 after --timeout.
    """
    return await follow_visibly(reader, name, seconds(limit))


async def follow_visibly(reader: "ProjectReader", name: str, limit: float | None) -> int:
    """Follows a project to its end and shows it; the exit code.

    Ctrl-C ends the watching alone, and says so.
    """
    try:
        return await _followed(reader, name, limit)
    except asyncio.CancelledError:  # by Ctrl-C: asyncio.run turns it into a KeyboardInterrupt
        terminal.say(f"\n{name} continues; {typed()} watch{reader.options} {name} follows it again")
        raise


async def _followed(reader: "ProjectReader", name: str, limit: float | None) -> int:
    if not can_redraw(sys.stdout):
        lines = Lines(reader.options)
        code = await until_end(reader, name, lines, limit)
        tell_result(lines.project)
        return code
    from parallelproject.cli.commands.watch_live import Live  # here, because rich is slow to load

    with Live(reader.options) as live:
        code = await until_end(reader, name, live, limit)
    tell_result(live.project)
    return code


class Lines(ProgressView):
    """A line for each task that changed, and for each change of the whole."""

    def __init__(self, options: str = "") -> None:
        """Prepares it; ``options`` mean the place of the project in commands."""
        self.project: Json | None = None
        self._options = options
        self._last = StatusReading({})
        self._progress: object = None

    def show(self, project: Json) -> None:
        """Prints what has changed since the last time."""
        self.project = project
        status = project.get("status") or {}
        before, self._last = self._last, StatusReading(status)
        events = changes(before, self._last)
        for task in dict.fromkeys(event.task for event in events if event.what in _SHOWN):
            row = self._last.rows[task]
            self._say(line_of(row))
            for need in needs_of_rows([(row, read_row(row))]):
                terminal.show(terminal.one_line(need.text))
                terminal.show_next([need.command(project["metadata"]["name"], self._options, typed())])
        progress = (status.get("progress"), status.get("currentLevel"))
        if progress != self._progress and status.get("progress"):
            counts = status.get("counts") or {}
            self._say(
                f"{status['progress']} done, {counts.get('running', 0)} running, {counts.get('failed', 0)} failed"
                + (f", level {status['currentLevel']}" if status.get("currentLevel") else "")
            )
        self._progress = progress

    def _say(self, text: str) -> None:
        terminal.show(terminal.one_line(f"{time.strftime('%H:%M:%S')} {text}"))
        sys.stdout.flush()


def line_of(row: Mapping[str, Any]) -> str:
    """A row in a line: ``backend Failed: ExitCode 3 (attempt 2)``."""
    reason = row.get("reason") or (row.get("failure") if row.get("state") == "Pending" else None)
    text = f"{row['id']} {row.get('state')}"
    if reason:
        text += f": {reason}"
        if row.get("exitCode") is not None and reason == "ExitCode":
            text += f" {row['exitCode']}"
    return text + (f" (attempt {row['attempts']})" if row.get("attempts") else "")
