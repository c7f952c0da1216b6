"""Finds out that a state is of a version which numbered tasks by their place in the file.

Such numbers (``1``, ``2``, ``line-7``) were given to tasks without an id. Today such a task is known by its text,
so what was done under a number would run again, without a word.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.local.errors import RunError
from parallelproject.local.state.directory import StateDirectory
from parallelproject.model.problem import listed, quoted

_LINE = re.compile(r"line-\d+")
_PLACE = re.compile(r"\d+|line-\d+")
_WRITTEN = re.compile(r"\d+(?:\.\d+)*|[A-Z].*")
"""An id that is written in the file: tasks in such a file were not numbered by their place."""
_MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
_SHOWN = 3


def refuse_numbered(graph: CompiledGraph, done: Iterable[str], source: Path | None, directory: StateDirectory) -> None:
    """Refuses to continue from a state with numbers for tasks that are known by their text now.

    Args:
        graph: The tasks of now.
        done: The ids that the state has attempts of.
        source: The file that the tasks were read from.
        directory: The state.

    Raises:
        RunError: the state has such numbers; with the ways to continue.
    """
    ids = set(done)
    numbered = _PLACE if source is not None and source.suffix.lower() in _MARKDOWN else _LINE
    numbers = sorted((id for id in ids.difference(graph.ids) if numbered.fullmatch(id)), key=lambda id: (len(id), id))
    if not numbers:
        return
    titles = {task.title for task in graph.tasks if task.id not in ids}
    then = {id: _title(id, directory) for id in numbers}
    same = [id for id in numbers if then[id] in titles]
    if not same and (ids.intersection(graph.ids) or any(map(_WRITTEN.fullmatch, graph.ids))):
        return
    shown = [f"{id} was {quoted(then[id], 40)}" if then[id] else id for id in same or numbers]
    found = f"the state in {directory.path} numbers tasks by their place in the file: {listed(shown, _SHOWN)}"
    fix = "give the tasks these ids in the file to continue, as in - [ ] 1. Title; --fresh runs all tasks again"
    raise RunError(f"{found}; tasks without an id are known by their text now", fix)


def _title(id: str, directory: StateDirectory) -> str:
    """What a task was called by the task file of its first attempt; empty where that was removed."""
    try:
        return str(json.loads(Path(directory.task_file(id, 1)).read_bytes())["task"]["title"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""
