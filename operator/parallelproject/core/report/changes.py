"""What happened to a project between two of its states. Pure.

One vocabulary (``Event``) and one derivation (``changes``) for everything that reports: Kubernetes Events, metrics,
traces, live views, logs. A state is a ledger, a plan or a status document; ``readings`` gives each of them the same
small interface. The first state has what is recorded already, so an attempt that is observed again makes no event, and
neither does one that a restarted process finds recorded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from parallelproject.core.planner.attempt import NEW, Attempt, Phase, Record
from parallelproject.core.planner.constraints.questions import first_lines
from parallelproject.core.planner.hooks import HookOccasion
from parallelproject.core.steps.step import StepVerdict
from parallelproject.model.status import GroupPhase, HookRunState, Reason, TaskState

_RUNNING, _SUCCEEDED = TaskState.RUNNING, TaskState.SUCCEEDED
_ATTEMPTS_MAX = 100
"""Maximum number of attempts of a task that are reported at once."""
_SHOWN_WAITS = frozenset({Reason.BACKOFF.value, Reason.WAITING_FOR_LIMIT.value})
"""Reasons of a wait whose start and end are worth an event."""


class What(StrEnum):
    """Kinds of events."""

    FOUND = "Found"
    """A process starts with this state. Nothing has happened; a consumer without memory may read it."""
    # About the spec
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    # About an attempt
    STARTED = "Started"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    """Also by a conflict, with that reason. Another attempt may follow: see TASK_FAILED."""
    STOPPED = "Stopped"
    """By the project's end or an edit: no failure of its task."""
    STEP_PASSED = "StepPassed"
    """The work of a step is held, or a gate has accepted it: the next step follows."""
    STEP_REJECTED = "StepRejected"
    """A gate has rejected the work, which is no failure of its attempt."""
    # About a task
    LANDED = "Landed"
    """The commit of its work on the branch is now known."""
    TASK_FAILED = "TaskFailed"
    """For good."""
    SKIPPED = "Skipped"
    JOB_SUSPENDED = "JobSuspended"
    JOB_RESUMED = "JobResumed"
    UNDECLARED = "UndeclaredFiles"
    SHARED = "SharedFiles"
    KEPT = "WorkKept"
    NEEDS_APPROVAL = "NeedsApproval"
    """A person has to approve it before it starts."""
    NEEDS_INPUT = "NeedsInput"
    """Its attempt has ended with a question to a person; the message is its first lines."""
    CHANGED = "Changed"
    """Its state has changed, or its wait for another attempt has started or ended, and no other event says so."""
    # About the project
    HOOK_STARTED = "HookStarted"
    HOOK_SUCCEEDED = "HookSucceeded"
    HOOK_FAILED = "HookFailed"
    GROUP_PHASE = "GroupPhase"
    """A group is in another phase."""
    LEVEL_COMPLETED = "LevelCompleted"
    COMPLETED = "Completed"
    REPORTED = "Reported"
    """Something that no state shows: the code that finds it reports it."""


ASKS = {
    Reason.WAITING_FOR_APPROVAL.value: What.NEEDS_APPROVAL,
    Reason.WAITING_FOR_INPUT.value: What.NEEDS_INPUT,
}
"""The event of a task that starts to wait for a person, by its reason."""
_PASSED, _REJECTED = (What.STEP_PASSED, ""), (What.STEP_REJECTED, Reason.GATE_FAILED.value)
_VERDICTS = {StepVerdict.HELD: _PASSED, StepVerdict.PASSED: _PASSED, StepVerdict.REJECTED: _REJECTED}
_STEP_ENDS = {Phase.HELD: _PASSED, Phase.PASSED: _PASSED, Phase.REJECTED: _REJECTED}
_NOTES = (What.UNDECLARED, What.SHARED, What.KEPT)
"""As the fields of ``DeliveryNotes``."""


class Event(NamedTuple):
    """One event. Fields that do not belong to its kind, or are not known, are empty."""

    what: What
    task: str = ""
    number: int = 0
    """Number of the attempt."""
    took: float | None = None
    """Duration of an attempt, in seconds."""
    reason: str = ""
    """The reason, as one word for programs."""
    exit_code: int | None = None
    commit: str | None = None
    """The short hash of the commit of the work."""
    amount: int = 0
    """Number of paths or pieces of work; for a level, of the tasks that succeeded."""
    total: int = 0
    """For a level, the number of its tasks."""
    level: int | None = None
    """From 0."""
    message: str = ""
    """A sentence for people, if the state has one."""
    warning: bool = False
    """Whether a person should check it."""
    job: str = ""
    log: str = ""
    """Path of an attempt's output, on this machine."""
    again_in: float | None = None
    """After a failure of a local run: seconds until the next attempt; None if none follows."""
    changed_nothing: bool = False
    """Whether an attempt succeeded and had no changes to land."""
    step: str = ""
    """The step that an attempt was at; empty: the task's own work."""
    notes: tuple[str, ...] = ()
    """What else an attempt left, and where it is kept."""
    hook: str = ""
    """The kind of a hook, of ``level`` or of ``group``; ``number`` is that of its run."""
    group: str = ""
    phase: str = ""
    """The phase of a group."""


Subject = TypeVar("Subject", contravariant=True)


class Consumer(Protocol[Subject]):
    """A consumer of events. It must not block, and its errors do not affect other consumers."""

    def take(self, project: Subject, events: Sequence[Event]) -> None:
        """Receives the events of a project, in order."""


class StatusRow(NamedTuple):
    """One task of a state."""

    state: TaskState = TaskState.PENDING
    record: Record = NEW
    reason: str = ""
    """The reason of this state."""


class Level(NamedTuple):
    """A level whose tasks have all ended."""

    number: int
    """From 0."""
    succeeded: int
    total: int


class Whole(NamedTuple):
    """What a state says about the project as a whole."""

    accepted: bool | None = None
    """None: not decided."""
    generation: object = None
    """Generation of the spec that ``accepted`` is about."""
    verdict: tuple[str, str] = ("", "")
    """Reason and message of ``accepted``."""
    suspended: bool = False
    suspension: tuple[str, str] = ("", "")
    """Reason and message of ``suspended``."""
    completed: object = None
    """Identifies the end; None while the project has not ended."""
    succeeded: bool = False
    result: tuple[str, str] = ("", "")
    """Reason and message of the end."""
    hooks: Mapping[HookOccasion, Mapping[str, Any]] = MappingProxyType({})
    """The rows of the hooks that have run, as in a status."""
    phases: Mapping[str, str] = MappingProxyType({})
    """By group, its phase."""


class Reading(Protocol):
    """One state, as the source of events."""

    @property
    def whole(self) -> Whole:
        """The project as a whole."""

    def changed_since(self, before: Self) -> Iterable[str]:
        """The tasks that may have changed, in the order of their events; called on the later state."""

    def row(self, task: str) -> StatusRow:
        """One task."""

    def attempts(self, task: str) -> Sequence[Attempt] | None:
        """All observed attempts of a task; None if this state has only records."""

    def levels_since(self, before: Self, tasks: Sequence[str]) -> Iterable[Level]:
        """The levels that have ended since, given that these tasks have changed."""


R = TypeVar("R", bound=Reading)


def changes(before: R | None, after: R) -> list[Event]:
    """What happened, in order: to the spec, to each task, to levels, to the project.

    Its run time depends on the number of changes, not on the size of the project.

    Args:
        before: The earlier state; None for a process that starts with ``after``.
        after: The later one, of the same form.
    """
    if before is None:
        return [Event(What.FOUND)]
    old, new = before.whole, after.whole
    ended_hooks, started_hooks = _of_hooks(old, new)
    events = [*_of_the_spec(old, new), *ended_hooks]
    tasks = list(after.changed_since(before))
    for task in tasks:
        events += _of_task(task, before.row(task), after.row(task), after.attempts(task))
    for group, phase in new.phases.items():
        if phase != old.phases.get(group, GroupPhase.PRE_EXECUTION):
            events.append(Event(What.GROUP_PHASE, group=group, phase=str(phase)))
    for level in after.levels_since(before, tasks):
        events.append(Event(What.LEVEL_COMPLETED, level=level.number, amount=level.succeeded, total=level.total))
    events += started_hooks
    if new.completed is not None and new.completed != old.completed:
        reason, message = new.result
        events.append(Event(What.COMPLETED, reason=reason, message=message, warning=not new.succeeded))
    return events


def _of_the_spec(old: Whole, new: Whole) -> Iterator[Event]:
    if (old.accepted, old.generation) != (new.accepted, new.generation):
        reason, message = new.verdict
        if new.accepted is False:
            yield Event(What.REJECTED, reason=reason, message=message, warning=True)
        elif not old.accepted and new.accepted:
            yield Event(What.ACCEPTED, reason=reason, message=message)
    if new.suspended != old.suspended:
        reason, message = new.suspension if new.suspended else ("", "")
        yield Event(What.SUSPENDED if new.suspended else What.RESUMED, reason=reason, message=message)


def _of_hooks(old: Whole, new: Whole) -> tuple[list[Event], list[Event]]:
    """The ends of hooks, for which tasks may have waited, and the hooks that have started. Of several runs of a hook
    between the two states only the last one is known."""
    ended: list[Event] = []
    started: list[Event] = []
    for occasion, row in new.hooks.items() if new.hooks != old.hooks else ():
        before = old.hooks.get(occasion, {})
        number, state = row.get("attempts", 0), row.get("state")
        is_new = number != before.get("attempts")
        found = started if is_new else ended
        event = Event(What.HOOK_STARTED, "", number, level=occasion.level, hook=occasion.kind, group=occasion.group)
        if is_new:
            found.append(event)
        elif state == before.get("state"):
            continue
        if state == HookRunState.SUCCEEDED:
            found.append(event._replace(what=What.HOOK_SUCCEEDED))
        elif state == HookRunState.FAILED:
            reason, code = str(row.get("reason") or Reason.EXIT_CODE), row.get("exitCode")
            found.append(event._replace(what=What.HOOK_FAILED, reason=reason, exit_code=code, warning=True))
    return ended, started


def _of_task(task: str, old: StatusRow, new: StatusRow, seen: Sequence[Attempt] | None) -> list[Event]:
    record = new.record
    events = _of_attempts(task, old.record, record, seen)
    if record.commit and not old.record.commit:
        events.append(Event(What.LANDED, task, record.attempts, commit=record.commit))
    if new.state is not old.state:
        if new.state is TaskState.FAILED:
            why = new.reason or record.reason or ""
            code = record.exit_code if why == record.reason else None
            events.append(Event(What.TASK_FAILED, task, record.attempts, reason=why, exit_code=code, warning=True))
        elif new.state is TaskState.SKIPPED:
            events.append(Event(What.SKIPPED, task, reason=new.reason))
    if old.reason != new.reason:
        if new.reason == Reason.JOB_SUSPENDED:
            events.append(Event(What.JOB_SUSPENDED, task, record.attempts, job=record.job or "", warning=True))
        elif old.reason == Reason.JOB_SUSPENDED and new.state is _RUNNING:
            events.append(Event(What.JOB_RESUMED, task, record.attempts, job=record.job or ""))
    if new.reason in ASKS and (old.reason, old.record.inquiry.attempt) != (new.reason, record.inquiry.attempt):
        events.append(need_event(task, new.reason, record))
    if old.record.notes != record.notes:
        for what, was, amount in zip(_NOTES, old.record.notes, record.notes, strict=True):
            if amount and not was:
                events.append(Event(what, task, record.attempts, commit=record.commit, amount=amount, warning=True))
    if not events and _shown(old) != _shown(new):
        events.append(Event(What.CHANGED, task, reason=new.reason))
    return events


def need_event(task: str, reason: str, record: Record) -> Event:
    """The event of a task that waits for a person.

    Args:
        task: The task.
        reason: One of ``ASKS``.
        record: Its record.
    """
    what = ASKS[reason]
    asked = record.inquiry.attempt if what is What.NEEDS_INPUT else 0
    return Event(what, task, asked, reason=reason, message=first_lines(record) if asked else "", warning=True)


def _shown(row: StatusRow) -> tuple[object, ...]:
    return row.state, row.record.attempts, row.reason in _SHOWN_WAITS


def _of_attempts(task: str, old: Record, new: Record, seen: Sequence[Attempt] | None) -> list[Event]:
    """Starts and ends of a task's attempts, by number."""
    if new is old:
        return []
    # A status that someone edited may claim a million attempts: the last ones are enough.
    old = old._replace(
        attempts=max(old.attempts, new.attempts - _ATTEMPTS_MAX),
        failures=max(old.failures, new.failures - _ATTEMPTS_MAX),
        conflicts=max(old.conflicts, new.conflicts - _ATTEMPTS_MAX),
        deferrals=max(old.deferrals, new.deferrals - _ATTEMPTS_MAX),
        inquiry=old.inquiry._replace(total=max(old.inquiry.total, new.inquiry.total - _ATTEMPTS_MAX)),
    )
    ends = _ends(old, new, seen)
    started = range(old.attempts + 1, new.attempts + 1)
    if not ends:
        return [Event(What.STARTED, task, number) for number in started]
    known = {attempt.number: attempt for attempt in seen or ()}
    steps = {end.attempt: end.step for end in new.steps}
    events = [(number, 0, Event(What.STARTED, task, number)) for number in started]
    for number, (what, reason) in _numbered(ends, over(old), over(new), known):
        attempt = known.get(number)
        begin, end = (attempt.started, attempt.ended) if attempt else (None, None)
        code = attempt.exit_code if attempt else None
        step = attempt.step if attempt else steps.get(number, new.step if number == new.attempts else "")
        if number == over(new):
            begin, end = new.started or begin, new.ended or end
            code = new.exit_code if code is None and what is What.FAILED else code
        took = max(0.0, end - begin) if begin is not None and end is not None else None
        commit = new.commit if what is What.SUCCEEDED else None
        events.append((number, 1, Event(what, task, number, took, reason, code, commit, step=step)))
    return [event for _, _, event in sorted(events, key=lambda found: found[:2])]


def _ends(old: Record, new: Record, seen: Sequence[Attempt] | None) -> list[tuple[What, str]]:
    """How attempts ended, and why: failures, deferrals and questions, conflicts, steps, stops, then the success."""
    ends: list[tuple[What, str]] = []
    failures = _unsuccessful(new) - _unsuccessful(old)
    if failures > 0:
        reasons = _recorded(new, failures) if seen is None else _reasons(over(old), seen, failures)
        ends += [(What.FAILED, reason) for reason in reasons]
    ends += [(What.FAILED, Reason.CONFLICT.value)] * (new.conflicts - old.conflicts)
    moved = new.steps[len(old.steps) :] if len(new.steps) > len(old.steps) else ()
    ends += [_VERDICTS[end.verdict] for end in moved if end.verdict in _VERDICTS]
    is_first = old.state is not _SUCCEEDED or over(new) > over(old)  # it may have run again in between
    succeeded = [(What.SUCCEEDED, "")] * (new.state is _SUCCEEDED and is_first)
    stopped = over(new) - over(old) - len(ends) - len(succeeded)
    return [*ends, *[(What.STOPPED, "")] * stopped, *succeeded]


def _numbered(
    ends: list[tuple[What, str]], first: int, last: int, known: dict[int, Attempt]
) -> Iterator[tuple[int, tuple[What, str]]]:
    """The ends with the numbers of their attempts: as observed, the others in order."""
    left, numbers = list(ends), []
    for number in range(first + 1, last + 1):
        end = _end_of(known[number]) if number in known else None
        if end in left:
            left.remove(end)
            yield number, end
        else:
            numbers.append(number)
    for place, end in enumerate(left):  # one that counted as lost may end again: more ends than numbers
        yield numbers[place] if place < len(numbers) else last, end


def _end_of(attempt: Attempt) -> tuple[What, str]:
    if attempt.phase is Phase.SUCCEEDED:
        return What.SUCCEEDED, ""
    if attempt.phase in _STEP_ENDS:
        return _STEP_ENDS[attempt.phase]
    if attempt.phase is Phase.STOPPED:
        return What.STOPPED, ""
    reason = Reason.LOST if attempt.phase is Phase.LOST else attempt.reason or Reason.LOST
    return What.FAILED, str(reason)


def _reasons(ended: int, attempts: Sequence[Attempt], failures: int) -> list[str]:
    """The reasons of new failures; attempts that are not observed are lost.

    Args:
        ended: Number of attempts that had ended before.
        attempts: All observed attempts.
        failures: Number of failures now.
    """
    reasons = [
        _end_of(attempt)[1]
        for attempt in attempts
        if attempt.phase in (Phase.FAILED, Phase.LOST) and attempt.number > ended
    ]
    counted = [reason for reason in reasons if reason != Reason.CONFLICT][:failures]
    return counted + [Reason.LOST.value] * (failures - len(counted))


def _recorded(record: Record, failures: int) -> list[str]:
    """The same from the record alone, which has the reason of the last failure."""
    last = str(record.reason or "") if record.reason != Reason.CONFLICT else ""
    return [""] * (failures - 1) + [last]


def _unsuccessful(record: Record) -> int:
    """The number of attempts that ended in a way that needs another one, without conflicts."""
    return record.failures + record.deferrals + record.inquiry.total


def over(record: Record) -> int:
    """The number of attempts that have ended."""
    return record.attempts - (record.state is _RUNNING)
