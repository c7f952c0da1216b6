"""When what has landed is verified, and what follows from the results. Pure.

A run of a check belongs to one revision: the tasks that have succeeded in the levels that are done. First each check
runs on the tip of the branch. One that fails runs again on the same commit, to know whether it is flaky. Then runs on
other subsets of the work find who broke it (``search``). When all checks of a revision have a result, the record
changes once: the levels are verified, or tasks run again to repair what they have landed, or have failed.
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
    NOTHING_VERIFIED,
    VerifiedWork,
    passed_levels,
    unverified,
    verified_levels,
)
from parallelproject.core.planner.plan import Plan
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.core.verification.failure_report import FailureReport, confirmed, judge, read_failure
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import FOREIGN, Probe, ProbeOutcome, is_foreign
from parallelproject.core.verification.search import next_step
from parallelproject.core.verification.state import PassedCheck, Repair, VerificationState
from parallelproject.core.verification.verdict import CulpritVerdict, Fault, VerdictKind
from parallelproject.model.names import level_name
from parallelproject.model.problem import listed
from parallelproject.model.spec import OnCheckFailure, Verification, VerificationCheck, VerifyAfter
from parallelproject.model.status import TaskState

SHORT = 10
"""Characters of a commit's name where people read it."""
_BROKEN_MAX = 3
"""How often a check may not run at all before that is a result."""
_OPEN = frozenset({TaskState.PENDING, TaskState.RUNNING})
_PASSED, _FAILED = ProbeOutcome.PASSED, ProbeOutcome.FAILED
_STOPPED, _STALE = ProbeOutcome.STOPPED, ProbeOutcome.STALE


class CheckRun(NamedTuple):
    """One observed run of a check."""

    check: str
    number: int
    """Of the runs of this check, from 1."""
    revision: str
    probe: Probe | None = None
    """What it ran on; None: the tip of the branch when it started."""
    outcome: ProbeOutcome | None = None
    """None while it runs."""
    work: LandedWork | None = None
    """For a run of the tip that has ended: what it found there."""
    printed: str = ""
    """The end of what the check printed, if it failed."""


class CheckLaunch(NamedTuple):
    """A run of a check to start."""

    check: VerificationCheck
    number: int
    revision: str
    probe: Probe | None
    """None: the tip of the branch."""
    work: LandedWork | None
    """What the probe is a subset of."""
    since: str
    """The commit that this check passed on before; empty: no such commit."""


class Verifying(NamedTuple):
    """What to do, and the state of the verification."""

    state: VerificationState
    """What to record before anything else is done."""
    launches: Sequence[CheckLaunch]
    stops: Sequence[CheckRun]
    """Running ones whose results are of no use any more."""
    condition: tuple[str, str, str]
    """Status, reason and message of the condition Verified."""


class _Result(NamedTuple):
    """The result of one check."""

    verdict: CulpritVerdict | None
    """Who broke it; None: it passed."""
    is_flaky: bool = False
    last: CheckRun | None = None
    """The last run on the tip that failed, or the last one that could not run."""
    tip: str = ""
    """The commit that it is about."""
    passed_on: str = ""
    """If the base is broken: the same commit, where the check has passed on it before."""


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
    open_repairs = [task for task in state.repairs if task in graph.index and plan.states[graph.index[task]] in _OPEN]
    if open_repairs or not _is_due(settings, plan, snapshot, state.verified):
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
            condition = ("False", "VerificationFailed", f"{condition[2]}; it was not repaired")
        failed_from = passed_levels(state.verified, snapshot)
        verified = _plus(settings, state, graph, plan, landed, failed_from)
        state = replace(state, verified=verified, condition=condition)
        return Verifying(state, (), running, condition)
    launches: list[CheckLaunch] = []
    results: dict[str, _Result] = {}
    current: dict[str, Sequence[CheckRun]] = {}
    for check in settings.checks:
        mark = f"{revision}.{state.checks[check.name]}"
        of_check = sorted((run for run in runs if run.check == check.name), key=lambda run: run.number)
        mine = current[check.name] = [run for run in of_check if run.revision == mark and run.outcome is not _STOPPED]
        if any(run.outcome is _STALE for run in mine):
            return Verifying(replace(state, epoch=state.epoch + 1), (), running, state.condition)
        known = state.passed.get(check.name)
        since = known.commit if known and known.fingerprint == state.checks[check.name] else ""
        found = _check(settings, mine, slots - len(running) - len(launches), since)
        if isinstance(found, _Result):
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
        what = _named(settings, plan, landed, state.verified)
        waiting = [check.name for check in settings.checks if check.name not in results]
        message = f"{what}: {listed(waiting, 5)}"
        if searched := [name for name in waiting if _is_searched(name, current[name], launches)]:
            message += f"; it failed, and runs on parts of the work show who broke it: {listed(searched, 5)}"
        return Verifying(state, launches, stops, ("Unknown", "Verifying", message))
    settled = _settled(settings, graph, plan, snapshot, state, results, landed)
    settled = replace(settled, settled=_digest([revision, sorted(state.checks.items())]))
    return Verifying(settled, (), running, settled.condition)


def _is_searched(check: str, runs: Sequence[CheckRun], launches: Sequence[CheckLaunch]) -> bool:
    """Whether a check runs on other commits than the tip."""
    tips = {None, *(Probe(len(run.work.changes)) for run in runs if run.check == check and run.work)}
    probes = [run.probe for run in runs if run.check == check]
    probes += [launch.probe for launch in launches if launch.check.name == check]
    return any(probe not in tips for probe in probes)


def _check(
    settings: Verification, runs: Sequence[CheckRun], slots: int, verified: str
) -> _Result | Sequence[Probe | None]:
    """The result of a check by its runs, or the probes to start, of which None is the tip; empty: wait."""
    active = [run for run in runs if run.outcome is None]
    first = next((run for run in runs if run.work is not None and run.outcome in (_PASSED, _FAILED)), None)
    if first is None or first.work is None:
        if active:
            return ()
        if len(runs) >= _BROKEN_MAX:
            return _Result(CulpritVerdict(VerdictKind.UNKNOWN), last=runs[-1])
        return (None,)
    changes, at = first.work.changes, first.work.tip
    tip = Probe(len(changes))
    of_tip = [run for run in runs if run.probe in (None, tip) and run.outcome in (_PASSED, _FAILED)]
    failures = [run for run in of_tip if run.outcome is _FAILED]
    if of_tip[-1].outcome is _PASSED and len(failures) <= settings.retry_flaky:
        return _Result(None, bool(failures), tip=at)
    if not any(run.probe != tip and run.probe is not None for run in runs) and len(failures) <= settings.retry_flaky:
        return () if active else (tip,)
    report = read_failure(failures[-1].printed)
    for failure in failures[:-1]:
        report = confirmed(read_failure(failure.printed), report)
    known: dict[Probe, list[ProbeOutcome]] = {Probe(0): [_PASSED]} if first.work.base == verified else {}
    for run in runs:
        if run.outcome is not None:
            found = run.outcome if run.probe in (None, tip) else _judged(report, run.outcome, run.printed)
            known.setdefault(run.probe or tip, []).append(found)
    base = known.setdefault(Probe(0), [])
    if _PASSED not in base and len(base) <= settings.retry_flaky:  # often the check is broken from the start
        return () if any(run.probe == Probe(0) for run in active) else (Probe(0),)
    if base.count(_FAILED) > settings.retry_flaky:
        passed_on = verified if first.work.base == verified else ""
        return _Result(CulpritVerdict(VerdictKind.BASE), last=failures[-1], tip=at, passed_on=passed_on)
    # Where no slot is free it is asked all the same: with no slots at all, a search ends.
    step = next_step(changes, report, known, max(1, slots + len(active)), [run.probe or tip for run in active])
    if not isinstance(step, CulpritVerdict):
        return step
    if step.kind is VerdictKind.FLAKY:
        return _Result(None, True, tip=at)
    if step.kind is VerdictKind.CULPRITS and all(run.outcome is not _PASSED for run in runs):
        # That the base passed was seen at another time. What has changed since may be the machine.
        if base.count(ProbeOutcome.BROKEN) >= _BROKEN_MAX:
            return _Result(CulpritVerdict(VerdictKind.UNKNOWN, suspects=step.blamed), last=failures[-1], tip=at)
        return () if active else (Probe(0),)
    return _Result(step, last=failures[-1], tip=at)


def _judged(report: FailureReport, outcome: ProbeOutcome, printed: str) -> ProbeOutcome:
    """What a probe says about the failure that is searched: it may fail in another way."""
    return judge(report, 1, printed) if outcome is _FAILED else outcome


def _settled(
    settings: Verification,
    graph: CompiledGraph,
    plan: Plan,
    snapshot: Snapshot,
    state: VerificationState,
    results: Mapping[str, _Result],
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
        message = f"{_named(settings, plan, landed)} at {tip[:SHORT]}: {listed(list(results), 5)}"
        if now_flaky:
            message += f"; flaky, passed when it ran again: {listed(now_flaky, 5)}"
        return replace(state, verified=verified, condition=("True", "Verified", message))
    message = "; ".join(_words(name, result) for name, result in failed.items())
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
    for task, repair in able.items():
        attempts = plan.ledger.records.get(task, NEW).attempts
        repairs[task] = (*repairs.get(task, ()), repair._replace(floor=attempts))
    reason = "VerificationFailed" if given_up else "Repairing"
    if given_up and most:
        message += f"; repaired {most} times: {listed(given_up, 5)}"
    if len(given_up) == len(able):  # nothing lands because of it, so there is nothing else to verify
        left = {task: number for task, number in landed.items() if task not in given_up}
        state = replace(state, verified=_plus(settings, state, graph, plan, left, failed_from))
    return replace(
        state,
        repairs=repairs,
        condemned=(*state.condemned, *given_up),
        is_stopped=settings.on_failure is OnCheckFailure.STOP,
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


def _blamed(failed: Mapping[str, _Result], graph: CompiledGraph) -> dict[str, Repair]:
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


def _words(name: str, result: _Result) -> str:
    """What a check that failed has shown."""
    verdict = result.verdict
    failed = f"{name} failed on {result.tip[:SHORT]}"
    if verdict is None or verdict.kind is VerdictKind.UNKNOWN:
        if verdict and verdict.suspects:
            return f"{failed}: probably {change_words(verdict.suspects[0])} broke it, which no run could prove"
        if result.tip:
            return f"{failed}: who broke it is not known"
        why = result.last.printed.strip() if result.last else ""
        return f"{name} could not run" + (f": {why}" if why else "")
    if verdict.kind is VerdictKind.BASE and result.passed_on:
        return f"{failed}, and now also on {result.passed_on[:SHORT]}, where it passed before: no task broke it"
    if verdict.kind is VerdictKind.BASE:
        return f"{failed}, and also without the work of any task: the base is broken"
    return f"{failed}: {'; '.join(map(_fault_words, verdict.faults))}"


def _fault_words(fault: Fault) -> str:
    named = [change_words(task) for task in fault.tasks]
    return (
        f"{named[0]} and {named[1]} break it together, each passes alone" if fault.is_pair else f"{named[0]} broke it"
    )


def change_words(change: str) -> str:
    """A change as people read it: its task, or the commits of somebody else."""
    if not is_foreign(change):
        return change
    first, dots, last = change.removeprefix(FOREIGN).partition("..")
    return f"commits {first[:SHORT]}..{last[:SHORT]}" if dots else f"commit {first[:SHORT]}"


def _reason(failed: Mapping[str, _Result], graph: CompiledGraph, condemned: Collection[str]) -> str | None:
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


def _named(
    settings: Verification, plan: Plan, landed: Mapping[str, int], before: VerifiedWork = NOTHING_VERIFIED
) -> str:
    """What is verified, without what was before."""
    if settings.after is VerifyAfter.LANDINGS:
        count = len(landed.items() - before.tasks.items())
        return "1 task" if count == 1 else f"{count} tasks"
    first, last = (before.levels if before.levels < plan.level else 0), level_name(plan.level - 1)
    return last if first >= plan.level - 1 else f"{level_name(first)} to {last}"
