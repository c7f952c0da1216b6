"""Which tasks are no longer what they were when they succeeded: their success counts all the same, and is reported."""

import json
from collections.abc import Mapping
from pathlib import Path

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Record
from parallelproject.local.state.directory import StateDirectory
from parallelproject.model.problem import listed
from parallelproject.model.status import TaskState

_TEXTS = ("title", "description", "parameters")
"""Fields that say what is to be done."""
_SHOWN = 5


def changed_since(graph: CompiledGraph, records: Mapping[str, Record], directory: StateDirectory) -> list[str]:
    """The tasks that succeeded in earlier sessions with another text, by the task files that they were given."""
    found = []
    for task in graph.tasks:
        record = records.get(task.id)
        if record is None or record.state is not TaskState.SUCCEEDED:
            continue
        try:
            document = json.loads(Path(directory.task_file(task.id, record.attempts)).read_bytes())
            then = document["task"]
        except (OSError, ValueError, TypeError, KeyError):
            continue  # a task file that was removed says nothing
        now = task.model_dump(by_alias=True, exclude_defaults=True, mode="json", include=set(_TEXTS))
        if any(then.get(field) != now.get(field) for field in _TEXTS):
            found.append(task.id)
    return found


def notice(tasks: list[str]) -> str:
    """A line about them."""
    one = len(tasks) == 1
    what = "1 task has" if one else f"{len(tasks)} tasks have"
    again = "is not run again" if one else "are not run again"
    since = f"{what} changed since {'it' if one else 'they'} succeeded"
    return f"{since}, and {again}: {listed(tasks, _SHOWN)} (--fresh runs all again)"
