"""Finds the cycles of a graph, shortest first, in bounded time."""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

CYCLES_MAX = 100
"""Maximum number of cycles that are reported: a graph can have astronomically many."""
_STEPS_MAX = 500_000


class Cycles(NamedTuple):
    """Cycles, each as tasks in the order in which each waits for the next; shortest first."""

    named: list[tuple[int, ...]]
    complete: bool
    """Whether these are all cycles."""


def find_cycles(parents: Sequence[Sequence[int]]) -> Cycles:
    """Every simple cycle, at most ``CYCLES_MAX``; fewer for a big graph that has more.

    They include a shortest one through as many edges as the bound on work allows (about half a
    million steps).

    Args:
        parents: By task, the tasks that it waits for.
    """
    import networkx as nx  # takes half of the start-up time, and is needed only if there is a cycle

    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(parents)))
    graph.add_edges_from((task, parent) for task, above in enumerate(parents) for parent in above)
    found: set[tuple[int, ...]] = {(task,) for task, above in enumerate(parents) if task in above}
    knots = [knot for knot in nx.strongly_connected_components(graph) if len(knot) > 1]
    steps = 0
    complete = True
    for knot in sorted(knots, key=lambda knot: (len(knot), min(knot))):
        inner = {task: [p for p in parents[task] if p in knot and p != task] for task in sorted(knot)}
        size = len(inner) + sum(map(len, inner.values()))
        count = min(CYCLES_MAX, (_STEPS_MAX - steps) // (10 * size))
        if count > 0:
            some = [_rotate(cycle) for cycle in islice(nx.simple_cycles(graph.subgraph(knot)), count + 1)]
            found.update(some)
            steps += size * len(some)
            if len(some) <= count:
                continue
        complete = False  # too many: report at least the shortest ones
        for task, above in inner.items():
            for parent in above:
                if steps > _STEPS_MAX or len(found) > 10 * CYCLES_MAX:
                    break
                way, looked_at = _shortest(inner, parent, task)
                found.add(_rotate([task, *way]))
                steps += looked_at
    named = sorted(found, key=lambda cycle: (len(cycle), cycle))
    return Cycles(named[:CYCLES_MAX], complete and len(named) <= CYCLES_MAX)


def _shortest(inner: Mapping[int, Sequence[int]], start: int, goal: int) -> tuple[list[int], int]:
    """The tasks on a shortest way from ``start`` to ``goal``, without ``goal``; and the number of edges visited."""
    came: dict[int, int] = {start: start}
    queue = deque([start])
    steps = 0
    while queue and goal not in came:
        task = queue.popleft()
        steps += len(inner[task])
        for parent in inner[task]:
            if parent not in came:
                came[parent] = task
                queue.append(parent)
    way = []
    at = came[goal]
    while goal != start:
        way.append(at)
        if at == start:
            break
        at = came[at]
    return way[::-1], steps


def _rotate(cycle: Sequence[int]) -> tuple[int, ...]:
    """The same cycle from its smallest task on, so that equal cycles are equal."""
    at = cycle.index(min(cycle))
    return (*cycle[at:], *cycle[:at])
