"""What the live view shows, as lines of text that fit a given size; knows nothing of terminals."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from rich.text import Text

from parallelproject.core.report.changes import Event, What
from parallelproject.core.times import duration
from parallelproject.local.engine.board import Board
from parallelproject.local.views.plain import sentence
from parallelproject.local.views.tail import last_lines, printable
from parallelproject.model.status import Reason, TaskState

_BAR = 20
_NAME_MAX = 30
_TITLE_MIN, _TITLE_MAX = 8, 40
_RECENT_MIN, _RECENT_MAX = 3, 8
_LOOKS = {
    What.SUCCEEDED: ("✓", "green"),
    What.FAILED: ("✗", "red"),
    What.STOPPED: ("■", "yellow"),
    What.SKIPPED: ("○", "dim"),
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
    Reason.BACKOFF: "to be tried again",
    Reason.SUSPENDED: "for the end of suspension",
    Reason.STARTING: "to be started",
}


def picture(board: Board, recent: Sequence[Event], width: int, height: int) -> list[Text]:
    """At most ``height`` lines of at most ``width`` cells: the header, what is running, what has ended, what waits.

    Args:
        board: The run.
        recent: What has ended, the latest last.
        width: Cells in a line.
        height: Lines.
    """
    ends = [line for line in (_waiting(board), _notice(board)) if line]
    room = height - 1 - len(ends)  # the header, and the lines at the end
    now = board.clock.now()
    name_width = min(_NAME_MAX, width // 3, max(map(len, board.graph.ids), default=0))
    # However much is running, what has ended last stays in sight.
    running = _running(board, now, (width, name_width), max(1, room - 2 - min(_RECENT_MIN, len(recent))))
    room -= len(running) + 1
    shown = max(0, min(_RECENT_MAX, room - 1, len(recent)))
    finished = [_finished(event, board, name_width) for event in list(recent)[len(recent) - shown :]]
    blocks = [[_header(board, now, width)], running, finished, ends]
    lines: list[Text] = []
    for block in blocks:
        if block and lines and len(lines) + len(block) < height:
            lines.append(Text())
        lines += block
    lines = lines[:height]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def clock_time(seconds: float) -> str:
    """``0:07``, ``12:31``, ``1:02:03``."""
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"


def _header(board: Board, now: float, width: int) -> Text:
    total = len(board.graph.ids)
    states = board.states
    good, failed = states[TaskState.SUCCEEDED], states[TaskState.FAILED]
    bar = max(0, min(_BAR, width - 60))
    full = round(bar * good / total) if total else bar
    levels = len(board.graph.levels)
    level = min((board.plan.level if board.plan else 0) + 1, levels)
    line = Text.assemble(
        (board.name, "bold"),
        "  ",
        ("━" * full, "green"),
        ("─" * (bar - full), "dim"),
        "  ",
        (board.progress, "bold"),
        f"  level {level}/{levels}  {clock_time(now - board.began)}",
        f"  {len(board.running)}/{board.spec.parallelism} running",
    )
    if failed:
        line.append(f"  {failed} failed", "bold red")
    if states[TaskState.SKIPPED]:
        line.append(f"  {states[TaskState.SKIPPED]} skipped", "dim")
    return line


def _running(board: Board, now: float, widths: tuple[int, int], room: int) -> list[Text]:
    """A line for each attempt: id, title, how long, what it said last. ``widths``: of a line, and of an id."""
    count = len(board.running)
    shown = count if count <= room else max(0, room - 1)
    width, name_width = widths
    titles = _titles(board, list(islice(board.running, shown)), (width - name_width) // 2 - 6)
    lines = []
    for task, running in islice(board.running.items(), shown):
        said = last_lines(running.log, 1)
        again = f" attempt {running.number}" if running.number > 1 else ""
        lines.append(
            Text.assemble(
                ("▶ ", "cyan"),
                f"{_cut(task, name_width)}  ",
                titles.get(task, ""),
                f"{clock_time(now - running.started):>5}",
                (again, "yellow"),
                "  ",
                (said[0] if said else "", "dim"),
            )
        )
    if count > shown:
        lines.append(Text(f"  and {count - shown} more running", "dim"))
    return lines


def _titles(board: Board, tasks: Sequence[str], room: int) -> dict[str, Text]:
    """The titles of tasks as a column of at most ``room`` cells; none where there is no room, or they say nothing."""
    room = min(room, _TITLE_MAX)
    written = {task: board.graph.tasks[board.graph.index[task]].title for task in tasks}
    titles = {task: Text(printable(" ".join(title.split()))) for task, title in written.items() if title != task}
    column = min(room, max((title.cell_len for title in titles.values()), default=0))
    if room < _TITLE_MIN or not column:
        return {}
    found = {}
    for task in tasks:
        title = titles.get(task, Text())
        title.truncate(column, overflow="ellipsis", pad=True)
        found[task] = title.append("  ")
    return found


def _finished(event: Event, board: Board, name_width: int) -> Text:
    sign, style = _LOOKS.get(event.what, (" ", ""))
    landed = f", landed as {event.commit}" if event.commit else ""
    good = event.what is What.SUCCEEDED
    what = f"succeeded in {duration(event.took or 0.0)}{landed}" if good else sentence(event, board)
    return Text.assemble((f"{sign} ", style), f"{_cut(event.task, name_width)}  ", (what, style))


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
    return Text(f"{sum(reasons.values())} wait: {' · '.join(parts)}", "dim")


def _notice(board: Board) -> Text | None:
    return Text(board.notice, "bold yellow") if board.notice else None


def _cut(text: str, width: int) -> str:
    """A name as wide as all others; of a long one the middle is left out, since names differ at their ends."""
    if len(text) <= width:
        return f"{text:{width}}"
    end = width // 2
    return f"{text[: width - end - 1]}…{text[-end:]}"
