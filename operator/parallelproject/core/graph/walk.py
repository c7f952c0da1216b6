"""Walks over a graph: all tasks that can be reached from some tasks."""

from collections.abc import Callable, Iterable, Sequence


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
