"""A part of a graph, as somebody asks for it: which tasks are then not run (``spec.skip``). Pure."""

from collections.abc import Sequence

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.graph.walk import reachable


def skipped_by_choice(
    graph: CompiledGraph, only: Sequence[str] = (), start: Sequence[str] = (), skip: Sequence[str] = ()
) -> list[str]:
    """The ids of the tasks that are not run, in spec order. What depends on one of them runs without it.

    Args:
        graph: The compiled spec.
        only: No others run than these and what ``start`` adds; empty: all do.
        start: These run, and all that depends on them, directly or not.
        skip: These do not run, whatever else is asked for.
    """
    chosen = {graph.index[id] for id in only}
    starts = [graph.index[id] for id in start]
    chosen |= {*starts, *reachable(starts, graph.children)}
    if not (only or start):
        chosen = set(range(len(graph.ids)))
    chosen -= {graph.index[id] for id in skip}
    return [id for i, id in enumerate(graph.ids) if i not in chosen]
