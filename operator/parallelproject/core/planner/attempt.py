"""What is seen of a task's attempts, what is written down of the task, and how the first updates the second.

Everything rests on ``settle`` here: a recorded success stays, an attempt is counted once however often
and in whatever order it is seen, and the next attempt's number comes from what was recorded or seen.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from parallelproject.core.planner.claim import Claim
from parallelproject.model.status import Reason, TaskState

STOP_OVERDUE = "TaskDeadlineExceeded"
"""Why an attempt is stopped whose own deadline passed while its Job was suspended: that is a failure of the task.
``DeadlineExceeded`` is the deadline of the project."""
EX_TEMPFAIL = 75
"""Exit code of sysexits.h, of any command: "later, not my fault". Such an attempt does not count: it is a deferral."""
DEFERRALS_MAX = 100
"""Deferrals of a task after which the next ones count as failures: no task may go on for ever."""


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
    REFUSED = auto()
    """The API server has refused to create it and may allow it later. It does not exist, and holds nothing."""
    LOST = auto()
    """It was there and is gone, and nobody knows how it ended."""


class DeliveryNotes(NamedTuple):
    """What is remarkable in a task's work: paths that nothing had announced, and what did not land."""

    undeclared: int = 0
    """Besides those that it declares, where it declares any."""
    shared: int = 0
    """Changed as well by work that landed while it ran. It merged, but nothing kept the two apart."""
    kept: int = 0
    """Pieces of work that it left elsewhere than in its files, as on another branch: kept, not landed."""


NO_NOTES = DeliveryNotes()


class Attempt(NamedTuple):
    """One attempt as an executor sees it now. Times are seconds since the epoch."""

    number: int
    phase: Phase
    running: bool = False
    """Whether it holds a slot: from the request to start it until its pod or its Job has ended."""
    stopping: bool = False
    """Whether a stop has been asked for."""
    started: float | None = None
    ended: float | None = None
    reason: str | None = None
    """Why it failed; of one that is there, what keeps it from beginning; of one that is not, why its last creation was
    refused. ``started`` is then the time of that creation, and ``ended`` the time before which there is no other."""
    exit_code: int | None = None
    name: str | None = None
    """What it is called where it runs: the Job's name."""
    claim: Claim | None = None
    """What it holds: the claim that its task had when it was started. None: the one that its task has now."""
    commit: str | None = None
    """The short name of the commit that its work landed as."""
    notes: DeliveryNotes = NO_NOTES
    is_queued: bool = False
    """Of one that is suspended, whether it was so from the first on: it has not begun."""
    retry_at: float | None = None
    """Of a deferral, when the limit that it met is over, where that is known."""

    @property
    def is_suspended(self) -> bool:
        """Whether it is there, and somebody else keeps it from running for now."""
        return self.reason == Reason.JOB_SUSPENDED and self.phase is Phase.ACTIVE

    @property
    def cannot_begin(self) -> bool:
        """Whether it is there and never will begin, so that nothing but its deadline would end it."""
        return self.reason == Reason.START_ERROR and self.phase is Phase.ACTIVE


class Record(NamedTuple):
    """What is written down of one task; ``NEW`` before anything is.

    ``state`` is RUNNING while attempt number ``attempts`` is not known to have ended, SUCCEEDED for good;
    FAILED, SKIPPED and PENDING follow from the rest and the spec, and are decided anew by every plan.
    """

    state: TaskState = TaskState.PENDING
    attempts: int = 0
    """Attempts started: the last one's number."""
    failures: int = 0
    """Attempts that failed or were lost, without those of ``conflicts``."""
    reason: str | None = None
    """Why the last failed attempt failed."""
    exit_code: int | None = None
    started: float | None = None
    ended: float | None = None
    job: str | None = None
    conflicts: int = 0
    """Attempts whose work did not fit on what had landed."""
    commit: str | None = None
    """The commit that its work landed as."""
    notes: DeliveryNotes = NO_NOTES
    deferrals: int = 0
    """Attempts that have asked to be run later: they cost nothing, and are not among ``failures``."""
    retry_at: float | None = None
    """When the limit that the last one met is over, where that is known."""

    @property
    def is_deferred(self) -> bool:
        """Whether the last attempt that ended has asked to be run later, and counts as no failure."""
        return self.deferrals > 0 and self.exit_code == EX_TEMPFAIL


NEW = Record()

_SUCCEEDED, _RUNNING, _PENDING = TaskState.SUCCEEDED, TaskState.RUNNING, TaskState.PENDING
_CONFLICT = Reason.CONFLICT
_ACTIVE, _WELL, _STOPPED, _LOST = Phase.ACTIVE, Phase.SUCCEEDED, Phase.STOPPED, Phase.LOST
NOT_CREATED = frozenset({Phase.LAUNCHING, Phase.REFUSED})
"""Attempts that are not known to exist: nothing of them is written down."""


def settle(record: Record, attempts: Sequence[Attempt]) -> Record:
    """The record brought up to date with the attempts seen.

    Idempotent, and the same from any earlier record, as long as the attempts since are seen. A gap in the
    numbers counts as lost attempts: attempt n is only ever started when all before it have ended.

    Returns:
        A record in state PENDING (nothing runs), RUNNING or SUCCEEDED.
    """
    if record is NEW and len(attempts) == 1:  # a short way for what a restart meets most, and by the thousands
        found, phase, _, _, began, end, _, _, name, _, commit, beside, _, _ = attempts[0]
        if phase is _WELL and found == 1:
            return Record(_SUCCEEDED, 1, 0, None, None, began or None, end, name, 0, commit, beside)
    state, number, failures, reason, code, started, ended, job, conflicts, landed, _, deferrals, until = record
    if state is _SUCCEEDED:
        # What it landed as may be heard later than that it did: another object tells it.
        heard = None if landed else next((seen for seen in attempts if seen.commit), None)
        return record._replace(commit=heard.commit, notes=heard.notes) if heard else record
    state = _RUNNING if state is _RUNNING else _PENDING
    for seen in sorted(attempts, key=_by_number) if len(attempts) > 1 else attempts:
        found, phase, _, _, began, end, why, exit_code, name, _, commit, beside, _, retry_at = seen
        if phase in NOT_CREATED:
            continue
        if phase is not _WELL and (found < number or (found == number and state is not _RUNNING)):
            continue  # counted before
        if found > number:
            missed = found - number - (0 if state is _RUNNING else 1)
            if missed:
                failures, reason, code, until = failures + missed, "Lost", None, None
            number, started, ended = found, None, None
        if phase is _WELL:
            # Also of an attempt that was given up as lost: work that is done is not done again.
            began = began or (started if found == number else None)
            if len(attempts) > 1:
                number = max(number, *(a.number for a in attempts if a.phase not in NOT_CREATED))
            return Record(
                _SUCCEEDED, number, failures, None, None, began, end, name, conflicts, commit, beside, deferrals
            )
        started, job = began or started, name or job
        if phase is _ACTIVE:
            state, ended = _RUNNING, None
        else:
            state, ended = _PENDING, end
            if phase is not _STOPPED:
                if phase is not _LOST and why == _CONFLICT:
                    conflicts += 1
                elif phase is not _LOST and exit_code == EX_TEMPFAIL and deferrals < DEFERRALS_MAX:
                    deferrals += 1
                else:
                    failures += 1
                reason = "Lost" if phase is _LOST else why
                code, until = exit_code, retry_at
    return Record(
        state, number, failures, reason, code, started, ended, job, conflicts, None, NO_NOTES, deferrals, until
    )


def settle_after(record: Record, attempts: Sequence[Attempt], floor: int) -> Record:
    """The same for a task that runs again from the start: attempts up to number ``floor`` do not count.

    One of them that still runs is waited for. The next attempt has a higher number than they, so that no result of
    theirs can be taken for one of its own.
    """
    if record.state is not _RUNNING or record.attempts > floor:
        attempts = [attempt for attempt in attempts if attempt.number > floor]
    if record.state is not _RUNNING and record.attempts <= floor:
        record = Record(attempts=floor)
    record = settle(record, attempts)
    return record if record.state is _RUNNING or record.attempts > floor else Record(attempts=floor)


def _by_number(attempt: Attempt) -> int:
    return attempt.number
