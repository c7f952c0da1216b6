"""What is seen of a task's attempts, what is written down of the task, and how the first updates the second.

Everything rests on ``settle`` here: a recorded success stays, an attempt is counted once however often
and in whatever order it is seen, and the next attempt's number comes from what was recorded or seen.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from parallelproject.model.status import TaskState


class Phase(Enum):
    """Where one attempt stands."""

    LAUNCHING = auto()
    """Asked for, and not known to be there: it holds a slot, but is not written down before it is known to exist.
    Else a crash in between would make an attempt that never was into one that was lost."""
    ACTIVE = auto()
    """There, and not known to have ended."""
    SUCCEEDED = auto()
    FAILED = auto()
    STOPPED = auto()
    """Ended because we stopped it: no failure of the task."""
    LOST = auto()
    """It was there and is gone, and nobody knows how it ended."""


class Attempt(NamedTuple):
    """One attempt as an executor sees it now. Times are seconds since the epoch."""

    number: int
    phase: Phase
    at_work: bool = False
    """Whether it holds a slot: from the request to start it until its pod or its Job has ended."""
    stopping: bool = False
    """Whether a stop has been asked for."""
    started: float | None = None
    ended: float | None = None
    reason: str | None = None
    """Why it failed."""
    exit_code: int | None = None
    name: str | None = None
    """What it is called where it runs: the Job's name."""


class Record(NamedTuple):
    """What is written down of one task; ``NEW`` before anything is.

    ``state`` is RUNNING while attempt number ``attempts`` is not known to have ended, SUCCEEDED for good;
    FAILED, SKIPPED and PENDING follow from the rest and the spec, and are decided anew by every plan.
    """

    state: TaskState = TaskState.PENDING
    attempts: int = 0
    """Attempts started: the last one's number."""
    failures: int = 0
    """Attempts that failed or were lost."""
    reason: str | None = None
    """Why the last failed attempt failed."""
    exit_code: int | None = None
    started: float | None = None
    ended: float | None = None
    job: str | None = None


NEW = Record()

_SUCCEEDED, _RUNNING, _PENDING = TaskState.SUCCEEDED, TaskState.RUNNING, TaskState.PENDING


def settle(record: Record, attempts: Sequence[Attempt]) -> Record:
    """The record brought up to date with the attempts seen.

    Idempotent, and the same from any earlier record, as long as the attempts since are seen. A gap in the
    numbers counts as lost attempts: attempt n is only ever started when all before it have ended.

    Returns:
        A record in state PENDING (nothing runs), RUNNING or SUCCEEDED.
    """
    if record.state is _SUCCEEDED:
        return record
    state = _RUNNING if record.state is _RUNNING else _PENDING
    number, failures = record.attempts, record.failures
    reason, code = record.reason, record.exit_code
    started, ended, job = record.started, record.ended, record.job
    for seen in sorted(attempts, key=_by_number) if len(attempts) > 1 else attempts:
        phase = seen.phase
        if phase is Phase.LAUNCHING:
            continue
        done = phase is Phase.SUCCEEDED
        if not done and (seen.number < number or (seen.number == number and state is not _RUNNING)):
            continue  # counted before
        if seen.number > number:
            missed = seen.number - number - (0 if state is _RUNNING else 1)
            if missed:
                failures, reason, code = failures + missed, "Lost", None
            number, started, ended = seen.number, None, None
        if done:
            # Also of an attempt that was given up as lost: work that is done is not done again.
            began = seen.started or (started if seen.number == number else None)
            last = max(a.number for a in attempts if a.phase is not Phase.LAUNCHING)
            return Record(_SUCCEEDED, max(number, last), failures, None, None, began, seen.ended, seen.name)
        started, job = seen.started or started, seen.name or job
        if phase is Phase.ACTIVE:
            state, ended = _RUNNING, None
        else:
            state, ended = _PENDING, seen.ended
            if phase is not Phase.STOPPED:
                failures += 1
                reason = "Lost" if phase is Phase.LOST else seen.reason
                code = seen.exit_code
    return Record(state, number, failures, reason, code, started, ended, job)


def _by_number(attempt: Attempt) -> int:
    return attempt.number
