"""Walks over a graph: all tasks that can be reached from some tasks, and those that a task needs."""

from collections.abc import Callable, Iterable, Sequence


def needs(parents: Sequence[Sequence[int]], task: int, is_skipped: Callable[[int], bool]) -> list[int]:
    """The tasks that a task depends on directly, each once; those of a skipped one in its place.

    Args:
        parents: By task, the tasks that it depends on.
        task: The task.
        is_skipped: Whether a task is skipped by request.
    """
    found: dict[int, None] = {}
    known: set[int] = set()
    open_ = list(reversed(parents[task]))
    while open_:
        parent = open_.pop()
        if not is_skipped(parent):
            found[parent] = None
        elif parent not in known:
            known.add(parent)
            open_ += reversed(parents[parent])
    return list(found)


def reachable(
    starts: Iterable[int],
    edges: Sequence[Sequence[int]],
    enters: Callable[[int], bool] | None = None,
) -> list[int]:
    """All tasks that edges lead to from some tasks, each once, the nearest first (breadth first search).

    The start tasks are included only if an edge leads back to them.

    Args:
        starts: The start tasks.
        edges: By task, where its edges lead to: ``graph.children`` for all that wait, ``graph.parents`` for all that
            they wait for.
        enters: Whether a task is included and the walk continues from it; None: always.
    """
    found: dict[int, None] = {}
    todo = list(starts)
    for i in todo:  # grows during the walk
        for other in edges[i]:
            if other not in found and (enters is None or enters(other)):
                found[other] = None
                todo.append(other)
    return list(found)
