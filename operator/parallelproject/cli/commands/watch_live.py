"""The live picture of ``pproj watch``: what is done, what runs and for how long, what failed."""

import sys
import time
from typing import Any, Self

from rich import live
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from parallelproject.cli.cluster.state import rows
from parallelproject.cli.cluster.wait_for_end import ProgressView
from parallelproject.cli.output import terminal
from parallelproject.cli.output.layout import cut
from parallelproject.cli.output.program import typed
from parallelproject.cli.output.tables import span
from parallelproject.core.report.attention import needs_of_status
from parallelproject.core.report.bar import bar, states_of
from parallelproject.core.report.status import condition, read_row
from parallelproject.core.times import epoch
from parallelproject.model.names import level_name

Json = dict[str, Any]

_BAR = 24
_REST = 12
"""Lines of the screen that are not for tasks."""
_FINISHED = 3
"""Most tasks that succeeded lately that are shown."""
_NEEDS_SHOWN = 2
"""Most things that are shown of those that wait for a person, with two lines each."""
_COUNTED = ("running", "failed", "skipped")
_GAP = 2
_ACTIVE = ("Backoff", "Starting")
_STYLES = {"Running": "cyan", "Failed": "red", "Succeeded": "green", "Skipped": "dim", "Pending": "yellow"}


class Live(ProgressView):
    """Shows a project on a terminal until the block ends; its last picture stays."""

    def __init__(self, options: str = "") -> None:
        """Prepares it; ``options`` mean the place of the project in commands."""
        self.project: Json | None = None
        self._options = options
        console = terminal.console(sys.stdout)
        self._live = live.Live(self, console=console, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, project: Json) -> None:
        """Takes in a change; the screen follows by itself."""
        self.project = project

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The picture as it is now: times advance between two changes."""
        if self.project is not None:
            room = (options.height or console.height) - _REST
            yield picture(self.project, time.time(), max(3, room), options.max_width, self._options)


def picture(project: Json, now: float, room: int, width: int, options: str = "") -> Group:
    """What there is to see of a project, with up to ``room`` tasks in lines of ``width`` characters.

    Args:
        project: The project.
        now: Seconds since the epoch.
        room: Lines for tasks.
        width: Of a line.
        options: What means its place in a command.
    """
    status = project.get("status") or {}
    if not status.get("conditions"):
        return Group(Text(f"{project['metadata']['name']}: the operator has not seen it yet", style="yellow"))
    titles = {task["id"]: task.get("title", "") for task in project["spec"].get("tasks") or ()}
    parts: list[Any] = [_headline(project, status, now), Text(), _levels(status, max(3, room // 2), width)]
    active = [row for row in rows(project) if row.get("state") == "Running" or row.get("reason") in _ACTIVE]
    failed = [row for row in rows(project) if row.get("state") == "Failed"]
    shown = [*failed[: room // 2], *active][:room]
    finished = sorted(
        (row for row in rows(project) if row.get("state") == "Succeeded"), key=lambda row: row.get("completionTime", "")
    )[-max(0, min(_FINISHED, room - len(shown))) :]
    finished = finished if len(shown) < room else []
    if shown or finished:
        parts += [Text(), _tasks([*shown, *finished], titles, now, width)]
    hidden = len(active) + len(failed) - len(shown)
    if hidden:
        parts.append(Text(f"  and {hidden} more, running or failed", style="dim"))
    needs = needs_of_status(status, ((row, read_row(row)) for row in rows(project)))
    for need in needs[:_NEEDS_SHOWN]:
        parts.append(Text(cut(f"  ? {terminal.one_line(need.sentence)}", width), style="yellow"))
        parts.append(Text(f"    {need.command(project['metadata']['name'], options, typed())}"))
    if len(needs) > _NEEDS_SHOWN:
        parts.append(Text(f"  and {len(needs) - _NEEDS_SHOWN} more wait for a person", style="dim"))
    if failed:
        name = project["metadata"]["name"]
        parts.append(Text(f"  {typed()} why {name} {failed[0]['id']}  explains a failure", style="dim"))
    return Group(*parts)


def _headline(project: Json, status: Json, now: float) -> Text:
    counts = status.get("counts") or {}
    ended = condition(status, "Completed").get("status") == "True"
    reason = condition(status, "Succeeded").get("reason") or condition(status, "Accepted").get("reason")
    started = epoch(status.get("startTime"))
    end = epoch(status.get("completionTime")) if ended else now
    text = Text.assemble((project["metadata"]["name"], "bold"), f"  {reason}  {status.get('progress', '')} done")
    for key in ("running", "failed", "skipped", "pending"):
        if counts.get(key):
            text.append(f", {counts[key]} {key}", style="red" if key == "failed" else "")
    if status.get("currentLevel") and not ended:
        text.append(f"  {status['currentLevel']}", style="bold")
    if started is not None and end is not None:
        text.append(f"  {span(end - started)}", style="dim")
    return text


def _levels(status: Json, room: int, width: int) -> Table:
    """A bar for each level, and its tasks that are running, failed or skipped."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    levels = status.get("levels") or []
    first = next((i for i, level in enumerate(levels) if _open(level)), len(levels))
    start = max(0, min(first - room // 2, len(levels) - room))
    for level in levels[start : start + room]:
        parts = bar(states_of(level), min(_BAR, max(_BAR // 2, width // 4)))
        text = f"{level.get('succeeded', 0)}/{level.get('total', 0)} done"
        text += "".join(f", {level[key]} {key}" for key in _COUNTED if level.get(key))
        drawn = Text.assemble(*((part.text, _STYLES[part.state.value]) for part in parts))
        table.add_row(Text(level_name(level.get("index", 0)), style="dim"), drawn, text)
    if len(levels) > room:
        table.add_row("", Text(f"{len(levels)} levels", style="dim"), "")
    return table


def _open(level: Json) -> bool:
    ended = sum(int(level.get(key, 0)) for key in ("succeeded", "failed", "skipped"))
    return ended < int(level.get("total", 0))


def _tasks(found: list[Json], titles: dict[str, str], now: float, width: int) -> Table:
    """A line for each task; its title is what is cut where there is no room."""
    rows_ = [_cells(row, now) for row in found]
    used = sum(max(len(cells[i]) for cells in rows_) + _GAP for i in range(4))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, _GAP, 0, 0))
    for _ in range(5):
        table.add_column(no_wrap=True)
    for row, (id, text, length, attempt) in zip(found, rows_, strict=True):
        title = cut(terminal.one_line(titles.get(id, "")), max(1, width - used - _GAP))
        table.add_row(id, Text(text, style=_STYLES.get(str(row.get("state")), "")), length, attempt, Text(title, "dim"))
    return table


def _cells(row: Json, now: float) -> tuple[str, str, str, str]:
    """Id, state, how long, which attempt."""
    state, reason = str(row.get("state")), row.get("reason") or ""
    started, ended = epoch(row.get("startTime")), epoch(row.get("completionTime"))
    length = span((ended if ended is not None else now) - started) if started is not None else ""
    code = f" {row['exitCode']}" if reason == "ExitCode" and "exitCode" in row else ""
    text = f"{state}: {reason}{code}" if reason else state
    return row["id"], text, length, f"attempt {row['attempts']}" if row.get("attempts", 0) > 1 else ""
