"""The result of one check by its runs, or the runs that are missing. Pure.

First it runs on the tip of the branch. If it fails there, it runs again on the same commit: it may be
flaky. Then runs on other parts of the work show who broke it (``search``).
"""

from collections.abc import Sequence
from typing import NamedTuple

from parallelproject.core.verification.check_run import CheckLaunch, CheckRun
from parallelproject.core.verification.failure_report import FailureReport, confirmed, judge, read_failure
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.core.verification.search import next_step
from parallelproject.core.verification.verdict import CulpritVerdict, VerdictKind
from parallelproject.model.spec import Verification

_BROKEN_MAX = 3
"""How often a check may not run at all before that is a result."""
_PASSED, _FAILED = ProbeOutcome.PASSED, ProbeOutcome.FAILED


class CheckVerdict(NamedTuple):
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
    left_out: int = 0
    """If the cause is not known: the number of changes below the ones that were searched, of which one is the cause."""
    is_cut_off: bool = False
    """If the cause is not known: whether it could not run again on the tip."""


def is_searched(check: str, runs: Sequence[CheckRun], launches: Sequence[CheckLaunch]) -> bool:
    """Whether a check runs on other commits than the tip."""
    tips = {None, *(Probe(len(run.work.changes)) for run in runs if run.check == check and run.work)}
    probes = [run.probe for run in runs if run.check == check]
    probes += [launch.probe for launch in launches if launch.check.name == check]
    return any(probe not in tips for probe in probes)


def next_of_check(
    settings: Verification, runs: Sequence[CheckRun], slots: int, verified: str
) -> CheckVerdict | Sequence[Probe | None]:
    """The result of a check by its runs, or the probes to start, of which None is the tip; empty: wait."""
    active = [run for run in runs if run.outcome is None]
    first = next((run for run in runs if run.work is not None and run.outcome in (_PASSED, _FAILED)), None)
    if first is None or first.work is None:
        if active:
            return ()
        if len(runs) >= _BROKEN_MAX:
            return CheckVerdict(CulpritVerdict(VerdictKind.UNKNOWN), last=runs[-1])
        return (None,)
    changes, at = first.work.changes, first.work.tip
    tip = Probe(len(changes))
    of_tip = [run for run in runs if run.probe in (None, tip) and run.outcome in (_PASSED, _FAILED)]
    failures = [run for run in of_tip if run.outcome is _FAILED]
    if of_tip[-1].outcome is _PASSED and len(failures) <= settings.retry_flaky:
        return CheckVerdict(None, bool(failures), tip=at)
    if not any(run.probe != tip and run.probe is not None for run in runs) and len(failures) <= settings.retry_flaky:
        last = failures[-1]
        again = [run for run in runs if run.probe in (None, tip) and run.number > last.number]
        if sum(run.outcome is ProbeOutcome.BROKEN for run in again) >= _BROKEN_MAX:
            return CheckVerdict(CulpritVerdict(VerdictKind.UNKNOWN), last=last, tip=at, is_cut_off=True)
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
        if first.work.left_out:  # the cause is below: the base is a commit among the work
            unknown = CulpritVerdict(VerdictKind.UNKNOWN)
            return CheckVerdict(unknown, last=failures[-1], tip=at, left_out=first.work.left_out)
        passed_on = verified if first.work.base == verified else ""
        return CheckVerdict(CulpritVerdict(VerdictKind.BASE), last=failures[-1], tip=at, passed_on=passed_on)
    # Where no slot is free it is asked all the same: with no slots at all, a search ends.
    step = next_step(changes, report, known, max(1, slots + len(active)), [run.probe or tip for run in active])
    if not isinstance(step, CulpritVerdict):
        return step
    if step.kind is VerdictKind.FLAKY:
        return CheckVerdict(None, True, tip=at)
    if step.kind is VerdictKind.CULPRITS and all(run.outcome is not _PASSED for run in runs):
        # That the base passed was seen at another time. What has changed since may be the machine.
        if base.count(ProbeOutcome.BROKEN) >= _BROKEN_MAX:
            return CheckVerdict(CulpritVerdict(VerdictKind.UNKNOWN, suspects=step.blamed), last=failures[-1], tip=at)
        return () if active else (Probe(0),)
    return CheckVerdict(step, last=failures[-1], tip=at)


def _judged(report: FailureReport, outcome: ProbeOutcome, printed: str) -> ProbeOutcome:
    """What a probe says about the failure that is searched: it may fail in another way."""
    return judge(report, printed) if outcome is _FAILED else outcome
