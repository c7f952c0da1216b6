"""A bar of tasks, with their states apart: who can see no colours shows them by their signs. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from parallelproject.model.status import TaskState


class BarPart(NamedTuple):
    """The tasks of one state in a bar."""

    state: TaskState
    text: str


_SIGNS = {
    TaskState.SUCCEEDED: "█",
    TaskState.FAILED: "✗",
    TaskState.SKIPPED: "–",
    TaskState.RUNNING: "▶",
    TaskState.PENDING: "·",
}
"""In the order of the bar."""


def bar(counts: Mapping[TaskState, int], cells: int) -> list[BarPart]:
    """A bar of exactly so many cells.

    A state that any task is in has a cell, where there are enough cells; the rest is in proportion (largest remainder).

    Args:
        counts: By state, how many tasks; of no task at all everything is pending.
        cells: Width of the bar.
    """
    found = {state: counts.get(state, 0) for state in _SIGNS}
    total = sum(found.values())
    if not total:
        return [BarPart(TaskState.PENDING, _SIGNS[TaskState.PENDING] * cells)]
    exact = {state: cells * count / total for state, count in found.items()}
    given = {state: max(int(share), 1 if found[state] else 0) for state, share in exact.items()}
    while sum(given.values()) < cells:
        given[max(given, key=lambda state: exact[state] - given[state])] += 1
    while sum(given.values()) > cells:
        given[max(given, key=lambda state: given[state] - exact[state] if given[state] > 1 else -cells)] -= 1
    return [BarPart(state, sign * given[state]) for state, sign in _SIGNS.items() if given[state] > 0]


def states_of(level: Mapping[str, Any]) -> dict[TaskState, int]:
    """The counts of a level of a status; what is in no other state is pending."""
    counts = {state: int(level.get(state.value.lower(), 0)) for state in TaskState}
    return counts | {TaskState.PENDING: max(0, int(level.get("total", 0)) - sum(counts.values()))}
