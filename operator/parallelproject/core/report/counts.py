"""What happened to a project's attempts between two ledgers, counted. Pure.

A difference of records: what a plan has taken in is in the record, so an attempt that is seen again adds nothing, and
neither does one that the status tells of which a restarted process begins with.
"""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from parallelproject.core.planner.attempt import NEW, Attempt, Phase, Record
from parallelproject.core.planner.plan import Ledger
from parallelproject.model.status import Reason, TaskState

_RUNNING, _SUCCEEDED = TaskState.RUNNING, TaskState.SUCCEEDED


class Result(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    """By the project's end or an edit: no failure of its task."""


class End(NamedTuple):
    """An attempt's end."""

    result: Result
    reason: str = ""
    """Why it failed; empty where it did not."""


class Tally(NamedTuple):
    """Counts."""

    started: int = 0
    """Attempts that are there and were not before, or were refused for good."""
    retries: int = 0
    """Those of them that are not the first of their task."""
    landed: int = 0
    """Tasks whose work is now known to be a commit on the branch."""
    ended: Counter[End] = Counter()


NOTHING = Tally()


def tally(before: Ledger, after: Ledger) -> Tally:
    """Counts what a plan has taken in.

    It takes as long as what is seen of tasks that have not settled asks for, however large the project is.

    Args:
        before: The ledger that the plan was given.
        after: The one that it gave.
    """
    now, then = after.snapshot, before.snapshot
    if now is None or now is then:
        return NOTHING
    known = then.seen if then is not None else {}
    started = retries = landed = 0
    ended: Counter[End] = Counter()
    for task_id, attempts in now.seen.items():
        if attempts is known.get(task_id):
            continue
        old, new = before.records.get(task_id, NEW), after.records.get(task_id, NEW)
        if new is old:
            continue
        started += max(0, new.attempts - old.attempts)
        retries += max(0, new.attempts - max(1, old.attempts))
        landed += bool(new.commit and not old.commit)
        ended.update(_ends(old, new, attempts))
    return Tally(started, retries, landed, ended) if started or landed or ended else NOTHING


def _ends(old: Record, new: Record, attempts: Sequence[Attempt]) -> Counter[End]:
    """The attempts of one task that have ended."""
    found: Counter[End] = Counter()
    if new.state is _SUCCEEDED and old.state is not _SUCCEEDED:
        found[End(Result.SUCCEEDED)] += 1
    failures = new.failures - old.failures
    if failures > 0:
        found.update(End(Result.FAILED, why) for why in _reasons(_over(old), attempts, failures))
    if new.conflicts > old.conflicts:
        found[End(Result.FAILED, Reason.CONFLICT)] += new.conflicts - old.conflicts
    stopped = _over(new) - _over(old) - found.total()
    if stopped > 0:
        found[End(Result.STOPPED)] += stopped
    return found


def _reasons(over: int, attempts: Sequence[Attempt], failures: int) -> list[str]:
    """Why so many attempts failed; those of which nothing is seen are lost.

    Args:
        over: So many attempts had ended before.
        attempts: All that are seen.
        failures: How many of them count as failures now.
    """
    reasons = [
        Reason.LOST if attempt.phase is Phase.LOST else attempt.reason or Reason.LOST
        for attempt in attempts
        if attempt.phase in (Phase.FAILED, Phase.LOST) and attempt.number > over
    ]
    counted = [str(reason) for reason in reasons if reason != Reason.CONFLICT][:failures]
    return counted + [str(Reason.LOST)] * (failures - len(counted))


def _over(record: Record) -> int:
    """How many attempts have ended."""
    return record.attempts - (record.state is _RUNNING)
