"""Walks over a graph: all that can be reached from some tasks."""

from collections.abc import Callable, Iterable, Sequence


def reachable(
    starts: Iterable[int],
    edges: Sequence[Sequence[int]],
    enters: Callable[[int], bool] | None = None,
) -> list[int]:
    """All tasks that edges lead to from some tasks, each once, the nearest first (breadth first search).

    Those that it starts from are only among them where an edge leads back to them.

    Args:
        starts: The tasks that it starts from.
        edges: By task, where its edges lead to: ``graph.children`` for all that waits, ``graph.parents`` for all that
            is waited for.
        enters: Whether a task is taken in and the walk goes on from it; None: all are.
    """
    found: dict[int, None] = {}
    todo = list(starts)
    for i in todo:  # grows while it is walked
        for other in edges[i]:
            if other not in found and (enters is None or enters(other)):
                found[other] = None
                todo.append(other)
    return list(found)
