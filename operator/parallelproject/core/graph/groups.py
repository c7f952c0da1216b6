"""The groups of a project, by the markers of its file ([P:Group-X])."""

from collections.abc import Iterable

from parallelproject.model.spec import Task

UNMARKED = "_sequential"
"""The group that a reader gives to tasks without a marker: it is none."""


def tasks_by_group(tasks: Iterable[Task]) -> dict[str, tuple[int, ...]]:
    """By name, the tasks of each group as numbers, in spec order; the groups in the order of their first tasks."""
    found: dict[str, list[int]] = {}
    for i, task in enumerate(tasks):
        if task.group and task.group != UNMARKED:
            found.setdefault(task.group, []).append(i)
    return {name: tuple(members) for name, members in found.items()}
