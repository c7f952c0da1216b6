"""The observed attempts of a task, the record of the task, and how the first update the second.

``settle`` is the central rule: a recorded success stays, an attempt is counted once however often and in whatever
order it is observed, and the next attempt's number follows from what was recorded or observed.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.core.planner.claim import Claim
from parallelproject.core.planner.outputs import Outputs, outputs_of
from parallelproject.core.steps.step import OWN, StepEnd, StepVerdict
from parallelproject.model.moment import moment
from parallelproject.model.names import EX_TEMPFAIL
from parallelproject.model.status import Reason, TaskState

STOP_OVERDUE = "TaskDeadlineExceeded"
"""The reason to stop an attempt whose deadline passed while its Job was suspended: that is a failure of the task.
``DeadlineExceeded`` is the deadline of the project."""
DEFERRALS_MAX = 100
"""Deferrals of a task after which the next ones count as failures, so that every task ends."""
QUESTIONS_MAX = 10
"""Questions of a task to people after which the next one is a failure, so that every task ends."""

LIMIT_REASONS = frozenset({Reason.RATE_LIMITED, Reason.QUOTA_EXHAUSTED})
"""Why an attempt was deferred where that is a limit of its provider."""
_TOO_MANY = frozenset({Reason.RATE_LIMITED, Reason.TRANSIENT})
_NOT_LATER = frozenset({Reason.GATE_FAILED, Reason.NEEDS_INPUT})


class Phase(Enum):
    """The phase of one attempt."""

    LAUNCHING = auto()
    """Requested, and not known to exist: it holds a slot, but is not recorded before it is known to exist. Otherwise a
    crash in between would turn an attempt that never existed into a lost one."""
    ACTIVE = auto()
    """It exists, and is not known to have ended."""
    SUCCEEDED = auto()
    FAILED = auto()
    HELD = auto()
    """It has made work that is kept for the next step of its task."""
    PASSED = auto()
    """It was a gate of its task, and has accepted the work."""
    REJECTED = auto()
    """It was a gate of its task, and has rejected the work: not a failure of the attempt."""
    STOPPED = auto()
    """Ended because the operator stopped it: not a failure of the task."""
    REFUSED = auto()
    """The API server refused to create it and may allow it later. It does not exist, and holds nothing."""
    LOST = auto()
    """It existed and was deleted, and its result is not known."""


class DeliveryNotes(NamedTuple):
    """What a person should know about a task's work: undeclared paths, and work that did not land."""

    undeclared: int = 0
    """Paths that it changed and does not declare, if it declares any."""
    shared: int = 0
    """Paths that work which landed while it ran also changed. It merged, but no declared files kept the two apart."""
    kept: int = 0
    """Work that it left outside of its files, such as on another branch: kept, not landed."""


NO_NOTES = DeliveryNotes()


class Inquiry(NamedTuple):
    """What a task has asked people."""

    attempt: int = 0
    """Number of the attempt that asked last; 0: a later one has ended in another way, or it never asked."""
    text: str = ""
    """What that attempt asked."""
    total: int = 0
    """Number of its attempts that ended with a question, within the maximum: they count as no failure."""


NO_INQUIRY = Inquiry()


class Attempt(NamedTuple):
    """One attempt as an executor observes it now. Times are seconds since the epoch."""

    number: int
    phase: Phase
    running: bool = False
    """Whether it holds a slot: from the request to start it until its pod or its Job ends."""
    stopping: bool = False
    """Whether a stop was requested."""
    started: float | None = None
    ended: float | None = None
    reason: str | None = None
    """Why it failed. If it exists: what keeps it from starting. If it does not: why its last creation was refused;
    ``started`` is then the time of that creation, and ``ended`` the time before which it is not retried."""
    exit_code: int | None = None
    name: str | None = None
    """Its name in the executor: the Job's name."""
    claim: Claim | None = None
    """What it holds: the claim of its task when it was started. None: the claim that its task has now. An attempt that
    has ended holds nothing; its claim says whose budget it has spent."""
    commit: str | None = None
    """The short hash of the commit of its work."""
    notes: DeliveryNotes = NO_NOTES
    is_queued: bool = False
    """Whether it was created suspended, and has not started."""
    retry_at: float | None = None
    """When the limit that a deferred attempt met is over, where that is known; seconds since the epoch."""
    outputs: Outputs = ()
    """What it put out for the tasks that depend on its task, if it succeeded."""
    fallback: str | None = None
    """The role that runs it in place of the role of its task."""
    usage: AgentUsage | None = None
    """What its coding agent used, if one made it and says so."""
    question: str = ""
    """What it asks a person, if it failed with NeedsInput."""
    step: str = OWN
    """The step of the task that it is at; ``OWN`` is the task's own work."""

    @property
    def is_suspended(self) -> bool:
        """Whether it exists, and someone other than the operator keeps it from running for now."""
        return self.reason == Reason.JOB_SUSPENDED and self.phase is Phase.ACTIVE

    @property
    def waits_for_quota(self) -> bool:
        """Whether it exists, and a queue has not admitted it, or has taken that back."""
        return self.reason == Reason.WAITING_FOR_QUOTA and self.phase is Phase.ACTIVE

    @property
    def cannot_begin(self) -> bool:
        """Whether it exists and will never start, so that only its deadline would end it."""
        return self.reason == Reason.START_ERROR and self.phase is Phase.ACTIVE


def asks_for_later(reason: str | None, exit_code: int | None) -> bool:
    """Whether an attempt that failed asks to be run later. A check, or an attempt with a question, cannot ask that."""
    return exit_code == EX_TEMPFAIL and reason not in _NOT_LATER


class Record(NamedTuple):
    """What is recorded of one task; ``NEW`` before anything is.

    ``state`` is RUNNING while attempt number ``attempts`` is not known to have ended. SUCCEEDED is final. FAILED,
    SKIPPED and PENDING follow from the rest and the spec, and every plan decides them again.
    """

    state: TaskState = TaskState.PENDING
    attempts: int = 0
    """Number of attempts started, which is the number of the last one."""
    failures: int = 0
    """Number of attempts that failed or were lost, without ``conflicts``."""
    reason: str | None = None
    """Why the last failed attempt failed."""
    exit_code: int | None = None
    started: float | None = None
    ended: float | None = None
    job: str | None = None
    conflicts: int = 0
    """Number of attempts whose work conflicted with work that had landed before."""
    commit: str | None = None
    """The commit of its work on the branch."""
    notes: DeliveryNotes = NO_NOTES
    deferrals: int = 0
    """Attempts that have asked to be run later: they cost nothing, and are not among ``failures``."""
    retry_at: float | None = None
    """When the limit that the last one met is over, where that is known."""
    outputs: Outputs = ()
    """What it put out for the tasks that depend on it. Of a task that is midway through its steps: the same of its own
    work, which counts when that has landed."""
    fallback: str | None = None
    """The role that ran the last attempt in place of the role of the task."""
    usage: AgentUsage | None = None
    """What the coding agents of all its attempts used, as far as they say so."""
    inquiry: Inquiry = NO_INQUIRY
    """What it has asked people."""
    step: str = OWN
    """The step that the last attempt was at."""
    steps: tuple[StepEnd, ...] = ()
    """How its attempts have ended by which it moved on to another step, in their order."""

    def failures_that_count(self, forgiven: int) -> int:
        """Its failures without those that are forgiven, and without those of steps that are over.

        Args:
            forgiven: Number of its failures, from the first on, that no longer count.
        """
        return self.failures - max(forgiven, self.steps[-1].failures if self.steps else 0)

    @property
    def rejections(self) -> int:
        """How often gates have rejected its work."""
        return sum(end.verdict is StepVerdict.REJECTED for end in self.steps)

    @property
    def is_midway(self) -> bool:
        """Whether work of it is held, or was rejected, so that further steps follow."""
        return bool(self.steps) and self.state is not TaskState.SUCCEEDED

    @property
    def is_deferred(self) -> bool:
        """Whether the last attempt that ended has asked to be run later, and counts as no failure."""
        return self.deferrals > 0 and asks_for_later(self.reason, self.exit_code)

    @property
    def is_limited(self) -> bool:
        """Whether its last attempt has ended by a limit of its provider, which other tasks would meet as well."""
        return self.ended is not None and self.is_deferred and self.reason in LIMIT_REASONS

    @property
    def is_refused(self) -> bool:
        """Whether its last attempt has ended because its provider had too many requests at once."""
        return self.ended is not None and self.is_deferred and self.reason in _TOO_MANY

    @property
    def took(self) -> float | None:
        """Duration of the last attempt, in seconds; None if it has not started or not ended."""
        return None if self.started is None or self.ended is None else max(0.0, self.ended - self.started)


NEW = Record()

_new_tuple = tuple.__new__
"""Makes a named tuple of all its fields in a fifth of the time."""
_SUCCEEDED, _RUNNING, _PENDING = TaskState.SUCCEEDED, TaskState.RUNNING, TaskState.PENDING
_CONFLICT, _REWRITTEN, _ASKS = Reason.CONFLICT, Reason.BRANCH_REWRITTEN, Reason.NEEDS_INPUT
_VERDICTS = {
    Phase.HELD: StepVerdict.HELD,
    Phase.PASSED: StepVerdict.PASSED,
    Phase.REJECTED: StepVerdict.REJECTED,
}
_ACTIVE, _WELL, _STOPPED, _LOST = Phase.ACTIVE, Phase.SUCCEEDED, Phase.STOPPED, Phase.LOST
NOT_CREATED = frozenset({Phase.LAUNCHING, Phase.REFUSED})
"""Attempts that are not known to exist: they are not recorded."""


def settle(record: Record, attempts: Sequence[Attempt]) -> Record:
    """The record, updated with the observed attempts.

    Idempotent, and the same from any earlier record, as long as the later attempts are observed. A gap in the numbers
    counts as lost attempts: attempt n is only ever started when all before it have ended.

    Returns:
        A record in state PENDING (nothing runs), RUNNING or SUCCEEDED.
    """
    if record is NEW and len(attempts) == 1:  # a fast path for the most frequent case after a restart
        found, phase, _, _, began, end, _, _, name, _, commit, notes, _, _, outputs, fallback, used, _, at = attempts[0]
        if phase is _WELL and found == 1:
            return _new_tuple(Record, (
                _SUCCEEDED, 1, 0, None, None, began or None, end, name, 0, commit, notes, 0, None, outputs, fallback,
                used, NO_INQUIRY, at, (),
            ))  # fmt: skip
    (
        state, number, failures, reason, code, started, ended, job, conflicts, landed, _, deferrals, until, made, role,
        usage, inquiry, step, steps,
    ) = record  # fmt: skip
    if state is _SUCCEEDED:
        # Its commit and its outputs may become known after the success: another object reports them.
        landed_as = None if landed else next((seen for seen in attempts if seen.commit), None)
        if not record.outputs:
            later = next((seen.outputs for seen in attempts if seen.outputs and seen.phase is _WELL), ())
            record = record._replace(outputs=later) if later else record
        if landed_as is None:
            return record
        usage = landed_as.usage.plus(usage) if landed_as.usage else usage
        return record._replace(commit=landed_as.commit, notes=landed_as.notes, usage=usage)
    state = _RUNNING if state is _RUNNING else _PENDING
    for seen in sorted(attempts, key=_by_number) if len(attempts) > 1 else attempts:
        (
            found, phase, _, _, began, end, why, exit_code, name, _, commit, notes, _, retry_at, outputs, fallback,
            used, question, at,
        ) = seen  # fmt: skip
        if phase in NOT_CREATED:
            continue
        if phase is not _WELL and (found < number or (found == number and state is not _RUNNING)):
            continue  # counted before
        if found > number:
            missed = found - number - (0 if state is _RUNNING else 1)
            if missed:
                failures, reason, code, until = failures + missed, "Lost", None, None
                inquiry = _closed(inquiry)
            number, started, ended = found, None, None
        if phase is _WELL:
            # Also for an attempt that counted as lost: work that is done is not repeated.
            began = began or (started if found == number else None)
            if len(attempts) > 1:
                number = max(number, *(a.number for a in attempts if a.phase not in NOT_CREATED))
            return Record(
                _SUCCEEDED, number, failures, None, None, began, end, name, conflicts, commit, notes, deferrals, None,
                outputs or made, fallback, used.plus(usage) if used else usage, _closed(inquiry), at, steps,
            )  # fmt: skip
        started, job, role, step = began or started, name or job, fallback, at
        if phase is _ACTIVE:
            state, ended = _RUNNING, None
        else:
            state, ended = _PENDING, end
            usage = used.plus(usage) if used else usage
            verdict = _VERDICTS.get(phase)
            if verdict is not None:
                if verdict is StepVerdict.HELD and at == OWN:
                    made = outputs_of({**dict(made), **dict(outputs)})  # they count when its work has landed
                steps, inquiry = (*steps, StepEnd(at, found, verdict, failures)), _closed(inquiry)
                rejected = verdict is StepVerdict.REJECTED
                reason, code, until = (
                    (Reason.GATE_FAILED if rejected else None),
                    (exit_code if rejected else None),
                    None,
                )
            elif phase is not _STOPPED:
                asked, inquiry = inquiry.total, _closed(inquiry)
                if phase is not _LOST and why == _ASKS and asked < QUESTIONS_MAX:
                    inquiry = Inquiry(number, question, asked + 1)
                elif phase is not _LOST and why == _CONFLICT:
                    conflicts += 1
                    if steps:  # all of it is done again
                        made = ()
                        steps = (*steps, StepEnd(at, found, StepVerdict.CONFLICT, failures))
                elif phase is not _LOST and asks_for_later(why, exit_code) and deferrals < DEFERRALS_MAX:
                    deferrals += 1
                else:
                    if steps and phase is not _LOST and why == _REWRITTEN:
                        # What the held work is based on is gone: after a retry all of it is done again. The failure
                        # itself counts after this end, so that without one the task has failed.
                        made = ()
                        steps = (*steps, StepEnd(at, found, StepVerdict.CONFLICT, failures))
                    failures += 1
                reason = "Lost" if phase is _LOST else why
                code, until = exit_code, moment(retry_at)
    return Record(
        state, number, failures, reason, code, started, ended, job, conflicts, None, NO_NOTES, deferrals, until, made,
        role, usage, inquiry, step, steps,
    )  # fmt: skip


def _closed(inquiry: Inquiry) -> Inquiry:
    """What is left of a question once an attempt has ended in another way: that it was asked."""
    return Inquiry(total=inquiry.total) if inquiry.attempt else inquiry


def settle_after(record: Record, attempts: Sequence[Attempt], floor: int) -> Record:
    """Like ``settle``, for a task that runs again from the start: attempts up to number ``floor`` do not count.

    If one of them still runs, the task waits for its end. The next attempt has a higher number, so their results cannot
    be mistaken for its result. What their agents used counts all the same.
    """
    counted, used = record.attempts, record.usage
    later = attempts
    if record.state is not _RUNNING or counted > floor:
        later = [attempt for attempt in attempts if attempt.number > floor]
    if record.state is not _RUNNING and counted <= floor:
        for attempt in attempts:
            if counted < attempt.number <= floor and attempt.usage:
                used = attempt.usage.plus(used)
        record = reset_to(floor, used)
    record = settle(record, later)
    return record if record.state is _RUNNING or record.attempts > floor else reset_to(floor, record.usage)


def reset_to(floor: int, usage: AgentUsage | None = None) -> Record:
    """The record of a task of which no attempt up to a number counts, and none has started since."""
    return Record(attempts=floor, usage=usage)


def _by_number(attempt: Attempt) -> int:
    return attempt.number
