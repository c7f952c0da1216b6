"""When what has landed is verified, and what follows from the results. Pure.

A run of a check belongs to one revision: the tasks that have succeeded in the levels that are done. First each check
runs on the tip of the branch. One that fails runs again on the same commit, to know whether it is flaky. Then runs on
other subsets of the work find who broke it (``search``). When all checks of a revision have a result, the record
changes once: the levels are verified, or tasks run again to repair what they have landed, or have failed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.constraints.verification_gate import verified_levels
from parallelproject.core.planner.plan import Plan
from parallelproject.core.verification.failure_report import FailureReport, confirmed, judge, read_failure
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.core.verification.search import next_step
from parallelproject.core.verification.state import Repair, VerificationState
from parallelproject.core.verification.verdict import CulpritVerdict, Fault, VerdictKind
from parallelproject.model.names import level_name
from parallelproject.model.problem import listed
from parallelproject.model.spec import OnCheckFailure, Verification, VerificationCheck
from parallelproject.model.status import TaskState

SHORT = 10
"""Characters of a commit's name where people read it."""
_BROKEN_MAX = 3
"""How often a check may not run at all before that is a result."""
_OPEN = frozenset({TaskState.PENDING, TaskState.RUNNING})
_PASSED, _FAILED, _BROKEN = ProbeOutcome.PASSED, ProbeOutcome.FAILED, ProbeOutcome.BROKEN


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
    """The commit that was verified before; empty: none was."""


class Verifying(NamedTuple):
    """What to do, and the state of the verification."""

    state: VerificationState
    """What to record before anything else is done."""
    launches: Sequence[CheckLaunch]
    condition: tuple[str, str, str]
    """Status, reason and message of the condition Verified."""


class _Result(NamedTuple):
    """The result of one check."""

    verdict: CulpritVerdict | None
    """Who broke it; None: it passed."""
    is_flaky: bool = False
    last: CheckRun | None = None
    """The last run on the tip that failed."""


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
        settings: The checks.
        graph: The graph that the plan was made for.
        plan: The last plan.
        state: What is recorded.
        runs: All observed runs of checks, of any revision.
        slots: Number of slots of parallelism that no task holds.
    """
    snapshot = plan.ledger.snapshot
    running = sum(run.outcome is None for run in runs)
    if plan.stopped is not None or state.is_stopped or snapshot is None:
        return Verifying(state, (), state.condition)
    index = graph.index
    repairing = [task for task in state.repairs if task in index and plan.states[index[task]] in _OPEN]
    if repairing:
        return Verifying(state, (), state.condition)
    succeeded = snapshot.succeeded_below(plan.level)
    is_current = verified_levels(state.verified, snapshot) == state.levels
    if not succeeded or (is_current and plan.level <= state.levels):
        return Verifying(state, (), state.condition)
    if is_current and succeeded == state.succeeded:  # nothing has landed since
        return Verifying(replace(state, levels=plan.level), (), state.condition)
    revision = _revision(graph, plan)
    if state.settled == revision:
        return Verifying(state, (), state.condition)
    mine = [run for run in runs if run.revision == revision]
    launches: list[CheckLaunch] = []
    results: dict[str, _Result] = {}
    for check in settings.checks:
        of_check = sorted((run for run in mine if run.check == check.name), key=lambda run: run.number)
        number = max((run.number for run in runs if run.check == check.name), default=0)
        found = _check(settings, of_check, slots - running - len(launches), state.commit)
        if isinstance(found, _Result):
            results[check.name] = found
            continue
        work = next((run.work for run in of_check if run.work), None)
        for probe in found:
            if running + len(launches) < slots:
                number += 1
                launches.append(CheckLaunch(check, number, revision, probe if work else None, work, state.commit))
    if len(results) < len(settings.checks):
        levels = _levels_named(state.levels if state.levels < plan.level else 0, plan.level)
        waiting = [check.name for check in settings.checks if check.name not in results]
        message = f"{levels}: {listed(waiting, 5)}"
        if searched := [name for name in waiting if _is_searched(name, mine, launches)]:
            message += f"; it failed, and runs on parts of the work show who broke it: {listed(searched, 5)}"
        return Verifying(state, launches, ("Unknown", "Verifying", message))
    return _settled(settings, plan, state, mine, results, revision, succeeded)


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
    changes = first.work.changes
    tip = Probe(len(changes))
    of_tip = [run for run in runs if run.probe in (None, tip) and run.outcome in (_PASSED, _FAILED)]
    failures = [run for run in of_tip if run.outcome is _FAILED]
    if of_tip[-1].outcome is _PASSED and len(failures) <= settings.retry_flaky:
        return _Result(None, bool(failures))
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
        return _Result(CulpritVerdict(VerdictKind.BASE), last=failures[-1])
    step = next_step(changes, report, known, max(0, slots) + len(active), [run.probe or tip for run in active])
    if not isinstance(step, CulpritVerdict):
        return step
    return _Result(None, True) if step.kind is VerdictKind.FLAKY else _Result(step, last=failures[-1])


def _judged(report: FailureReport, outcome: ProbeOutcome, printed: str) -> ProbeOutcome:
    """What a probe says about the failure that is searched: it may fail in another way."""
    return judge(report, 1, printed) if outcome is _FAILED else outcome


def _settled(
    settings: Verification,
    plan: Plan,
    state: VerificationState,
    runs: Sequence[CheckRun],
    results: Mapping[str, _Result],
    revision: str,
    succeeded: int,
) -> Verifying:
    """All checks have a result."""
    tip = next((run.work.tip for run in runs if run.work), "")
    flaky = tuple(dict.fromkeys([*state.flaky, *(name for name, result in results.items() if result.is_flaky)]))
    state = replace(state, settled=revision, flaky=flaky)
    failed = {name: result for name, result in results.items() if result.verdict is not None}
    levels = _levels_named(0, plan.level)
    if not failed:
        message = f"{levels} at {tip[:SHORT]}: {listed(list(results), 5)}"
        if now_flaky := [name for name, result in results.items() if result.is_flaky]:
            message += f"; flaky, passed when it ran again: {listed(now_flaky, 5)}"
        return _passed(state, plan.level, succeeded, tip, ("True", "Verified", message))
    message = "; ".join(_words(name, result, tip) for name, result in failed.items())
    if settings.on_failure is OnCheckFailure.CONTINUE:
        return _passed(state, plan.level, succeeded, tip, ("False", "ChecksFailed", message))
    blamed = _blamed(failed, tip)
    new = {task: repair for task, repair in blamed.items() if task not in state.condemned}
    if blamed and not new:  # it is known, and nothing more follows from it
        return _passed(state, plan.level, succeeded, tip, ("False", "VerificationFailed", message))
    if not new:
        state = replace(state, is_stopped=True, condition=("False", _reason(failed), message))
        return Verifying(state, (), state.condition)
    most = settings.max_repairs if settings.on_failure is OnCheckFailure.REPAIR else 0
    given_up = [task for task in new if not state.may_repair(task, most)]
    repairs = dict(state.repairs)
    for task, repair in new.items():
        attempts = plan.ledger.records.get(task, NEW).attempts
        repairs[task] = (*repairs.get(task, ()), repair._replace(floor=attempts))
    reason = "VerificationFailed" if given_up else "Repairing"
    if given_up and most:
        message += f"; repaired {most} times: {listed(given_up, 5)}"
    state = replace(
        state,
        repairs=repairs,
        condemned=(*state.condemned, *given_up),
        is_stopped=settings.on_failure is OnCheckFailure.STOP,
        condition=("False", reason, message),
    )
    if len(given_up) == len(new):  # nothing lands because of it, so there is nothing else to verify
        state = replace(state, levels=plan.level, succeeded=succeeded - len(given_up))
    return Verifying(state, (), state.condition)


def _passed(
    state: VerificationState, levels: int, succeeded: int, tip: str, condition: tuple[str, str, str]
) -> Verifying:
    state = replace(state, levels=levels, succeeded=succeeded, commit=tip or state.commit, condition=condition)
    return Verifying(state, (), condition)


def _blamed(failed: Mapping[str, _Result], tip: str) -> dict[str, Repair]:
    """By task that is to be repaired, its repair, without its floor. One that breaks several checks gets the first."""
    found: dict[str, Repair] = {}
    for name, result in failed.items():
        if result.verdict is None or result.last is None:
            continue
        faults = result.verdict.faults or tuple(Fault((task,)) for task in result.verdict.suspects[:1])
        for fault in faults:
            other = fault.tasks[0] if fault.is_pair else ""
            found.setdefault(fault.blamed, Repair(0, name, result.last.number, tip, other))
    return found


def _words(name: str, result: _Result, tip: str) -> str:
    """What a check that failed has shown."""
    verdict = result.verdict
    failed = f"{name} failed on {tip[:SHORT]}"
    if verdict is None or verdict.kind is VerdictKind.UNKNOWN:
        if verdict and verdict.suspects:
            return f"{failed}: probably {verdict.suspects[0]} broke it, which no run could prove"
        return f"{failed}: who broke it is not known" if tip else f"{name} could not run"
    if verdict.kind is VerdictKind.BASE:
        return f"{failed}, and also without the work of any task: the base is broken"
    return f"{failed}: {'; '.join(map(_fault_words, verdict.faults))}"


def _fault_words(fault: Fault) -> str:
    if fault.is_pair:
        return f"{fault.tasks[0]} and {fault.tasks[1]} break it together, each passes alone"
    return f"{fault.blamed} broke it"


def _reason(failed: Mapping[str, _Result]) -> str:
    """Why nobody can repair it."""
    is_base = any(result.verdict and result.verdict.kind is VerdictKind.BASE for result in failed.values())
    return "BaseFailed" if is_base else "CauseUnknown"


def _revision(graph: CompiledGraph, plan: Plan) -> str:
    """A short fingerprint of what is to be verified: the work that has landed in the levels that are done."""
    records = plan.ledger.records
    rows = [
        (graph.ids[i], records[graph.ids[i]].attempts)
        for i, state in enumerate(plan.states)
        if state is TaskState.SUCCEEDED and graph.level[i] < plan.level
    ]
    return hashlib.sha256(json.dumps([plan.level, rows]).encode()).hexdigest()[:12]


def _levels_named(first: int, end: int) -> str:
    last = level_name(end - 1)
    return last if first >= end - 1 else f"{level_name(first)} to {last}"
