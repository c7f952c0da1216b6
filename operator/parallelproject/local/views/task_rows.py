"""Tasks as rows of one table: sign, id, title, time, and what there is to say. Knows nothing of terminals."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.local.views.tail import printable

_NAME_MAX = 30
_TITLE_MIN, _TITLE_KEPT, _TITLE_MAX = 8, 16, 40
"""Cells of a title: fewer say nothing; so many have priority over what else there is to say; more are not needed."""
_TIME_MIN = 5
_GAP = "  "


class ShownTask(NamedTuple):
    """One row."""

    sign: str
    style: str
    """Of the sign."""
    task: str
    time: str
    note: str
    note_style: str
    is_whole: bool = True
    """Whether long titles are cut for ``note`` to be whole."""


def table(rows: Sequence[ShownTask], graph: CompiledGraph, width: int) -> list[Text]:
    """A line for each row, in aligned columns. The caller cuts them at ``width``."""
    longest = max([*map(len, graph.ids), *(len(row.task) for row in rows)], default=0)  # a hook is no task
    name_width = min(_NAME_MAX, width // 3, longest)
    time_width = max([_TIME_MIN, *(len(row.time) for row in rows)])
    note_width = max((len(row.note) for row in rows if row.is_whole), default=0)
    used = 2 + name_width + 3 * len(_GAP) + time_width
    room = min((width - name_width) // 2 - 6, max(_TITLE_KEPT, width - used - note_width))
    titles = _titles([row.task for row in rows], graph, room)
    return [
        Text.assemble(
            (f"{row.sign} ", row.style),
            f"{cut_middle(row.task, name_width)}{_GAP}",
            titles.get(row.task, ""),
            f"{row.time:>{time_width}}{_GAP}",
            (row.note, row.note_style),
        )
        for row in rows
    ]


def title_of(task: str, graph: CompiledGraph) -> Text:
    """The title of a task in one line; empty where it says no more than the id."""
    title = graph.tasks[graph.index[task]].title
    return Text(printable(" ".join(title.split())) if title != task else "")


def cut_middle(text: str, width: int) -> str:
    """A name as wide as all others; of a long one the middle is cut, since names differ at their ends."""
    if len(text) <= width:
        return f"{text:{width}}"
    end = width // 2
    return f"{text[: width - end - 1]}…{text[-end:]}"


def _titles(tasks: Sequence[str], graph: CompiledGraph, room: int) -> dict[str, Text]:
    """The titles of tasks as a column of at most ``room`` cells; none where there is no room, or they say nothing."""
    room = min(room, _TITLE_MAX)
    titles = {task: title_of(task, graph) if task in graph.index else Text() for task in tasks}
    column = min(room, max((title.cell_len for title in titles.values()), default=0))
    if room < _TITLE_MIN or not column:
        return {}
    for title in titles.values():
        title.truncate(column, overflow="ellipsis", pad=True)
        title.append(_GAP)
    return titles
