"""The groups of a project, by the markers of its file ([P:Group-X]): how far each of them is. Pure."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from parallelproject.core.graph.groups import UNMARKED
from parallelproject.model.status import PASSED, TaskState, task_state


class TaskGroup(NamedTuple):
    """One group."""

    name: str
    tasks: tuple[str, ...]
    """Their ids, in the order of the spec."""
    counts: Mapping[TaskState, int]
    """How many of them are in which state."""
    is_done: bool
    """Whether all have succeeded, or are skipped by request or by a condition."""
    phase: str = ""
    """Its phase (``model.status.GroupPhase``); empty if the status does not have it."""

    @property
    def counted(self) -> str:
        """How many are in which state, as people read it: ``1 succeeded, 1 failed``."""
        return ", ".join(f"{self.counts[state]} {state.value.lower()}" for state in TaskState if self.counts[state])

    @property
    def has_ended(self) -> bool:
        """Whether none of them waits or runs."""
        return not (self.counts[TaskState.PENDING] or self.counts[TaskState.RUNNING])

    @property
    def state(self) -> str:
        """In a word: that of a task that is like it."""
        if self.is_done:
            return TaskState.SUCCEEDED.value
        if self.has_ended:
            is_skipped = self.counts[TaskState.SKIPPED] == len(self.tasks)
            return (TaskState.SKIPPED if is_skipped else TaskState.FAILED).value
        is_new = self.counts[TaskState.PENDING] == len(self.tasks)
        return (TaskState.PENDING if is_new else TaskState.RUNNING).value


def groups_of(spec: Mapping[str, Any], status: Mapping[str, Any]) -> list[TaskGroup]:
    """The groups of a project, in the order of their first tasks.

    Args:
        spec: Its spec, as plain data.
        status: Its status; tasks without a row are pending.
    """
    rows = {row.get("id"): row for row in status.get("tasks") or () if isinstance(row, dict)}
    found: dict[str, list[str]] = {}
    for task in spec.get("tasks") or ():
        if task.get("group") and task["group"] != UNMARKED:
            found.setdefault(task["group"], []).append(task["id"])
    phases = {row.get("name"): row.get("phase") for row in status.get("groups") or () if isinstance(row, dict)}
    return [_group(name, tasks, rows, str(phases.get(name) or "")) for name, tasks in found.items()]


def _group(name: str, tasks: list[str], rows: Mapping[Any, Mapping[str, Any]], phase: str) -> TaskGroup:
    each = [rows.get(task, {}) for task in tasks]
    counts = Counter(task_state(row.get("state")) for row in each)
    is_done = all(
        row.get("state") == TaskState.SUCCEEDED
        or (row.get("state") == TaskState.SKIPPED and row.get("reason") in PASSED)
        for row in each
    )
    return TaskGroup(name, tuple(tasks), counts, is_done, phase)
