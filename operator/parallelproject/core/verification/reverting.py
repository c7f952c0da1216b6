"""Work that breaks a check after all repairs is taken off the branch: the run that does it, and what follows. Pure.

It is a run like that of a check, with a name that no check has. The record says before it starts which tasks it is
about, and that it has ended only after it has. A run that is repeated finds the commit of the one before. A run whose
report is about another graph than that of now, since the spec has changed meanwhile, is repeated as well.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.constraints.verified_work import NOTHING_VERIFIED
from parallelproject.core.planner.plan import Plan
from parallelproject.core.verification import sentences
from parallelproject.core.verification.check_run import CheckLaunch, CheckRun
from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.revert_message import ReportedRevert, read_taken_out
from parallelproject.core.verification.revert_request import RevertRequest
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


class _RevertRun(NamedTuple):
    outcome: ProbeOutcome | None
    printed: str
    report: ReportedRevert | None = None


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
    of_all = [run for run in runs if run.check == REVERT.name]
    mine = [_read(run, graph) for run in of_all if run.revision == state.revert_mark]
    mine = [run for run in mine if run.outcome is not ProbeOutcome.STOPPED]
    done = next((run.report for run in mine if run.report), None)
    if done is not None:
        return Reverting(_taken_out(state, graph, plan, done), ())
    if any(run.outcome is None for run in mine):
        return Reverting(state, ())
    refused = next((run for run in mine if run.outcome is ProbeOutcome.CONFLICT), None)
    if refused is not None or len(mine) >= _TRIES:
        return Reverting(_not_taken_out(state, graph, plan, (refused or mine[-1]).printed), ())
    if not may_start:
        return Reverting(state, ())
    number = max((run.number for run in of_all), default=0) + 1
    request = _request(state, graph, plan)
    return Reverting(state, [CheckLaunch(REVERT, number, state.revert_mark, None, None, "", request)])


def _read(run: CheckRun, graph: CompiledGraph) -> _RevertRun:
    """A run with its report. One about another graph is as if it had never started."""
    if run.outcome is not ProbeOutcome.PASSED:
        return _RevertRun(run.outcome, run.printed)
    try:
        report = read_taken_out(run.printed, graph.ids)
    except ValueError as error:
        return _RevertRun(ProbeOutcome.BROKEN, str(error))
    return _RevertRun(run.outcome if report else ProbeOutcome.STOPPED, run.printed, report)


def _request(state: VerificationState, graph: CompiledGraph, plan: Plan) -> RevertRequest:
    return RevertRequest(
        number=state.reverts + 1,
        tasks=state.reverting,
        dependents={task: [graph.ids[j] for j in graph.children[i]] for i, task in enumerate(graph.ids)},
        landed=[graph.ids[i] for i, each in enumerate(plan.states) if each is TaskState.SUCCEEDED],
        since=next((state.repairs[task][-1].commit for task in state.reverting if state.repairs.get(task)), ""),
        why=state.condition[2],
    )


def _taken_out(state: VerificationState, graph: CompiledGraph, plan: Plan, found: ReportedRevert) -> VerificationState:
    """The work is off the branch: its tasks have failed, and the rest is verified again."""
    commit = found.commit
    tasks = [task for task in dict.fromkeys([*state.reverting, *found.tasks]) if task in graph.index]
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
