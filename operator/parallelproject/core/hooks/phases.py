"""The phase of each group. A function of states: nothing of it is recorded. Pure."""

from collections.abc import Container

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.merge_gate import waits_for_merge
from parallelproject.core.planner.constraints.verified_work import verified_levels
from parallelproject.core.planner.hooks import HookOccasion
from parallelproject.core.planner.plan import Plan
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.spec import HookKind, Spec
from parallelproject.model.status import OPEN_STATES, GroupPhase, TaskState


def phases(graph: CompiledGraph, spec: Spec, plan: Plan, requested: Container[str] = ()) -> dict[str, GroupPhase]:
    """By name, the phase of each group after a plan, in the order of their first tasks.

    Args:
        graph: The compiled spec.
        spec: The spec.
        plan: The plan.
        requested: Ids of tasks that count as started, whatever the plan knows of that.
    """
    snapshot = plan.ledger.snapshot
    if not graph.groups or snapshot is None:
        return {}

    def has_started(i: int) -> bool:
        is_running = plan.states[i] is TaskState.RUNNING or graph.ids[i] in requested
        return is_running or bool(snapshot.record(i).attempts)

    merged, verified = _levels_through(graph, spec, plan, snapshot)
    found = {}
    for group, tasks in graph.groups.items():
        last = max(graph.level[i] for i in tasks)
        is_open = any(plan.states[i] in OPEN_STATES for i in tasks)
        is_landed = any(plan.states[i] is TaskState.SUCCEEDED for i in tasks)
        if is_open and not any(map(has_started, tasks)):
            found[group] = GroupPhase.PRE_EXECUTION
        elif is_open:
            repairs = [i in graph.rerun_after for i in tasks if plan.states[i] in OPEN_STATES]
            is_repair = spec.verification is not None and all(repairs)
            found[group] = GroupPhase.VALIDATION if is_repair else GroupPhase.EXECUTION
        elif HookOccasion(HookKind.AFTER_GROUP, None, group).step in plan.open_hooks or (is_landed and last >= merged):
            found[group] = GroupPhase.COORDINATION
        elif is_landed and last >= verified and not plan.stopped:
            found[group] = GroupPhase.VALIDATION
        else:
            found[group] = GroupPhase.DONE
    return found


def _levels_through(graph: CompiledGraph, spec: Spec, plan: Plan, snapshot: Snapshot) -> tuple[int, int]:
    """How many levels, from the first on, are merged and verified; all of them where nothing has to be."""
    merged = verified = len(graph.levels)
    ledger = plan.ledger
    if waits_for_merge(spec) and not plan.completed:
        levels, succeeded = ledger.merged or (0, 0)
        merged = levels if succeeded == snapshot.succeeded_below(levels) else 0
    if ledger.verified is not None:
        verified = verified_levels(ledger.verified, snapshot)
    return merged, verified
