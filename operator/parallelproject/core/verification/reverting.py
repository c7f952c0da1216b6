"""Work that breaks a check after all repairs is taken off the branch: the run that does it, and what follows. Pure.

It is a run like that of a check, with a name that no check has. The record says before it starts which tasks it is
about, and that it has ended only after it has. A run that is repeated finds the commit of the one before.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.graph.walk import reachable
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.constraints.verified_work import NOTHING_VERIFIED
from parallelproject.core.planner.plan import Plan
from parallelproject.core.verification import sentences
from parallelproject.core.verification.check_run import CheckLaunch, CheckRun, RevertRequest
from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.state import Repair, VerificationState
from parallelproject.model.spec import VerificationCheck
from parallelproject.model.status import TaskState

REVERT = VerificationCheck.model_construct(
    name="revert.work", command=[], paths=[], role=None, active_deadline_seconds=None
)
"""In the place of a check."""
_TRIES = 3


class Reverting(NamedTuple):
    """What to do, and the state after it."""

    state: VerificationState
    launches: Sequence[CheckLaunch]


def reverting(
    state: VerificationState, graph: CompiledGraph, plan: Plan, runs: Sequence[CheckRun], *, may_start: bool
) -> Reverting:
    """Takes out the work of ``state.reverting``.

    Args:
        state: What is recorded.
        graph: The graph.
        plan: The last plan.
        runs: All runs.
        may_start: Whether there is a free slot.
    """
    number = state.reverts + 1
    mark = f"revert-{number}"
    of_all = [run for run in runs if run.check == REVERT.name]
    mine = [run for run in of_all if run.revision == mark and run.outcome is not ProbeOutcome.STOPPED]
    done = next((run for run in mine if run.outcome is ProbeOutcome.PASSED), None)
    if done is not None:
        return Reverting(_taken_out(state, graph, plan, done.printed), ())
    if any(run.outcome is None for run in mine):
        return Reverting(state, ())
    refused = next((run for run in mine if run.outcome is ProbeOutcome.CONFLICT), None)
    if refused is not None or len(mine) >= _TRIES:
        return Reverting(_not_taken_out(state, graph, plan, (refused or mine[-1]).printed), ())
    if not may_start:
        return Reverting(state, ())
    request = RevertRequest(number, state.reverting, _dependents(graph, plan, state.reverting), state.condition[2])
    last = max((run.number for run in of_all), default=0)
    return Reverting(state, [CheckLaunch(REVERT, last + 1, mark, None, None, "", request)])


def _dependents(graph: CompiledGraph, plan: Plan, tasks: Sequence[str]) -> dict[str, list[str]]:
    """By task that has landed, those that depend on it and have landed; also of those that are taken out."""
    landed = {i for i, state in enumerate(plan.states) if state is TaskState.SUCCEEDED}
    of = landed.union(graph.index[task] for task in tasks if task in graph.index)
    found = {i: [graph.ids[j] for j in reachable([i], graph.children) if j in landed] for i in sorted(of)}
    return {graph.ids[i]: below for i, below in found.items() if below}


def _taken_out(state: VerificationState, graph: CompiledGraph, plan: Plan, printed: str) -> VerificationState:
    """The work is off the branch: its tasks have failed, and the rest is verified again."""
    found = json.loads(printed)
    commit, tasks = str(found["commit"]), [str(task) for task in found["tasks"]]
    tasks = [task for task in dict.fromkeys([*state.reverting, *tasks]) if task in graph.index]
    condition = ("False", "Reverted", sentences.reverted(state.condition[2], tasks, commit))
    return replace(
        _condemned(state, graph, plan, tasks),
        verified=NOTHING_VERIFIED,
        epoch=state.epoch + 1,  # runs on the branch of before say nothing
        taken_out={**state.taken_out, **dict.fromkeys(tasks, commit)},
        condition=condition,
        settled="",
    )


def _not_taken_out(state: VerificationState, graph: CompiledGraph, plan: Plan, printed: str) -> VerificationState:
    """It cannot be taken out: a person is needed."""
    condition = ("False", "RevertFailed", sentences.not_reverted(state.condition[2], printed))
    verified = state.verified._replace(is_reverting=False)
    state = _condemned(state, graph, plan, state.reverting)
    return replace(state, verified=verified, condition=condition, is_stopped=True)


def _condemned(state: VerificationState, graph: CompiledGraph, plan: Plan, tasks: Sequence[str]) -> VerificationState:
    """The state in which tasks have failed, and the revert has ended."""
    repairs: dict[str, tuple[Repair, ...]] = dict(state.repairs)
    cause = next((repairs[task][-1] for task in state.reverting if repairs.get(task)), Repair(0, "", 0, ""))
    for task in tasks:
        floor = plan.ledger.records.get(task, NEW).attempts
        last = repairs[task][-1] if task in state.reverting and repairs.get(task) else cause
        earlier = repairs.get(task, ())
        repairs[task] = (*(earlier[:-1] if task in state.reverting else earlier), last._replace(floor=floor))
    condemned = tuple(dict.fromkeys([*state.condemned, *tasks]))
    return replace(state, repairs=repairs, condemned=condemned, reverting=(), reverts=state.reverts + 1)
