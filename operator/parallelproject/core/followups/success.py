"""Whether a project has done all that was asked for, and how much of its work may be merged. Pure."""

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.verified_work import passed_levels
from parallelproject.core.planner.failures import all_done
from parallelproject.core.planner.plan import Plan


def levels_that_passed(graph: CompiledGraph, plan: Plan) -> int:
    """How many levels, from the first on, have passed the verification with all that has succeeded in them; all of
    them where nothing is verified."""
    verified, snapshot = plan.ledger.verified, plan.ledger.snapshot
    if verified is None or snapshot is None:
        return len(graph.levels)
    return passed_levels(verified, snapshot)


def has_passed(graph: CompiledGraph, plan: Plan) -> bool:
    """Whether all that has landed has passed the verification."""
    return levels_that_passed(graph, plan) == len(graph.levels)


def are_all_done(graph: CompiledGraph, plan: Plan) -> bool:
    """Whether all tasks succeeded, or are skipped without a failure, and no hook is left that has to run."""
    return all_done(graph, plan.states, plan.unmet) and not plan.open_hooks


def is_success(graph: CompiledGraph, plan: Plan) -> bool:
    """Whether that holds, and all that has landed has passed the verification."""
    return are_all_done(graph, plan) and has_passed(graph, plan)
