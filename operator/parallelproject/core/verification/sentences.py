"""What people read about a verification: the sentences of its condition. Pure."""

from collections.abc import Mapping, Sequence

from parallelproject.core.planner.constraints.verified_work import NOTHING_VERIFIED, VerifiedWork
from parallelproject.core.planner.plan import Plan
from parallelproject.core.verification.one_check import CheckVerdict
from parallelproject.core.verification.probe import FOREIGN, is_foreign
from parallelproject.core.verification.verdict import Fault, VerdictKind
from parallelproject.model.names import level_name
from parallelproject.model.problem import listed
from parallelproject.model.spec import Verification, VerifyAfter

SHORT = 10
"""Characters of a commit's name where people read it."""
_TEXT_MAX = 4_000
"""Maximum characters of a condition's message."""
_NAMED = 5
"""So many names are written out."""


def running(what: str, checks: Sequence[str], searched: Sequence[str]) -> str:
    """While checks run.

    Args:
        what: See ``what_is_verified``.
        checks: Those without a result.
        searched: Of these, those that have failed, and whose culprit is searched.
    """
    text = f"{what}: {listed(list(checks), _NAMED)}"
    if searched:
        text += f"; failed, searching for the task that broke it: {listed(list(searched), _NAMED)}"
    return text


def passed(what: str, tip: str, checks: Sequence[str], flaky: Sequence[str], gone: Sequence[str]) -> str:
    """When all checks have passed; of these some only when they ran again, and without the work of some tasks."""
    text = f"{what} at {tip[:SHORT]}: {listed(list(checks), _NAMED)}"
    if flaky:
        text += f"; flaky, passed when run again: {listed(list(flaky), _NAMED)}"
    return f"{text}; without what was taken off the branch: {listed(list(gone), _NAMED)}" if gone else text


def failed(results: Mapping[str, CheckVerdict]) -> str:
    """When checks have failed."""
    text = "; ".join(_failure(name, result) for name, result in results.items())
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"


def not_repaired(message: str) -> str:
    """When the tasks that were to repair a failure have not landed anything."""
    return f"{message}; it was not repaired"


def given_up(message: str, tasks: Sequence[str], repairs: int) -> str:
    """When the work of tasks still fails after the maximum number of repairs."""
    times = "once" if repairs == 1 else f"{repairs} times"
    return f"{message}; still fails after it was repaired {times}: {listed(list(tasks), _NAMED)}"


def what_is_verified(
    settings: Verification, plan: Plan, landed: Mapping[str, int], before: VerifiedWork = NOTHING_VERIFIED
) -> str:
    """What is verified, without what was before."""
    if settings.after is VerifyAfter.LANDINGS:
        count = len(landed.items() - before.tasks.items())
        return "1 task" if count == 1 else f"{count} tasks"
    first, last = (before.levels if before.levels < plan.level else 0), level_name(plan.level - 1)
    return last if first >= plan.level - 1 else f"{level_name(first)} to {last}"


def reverting(message: str) -> str:
    """When work is to be taken off the branch."""
    return f"{message}; its work is being taken off the branch"


def reverted(message: str, tasks: Sequence[str], commit: str) -> str:
    """When work was taken off the branch."""
    before = message.partition("; its work is being taken off")[0]
    named = listed(list(tasks), _NAMED)
    if not commit:
        return f"{before}; nothing of it is on the branch any more: {named}"
    return f"{before}; taken off the branch by {commit[:SHORT]}: {named}"


def not_reverted(message: str, why: str) -> str:
    """When work cannot be taken off the branch."""
    before = message.partition("; its work is being taken off")[0]
    return f"{before}; its work cannot be taken off the branch" + (f": {why.strip()}" if why.strip() else "")


def _failure(name: str, result: CheckVerdict) -> str:
    verdict = result.verdict
    failed = f"{name} failed on {result.tip[:SHORT]}"
    if verdict is None or verdict.kind is VerdictKind.UNKNOWN:
        return _unknown(name, failed, result)
    if verdict.kind is VerdictKind.BASE and result.passed_on:
        return f"{failed}, and now also on {result.passed_on[:SHORT]}, where it passed before: no task broke it"
    if verdict.kind is VerdictKind.BASE:
        return f"{failed}, and also without the work of any task: the base is broken"
    return f"{failed}: {'; '.join(map(_fault, verdict.faults))}"


def _unknown(name: str, failed: str, result: CheckVerdict) -> str:
    """A failure whose cause is not known."""
    if not result.tip:
        why = result.last.printed.strip() if result.last else ""
        return f"{name} could not run" + (f": {why}" if why else "")
    if result.verdict and result.verdict.suspects:
        return f"{failed}: {change_words(result.verdict.suspects[0])} probably broke it, but no run has proved it"
    if result.left_out:
        which = "the first change" if result.left_out == 1 else f"one of the first {result.left_out} changes"
        return f"{failed}: {which} broke it, which was not searched: there are too many"
    if result.is_cut_off:
        return f"{failed}, and could not run again: the task that broke it is not known"
    return f"{failed}: the task that broke it is not known"


def _fault(fault: Fault) -> str:
    named = [change_words(task) for task in fault.tasks]
    if fault.is_pair:
        return f"{named[0]} and {named[1]} break it together; each passes alone"
    return f"{named[0]} broke it"


def change_words(change: str) -> str:
    """A change as people read it: its task, or the commits of somebody else."""
    if not is_foreign(change):
        return change
    first, dots, last = change.removeprefix(FOREIGN).partition("..")
    return f"commits {first[:SHORT]}..{last[:SHORT]}" if dots else f"commit {first[:SHORT]}"
