"""The first line of the live view: how far the run is."""

from rich.text import Text

from parallelproject.core.planner.budget import spent_text
from parallelproject.core.report.bar import bar
from parallelproject.core.report.budget_status import budgets_now
from parallelproject.local.engine.board import Board
from parallelproject.model.names import level_name
from parallelproject.model.status import TaskState

_BAR_MIN, _BAR_MAX = 8, 24
_GAP = "  "
STYLES = {
    TaskState.SUCCEEDED: "green",
    TaskState.FAILED: "bold red",
    TaskState.SKIPPED: "dim",
    TaskState.RUNNING: "cyan",
    TaskState.PENDING: "dim",
}

Field = tuple[str, str]
"""A text and its style."""


def header(board: Board, now: float, ends_at: float | None, width: int) -> Text:
    """The longest of its forms that fits into ``width`` cells, with a bar where one of them leaves room for that."""
    forms = [_fields(board, now, ends_at, short) for short in range(4)]
    with_bar = [form for form in forms[:-1] if _cells(form) <= width - len(_GAP) - _BAR_MIN]
    fields = next(iter([*with_bar, *(form for form in forms if _cells(form) <= width)]), forms[-1])
    cells = min(_BAR_MAX, width - _cells(fields) - len(_GAP))
    line = Text(*fields[0])
    if cells >= _BAR_MIN:
        line.append(_GAP)
        for part in bar(_states(board), cells):
            line.append(part.text, STYLES[part.state])
    for field in fields[1:]:
        line.append(_GAP).append(*field)
    return line


def clock_time(seconds: float) -> str:
    """``0:07``, ``12:31``, ``1:02:03``."""
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"


def _fields(board: Board, now: float, ends_at: float | None, short: int) -> list[Field]:
    """``short``: 0 in full, 1 without explanations, 2 without what is skipped, 3 without the time left."""
    states, levels = board.states, len(board.graph.levels)
    fields = [(board.name, "bold"), (f"{board.progress} done", "bold")]
    if states[TaskState.FAILED]:
        fields.append((f"{states[TaskState.FAILED]} failed", STYLES[TaskState.FAILED]))
    if states[TaskState.SKIPPED] and short < 2:
        fields.append((f"{states[TaskState.SKIPPED]} skipped", "dim"))
    running = f"{len(board.running)} running"
    fields.append((running if short else f"{running} (max {board.spec.parallelism})", ""))
    if levels:
        level = level_name(min(board.plan.level if board.plan else 0, levels - 1))
        fields.append((level if short else f"{level} of {levels} level{'' if levels == 1 else 's'}", ""))
    if board.plan and board.spec.budgets and short < 2:
        fields += [(spent_text(line), "") for line in budgets_now(board.graph, board.spec, board.plan)[:1]]
    fields.append((clock_time(now - board.began), ""))
    if ends_at is not None and short < 3:
        left = clock_time(round(max(0.0, ends_at - now)))
        fields.append((f"ETA {left}" if short else f"about {left} left", "cyan"))
    return fields


def _states(board: Board) -> dict[TaskState, int]:
    """What is launched counts as running, as in the rows."""
    running = len(board.running)
    waiting = board.states[TaskState.PENDING] + board.states[TaskState.RUNNING] - running
    return {**board.states, TaskState.RUNNING: running, TaskState.PENDING: max(0, waiting)}


def _cells(fields: list[Field]) -> int:
    return sum(Text(text).cell_len for text, _ in fields) + len(_GAP) * (len(fields) - 1)
