"""Which landed changes build on which, by the dependencies of their tasks. Pure."""

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.graph.walk import reachable
from parallelproject.core.verification.landed_work import LandedWork


def with_needs(graph: CompiledGraph, work: LandedWork) -> LandedWork:
    """The work, in which each change names the earlier ones that its task depends on."""
    changed, seen = [], dict[int, None]()
    for change in work.changes:
        i = graph.index.get(change.task)
        above = set(reachable([i], graph.parents, lambda _: True)) if i is not None else set()
        needs = tuple(graph.ids[other] for other in seen if other in above)
        changed.append(change._replace(needs=needs))
        if i is not None:
            seen[i] = None
    return work._replace(changes=tuple(changed))
