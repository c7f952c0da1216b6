"""When what has landed is verified, and what follows from the results. Pure.

A run of a check belongs to one revision: the tasks that have succeeded in the levels that are done. ``one_check`` says
which runs of a check are missing. When all checks of a revision have a result, the record changes once: the levels are
verified, or tasks run again to repair what they have landed, or have failed.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.constraints.verified_work import (
    EVERY,
    VerifiedWork,
    passed_levels,
    unverified,
    verified_levels,
)
from parallelproject.core.planner.plan import Plan
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.core.verification import sentences
from parallelproject.core.verification.check_run import CheckLaunch, CheckRun
from parallelproject.core.verification.one_check import CheckVerdict, is_searched, next_of_check
from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.reverting import REVERT, reverting
from parallelproject.core.verification.state import PassedCheck, Repair, VerificationState
from parallelproject.core.verification.verdict import Fault, VerdictKind
from parallelproject.model.spec import AfterMaxRepairs, OnCheckFailure, Verification, VerifyAfter
from parallelproject.model.status import OPEN_STATES, TaskState

_STOPPED, _STALE = ProbeOutcome.STOPPED, ProbeOutcome.STALE


class Verifying(NamedTuple):
    """What to do, and the state of the verification."""

    state: VerificationState
    """What to record before anything else is done."""
    launches: Sequence[CheckLaunch]
    stops: Sequence[CheckRun]
    """Running ones whose results are of no use any more."""
    condition: tuple[str, str, str]
    """Status, reason and message of the condition Verified."""


def fingerprints(settings: Verification) -> dict[str, str]:
    """By check, a short fingerprint of what it runs: results of another command are no results of this one."""
    return {check.name: _digest([check.name, check.command, check.paths]) for check in settings.checks}


def verify(
    settings: Verification,
    graph: CompiledGraph,
    plan: Plan,
    state: VerificationState,
    runs: Sequence[CheckRun],
    slots: int,
) -> Verifying:
    """Decides.

    Args:
        settings: The checks; ``state`` is about the same ones (``VerificationState.with_checks``).
        graph: The graph that the plan was made for.
        plan: The last plan.
        state: What is recorded.
        runs: All observed runs of checks, of any revision.
        slots: Number of slots of parallelism that no task holds; none may start a run.
    """
    snapshot = plan.ledger.snapshot
    running = [run for run in runs if run.outcome is None]
    if plan.stopped is not None or state.is_stopped or snapshot is None:
        return Verifying(state, (), running, state.condition)
    if state.reverting:
        revert = reverting(state, graph, plan, runs, may_start=len(running) < slots)
        stops = [run for run in running if run.check != REVERT.name]
        return Verifying(revert.state, revert.launches, stops, revert.state.condition)
    repaired = [graph.index[task] for task in state.repairs if task in graph.index]
    if any(plan.states[i] in OPEN_STATES for i in repaired) or not _is_due(settings, plan, snapshot, state.verified):
        return Verifying(state, (), running, state.condition)
    landed = _landed(settings, graph, plan)
    if landed.items() <= state.verified.tasks.items():  # nothing has landed since
        verified = _plus(settings, state, graph, plan, {}, state.verified.failed_from)
        return Verifying(replace(state, verified=verified), (), running, state.condition)
    level = plan.level if settings.after is VerifyAfter.LEVEL else 0
    revision = _digest([level, sorted(landed.items()), state.epoch])
    if state.settled == _digest([revision, sorted(state.checks.items())]):
        # It was broken, and no repair is open or has landed: they were skipped, or what they build on has failed.
        condition = state.condition
        if condition[1] == "Repairing":
            condition = ("False", "VerificationFailed", sentences.not_repaired(condition[2]))
        failed_from = passed_levels(state.verified, snapshot)
        verified = _plus(settings, state, graph, plan, landed, failed_from)
        state = replace(state, verified=verified, condition=condition)
        return Verifying(state, (), running, condition)
    launches: list[CheckLaunch] = []
    results: dict[str, CheckVerdict] = {}
    current: dict[str, Sequence[CheckRun]] = {}
    for check in settings.checks:
        mark = f"{revision}.{state.checks[check.name]}"
        of_check = sorted((run for run in runs if run.check == check.name), key=lambda run: run.number)
        mine = current[check.name] = [run for run in of_check if run.revision == mark and run.outcome is not _STOPPED]
        if any(run.outcome is _STALE for run in mine):
            return Verifying(replace(state, epoch=state.epoch + 1), (), running, state.condition)
        known = state.passed.get(check.name)
        since = known.commit if known and known.fingerprint == state.checks[check.name] else ""
        found = next_of_check(settings, mine, slots - len(running) - len(launches), since)
        if isinstance(found, CheckVerdict):
            results[check.name] = found
            continue
        number = max((run.number for run in of_check), default=0)
        work = next((run.work for run in mine if run.work), None)
        for probe in found:
            if len(running) + len(launches) < slots:
                number += 1
                launches.append(CheckLaunch(check, number, mark, probe if work else None, work, since))
    stops = [run for run in running if run.check in results or run not in current.get(run.check, ())]
    if len(results) < len(settings.checks):
        what = sentences.what_is_verified(settings, plan, landed, state.verified)
        waiting = [check.name for check in settings.checks if check.name not in results]
        searched = [name for name in waiting if is_searched(name, current[name], launches)]
        message = sentences.running(what, waiting, searched)
        return Verifying(state, launches, stops, ("Unknown", "Verifying", message))
    settled = _settled(settings, graph, plan, snapshot, state, results, landed)
    settled = replace(settled, settled=_digest([revision, sorted(state.checks.items())]))
    return Verifying(settled, (), running, settled.condition)


def _settled(
    settings: Verification,
    graph: CompiledGraph,
    plan: Plan,
    snapshot: Snapshot,
    state: VerificationState,
    results: Mapping[str, CheckVerdict],
    landed: Mapping[str, int],
) -> VerificationState:
    """The record when all checks have a result."""
    now_flaky = [name for name, result in results.items() if result.is_flaky]
    passed = {name: PassedCheck(state.checks[name], found.tip) for name, found in results.items() if not found.verdict}
    state = replace(
        state,
        flaky=tuple(dict.fromkeys([*state.flaky, *now_flaky])),
        passed={**state.passed, **passed},
    )
    failed = {name: result for name, result in results.items() if result.verdict is not None}
    failed_from = passed_levels(state.verified, snapshot)
    verified = _plus(settings, state, graph, plan, landed, failed_from if failed else None)
    if not failed:
        tip = next(iter(results.values())).tip
        what = sentences.what_is_verified(settings, plan, landed)
        gone = [task for task in state.taken_out if task in state.condemned]
        message = sentences.passed(what, tip, list(results), now_flaky, gone)
        return replace(state, verified=verified, condition=("True", "Verified", message))
    message = sentences.failed(failed)
    if settings.on_failure is OnCheckFailure.CONTINUE:
        return replace(state, verified=verified, condition=("False", "ChecksFailed", message))
    blamed = _blamed(failed, graph)
    new = {task: repair for task, repair in blamed.items() if task not in state.condemned}
    able = {task: repair for task, repair in new.items() if graph.index[task] not in graph.skipped}
    if not able:
        reason = _reason(failed, graph, state.condemned)
        if reason is None:  # it is known, and nothing more follows from it
            return replace(state, verified=verified, condition=("False", "VerificationFailed", message))
        return replace(state, is_stopped=True, condition=("False", reason, message))
    most = settings.max_repairs if settings.on_failure is OnCheckFailure.REPAIR else 0
    given_up = [task for task in able if not state.may_repair(task, most)]
    proven = {task for result in failed.values() if result.verdict for task in result.verdict.blamed}
    if not proven.issuperset(given_up):  # nobody has failed because it is probable
        return replace(state, is_stopped=True, condition=("False", "CauseUnknown", message))
    repairs = dict(state.repairs)
    state = replace(state, taken_out={task: at for task, at in state.taken_out.items() if task not in able})
    for task, repair in able.items():
        attempts = plan.ledger.records.get(task, NEW).attempts
        repairs[task] = (*repairs.get(task, ()), repair._replace(floor=attempts))
    after = settings.after_max_repairs if settings.on_failure is OnCheckFailure.REPAIR else AfterMaxRepairs.FAIL
    if given_up and after is AfterMaxRepairs.CONTINUE:
        left_over = {task: repairs[task] for task in able if task not in given_up}
        repairs, given = {**state.repairs, **left_over}, sentences.given_up(message, given_up, most)
        if not left_over:
            return replace(state, verified=verified, condition=("False", "ChecksFailed", given))
        return replace(state, repairs=repairs, condition=("False", "Repairing", given))
    reason = "VerificationFailed" if given_up else "Repairing"
    if given_up and most:
        message = sentences.given_up(message, given_up, most)
    if given_up and after is AfterMaxRepairs.REVERT:
        condition = ("False", "Reverting", sentences.reverting(message))
        return replace(
            state,
            verified=state.verified._replace(is_reverting=True),
            repairs=repairs,
            condemned=(*state.condemned, *given_up),
            reverting=tuple(given_up),
            condition=condition,
        )
    if len(given_up) == len(able):  # nothing lands because of it, so there is nothing else to verify
        left = {task: number for task, number in landed.items() if task not in given_up}
        state = replace(state, verified=_plus(settings, state, graph, plan, left, failed_from))
    return replace(
        state,
        repairs=repairs,
        condemned=(*state.condemned, *given_up),
        is_stopped=settings.on_failure is OnCheckFailure.STOP or (bool(given_up) and after is AfterMaxRepairs.STOP),
        condition=("False", reason, message),
    )


def _is_due(settings: Verification, plan: Plan, snapshot: Snapshot, verified: VerifiedWork) -> bool:
    """Whether it is time to verify: a level has ended, or enough has landed and nothing lands meanwhile."""
    if settings.after is VerifyAfter.LEVEL:
        return verified_levels(verified, snapshot) < plan.level
    if plan.running:
        return False
    count = unverified(verified, snapshot)
    return count >= (settings.every or EVERY) or (count > 0 and plan.level == len(snapshot.graph.levels))


def _landed(settings: Verification, graph: CompiledGraph, plan: Plan) -> dict[str, int]:
    """The tasks whose work is verified together, with the numbers of their last attempts: all that have succeeded, with
    ``after: Level`` those of the levels that are done."""
    records = plan.ledger.records
    return {
        graph.ids[i]: records[graph.ids[i]].attempts
        for i, state in enumerate(plan.states)
        if state is TaskState.SUCCEEDED and (graph.level[i] < plan.level or settings.after is VerifyAfter.LANDINGS)
    }


def _plus(
    settings: Verification,
    state: VerificationState,
    graph: CompiledGraph,
    plan: Plan,
    landed: Mapping[str, int],
    failed_from: int | None,
) -> VerifiedWork:
    """What is verified, when this is as well; ``failed_from`` is the field of the result."""
    before = {task: number for task, number in state.verified.tasks.items() if task in graph.index}
    levels = plan.level if settings.after is VerifyAfter.LEVEL else len(graph.levels)
    return VerifiedWork(levels, {**before, **landed}, failed_from)


def _blamed(failed: Mapping[str, CheckVerdict], graph: CompiledGraph) -> dict[str, Repair]:
    """By task that is to be repaired, its repair, without its floor. One that breaks several checks gets the first."""
    found: dict[str, Repair] = {}
    for name, result in failed.items():
        if result.verdict is None or result.last is None:
            continue
        faults = result.verdict.faults or tuple(Fault((task,)) for task in result.verdict.suspects[:1])
        for fault in faults:
            ours = [task for task in fault.tasks if task in graph.index]
            if ours:  # of a pair with a commit of somebody else, the task is repaired
                other = next((task for task in fault.tasks if task != ours[-1]), "")
                found.setdefault(ours[-1], Repair(0, name, result.last.number, result.tip, other))
    return found


def _reason(failed: Mapping[str, CheckVerdict], graph: CompiledGraph, condemned: Collection[str]) -> str | None:
    """Why no task can repair it; None: a task that is not repaired any more has broken it."""
    verdicts = [result.verdict for result in failed.values() if result.verdict]
    if any(verdict.kind is VerdictKind.BASE for verdict in verdicts):
        return "BaseFailed"
    if any(not verdict.faults and not {*verdict.suspects[:1]} & {*condemned} for verdict in verdicts):
        return "CauseUnknown"
    faults = [fault for verdict in verdicts for fault in verdict.faults]
    return "BrokenByOthers" if any(graph.index.keys().isdisjoint(fault.tasks) for fault in faults) else None


def _digest(content: object) -> str:
    """A short fingerprint."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
