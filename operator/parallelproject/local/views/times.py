"""The table of times at the end of a run: what took long, slowest first."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Record
from parallelproject.core.times import duration
from parallelproject.local.views.page import PageLine
from parallelproject.local.views.task_rows import title_of
from parallelproject.model.status import TaskState

_SHOWN = 10
_NAME_MAX = 40


class _Row(NamedTuple):
    seconds: float
    task: str
    attempts: int
    has_failed: bool


def times(
    graph: CompiledGraph,
    records: Mapping[str, Record],
    states: Sequence[TaskState],
    width: int,
    spent: Callable[[str], str] = lambda task: "",
) -> list[PageLine]:
    """A line for each of the slowest tasks, by the time of its last attempt; none where fewer than two have run.

    Args:
        graph: The compiled spec.
        records: By task.
        states: By task, in the order of the spec.
        width: Cells in a line; titles are cut there.
        spent: By task, what all its attempts have used.
    """
    rows = []
    for task, state in zip(graph.ids, states, strict=True):
        record = records.get(task)
        if record and record.took is not None:
            rows.append(_Row(record.took, task, record.attempts, state is TaskState.FAILED))
    if len(rows) < 2:  # one time is in the headline
        return []
    rows.sort(key=lambda row: -row.seconds)
    shown, rest = rows[:_SHOWN], rows[_SHOWN:]
    name_width = min(_NAME_MAX, max(len(row.task) for row in shown))
    lengths = [duration(row.seconds) for row in shown]
    notes = [", ".join([*_notes(row), *filter(None, [spent(row.task)])]) for row in shown]
    time_width, note_width = max(map(len, lengths)), max(map(len, notes))
    lines = [PageLine(""), PageLine("Times of the last attempts, slowest first", "bold")]
    for row, length, note in zip(shown, lengths, notes, strict=True):
        text = f"  {row.task:{name_width}}  {length:>{time_width}}  "
        text += f"{note:{note_width}}  " if note_width else ""
        title = title_of(row.task, graph)
        title.truncate(max(0, width - len(text)), overflow="ellipsis")
        lines.append(PageLine((text + title.plain).rstrip(), "red" if row.has_failed else "", is_whole=True))
    if rest:
        together = duration(sum(row.seconds for row in rest))
        lines.append(PageLine(f"  and {len(rest)} more, {together} together", "dim"))
    return lines


def _notes(row: _Row) -> list[str]:
    return ["failed"] * row.has_failed + [f"attempt {row.attempts}"] * (row.attempts > 1)
