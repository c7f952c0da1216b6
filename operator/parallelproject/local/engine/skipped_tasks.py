"""The notice before a run starts: which tasks are skipped by request. Pure."""

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.plan import Plan
from parallelproject.model.problem import listed
from parallelproject.model.status import TaskState

_SHOWN = 5


def skip_notice(graph: CompiledGraph, plan: Plan) -> str:
    """Which tasks are skipped, and what depends on them and runs without them; empty where none is."""
    skipped = {i for i in graph.skipped if plan.states[i] is TaskState.SKIPPED}
    if not skipped:
        return ""
    names = listed([graph.ids[i] for i in sorted(skipped)], _SHOWN)
    without = [
        graph.ids[i]
        for i, above in enumerate(graph.parents)
        if plan.states[i] is TaskState.PENDING and not skipped.isdisjoint(above)
    ]
    tasks = "task is" if len(skipped) == 1 else "tasks are"
    notice = f"{len(skipped)} of {len(graph.ids)} {tasks} skipped: {names}"
    if without:
        run = "runs" if len(without) == 1 else "run"
        it = "it" if len(skipped) == 1 else "them"
        notice += f"; {listed(without, _SHOWN)} {run} without {it}"
    return notice
