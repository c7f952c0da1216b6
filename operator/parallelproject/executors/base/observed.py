"""Everything observed of one project's attempts, updated object by object, for any executor.

Holds views, not objects: a project of thousands of tasks must fit into some megabytes. Attempts are computed again only
for a task with a change.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from parallelproject.core.followups.job_history import FinishedAttempt
from parallelproject.core.followups.publishing import PublishAttempt
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.executors.base.creations import Creations, Refusal
from parallelproject.executors.base.executor import Executor, ObjectView, Part
from parallelproject.executors.base.optional import (
    HasParts,
    HoldsEvidence,
    NoticesSilence,
    Publishes,
    RemovesFinished,
    WatchesMetadata,
)
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.status import Reason
from parallelproject.model.work import FOLLOWING, PUBLISHING, Work, WorkKey, WorkKind

_WELL = frozenset({Phase.SUCCEEDED, Phase.HELD, Phase.PASSED})
"""How attempts end well: that of the task, or of a step of it."""


class ObservedAttempts:
    """Objects of attempts, their parts, requests under way and refusals of one project."""

    def __init__(self, executor: Executor[Any]) -> None:
        self.executor = executor
        """What runs them."""
        self._has_parts = executor if isinstance(executor, HasParts) else None
        self._holds = executor if isinstance(executor, HoldsEvidence) else None
        self._removes = executor if isinstance(executor, RemovesFinished) else None
        self._publishes = executor if isinstance(executor, Publishes) else None
        self._reads = executor if isinstance(executor, WatchesMetadata) else None
        self._notices = executor if isinstance(executor, NoticesSilence) else None
        self._late = _late(executor)
        self._views: dict[WorkKey, ObjectView] = {}
        self._parts: dict[WorkKey, dict[str, Part]] = defaultdict(dict)  # by uid
        self._gone: dict[WorkKey, str] = {}  # with the uid of the object that was deleted, if known
        self._creations = Creations()
        self._orphans: set[WorkKey] = set()
        self._not_started: dict[str, float] = {}  # by task: since when its object waits for its controller
        self._settled_holds: dict[
            WorkKey, tuple[bool, Attempt | None]
        ] = {}  # held and ended: is it deleted; the attempt
        self._keys: dict[Work, set[WorkKey]] = defaultdict(set)  # of a task with those of its steps
        self.attempts: dict[str, tuple[Attempt, ...]] = {}
        """By task id, every attempt that is observed."""
        self.unsettled: dict[str, tuple[Attempt, ...]] = {}
        """The attempts of tasks that are not settled: the input of ``plan``."""
        self._others: dict[Work, tuple[Attempt, ...]] = {}  # of work that the planner does not decide on
        self.counts_finished = False
        """Whether the end of an object whose parts had ended before is also a change."""
        self.changed = True
        """Whether that, or what is unconfirmed, has changed since this was last set to False. Most events of objects
        change nothing: planning only after changes saves two plans of three."""
        self.has_start = False
        """Whether attempts were requested, or are known to exist now. A plan with that can wait a moment: their slots
        are held since the request, so it starts nothing."""

    def found(self, key: WorkKey, view: ObjectView) -> None:
        """The object of an attempt exists. A state older than the known one is skipped: the answer to a creation may
        come after the watch has reported the end."""
        self._creations.succeeded(key)
        known = self._views.get(key)
        is_older = False
        if known is not None and known.uid == view.uid:
            # An object that was read has more than the metadata of the same version.
            was_asked_for = known.version == view.version and self._is_to_be_read(known)
            is_older = known.version >= view.version and not was_asked_for
            view = view.after(known)
        if not is_older and self._gone.get(key) != view.uid:
            if self.counts_finished and self._removes is not None and self._removes.finished_at(view) is not None:
                self.changed |= known is None or self._removes.finished_at(known) is None
            self._views[key] = view
            self._gone.pop(key, None)
        self._refresh(key)

    def gone(self, key: WorkKey, uid: str = "") -> None:
        """The object is known to be deleted; if it had ended, how it ended still counts."""
        known = self._views.get(key)
        if uid and (known is None or known.uid != uid):
            return  # it did not belong to an attempt
        self._creations.over(key)
        self._gone[key] = uid or (known.uid if known else "")
        self._refresh(key)
        for other in self._creations.quota_has_room():
            self._refresh(other)

    def part_found(self, key: WorkKey, uid: str, part: Part) -> None:
        """A part of an attempt exists."""
        known = self._parts[key].get(uid) if key in self._parts else None
        taken = part.after(known)
        if taken is not None and taken != known:  # most events of a part are irrelevant
            self._parts[key][uid] = taken
            self._refresh(key)

    def part_gone(self, key: WorkKey, uid: str) -> None:
        """A part was deleted; a result that it had is kept."""
        parts = self._parts.get(key, {})
        if uid in parts and parts[uid].is_live:
            del parts[uid]
        self._refresh(key)

    def launching(self, key: WorkKey, claim: str, now: float = 0.0) -> None:
        """An object was requested: it holds a slot and the claim of its task until it is observed or refused."""
        self._creations.launching(key, claim, now)
        self._refresh(key)

    def denied(self, key: WorkKey, reason: Reason, message: str, now: float, *, waits: bool = True) -> None:
        """The API server has refused to create the object, and may allow it later.

        Args:
            key: The attempt. It does not count: the next one that is created has its number.
            reason: One of ``model.status.REFUSALS``.
            message: The API server's message.
            now: Seconds since the epoch.
            waits: Whether it certainly does not exist and releases its slot; else it is still being created.
        """
        self._creations.denied(key, reason, message, now, waits=waits)
        self._refresh(key)

    def allow(self) -> None:
        """Forgets all refusals: another spec is another request."""
        for key in self._creations.allow():
            self._refresh(key)

    @property
    def refusals(self) -> Mapping[WorkKey, Refusal]:
        """Creations that were refused last time."""
        return self._creations.refusals

    def refused(self, key: WorkKey, reason: Reason | None, now: float) -> None:
        """The object was certainly not made: for good with a reason, else to be planned again."""
        self._creations.refused(key, reason, now)
        self._refresh(key)

    def forget(self, key: WorkKey) -> None:
        """Drops an attempt; for projects that were deleted."""
        self._views.pop(key, None)
        self._parts.pop(key, None)
        self._gone.pop(key, None)
        self._creations.forget(key)
        self._refresh(key)

    def publishings(self) -> list[PublishAttempt]:
        """All attempts at publishing that are observed or requested."""
        return self._reported(PUBLISHING)

    def follow_attempts(self) -> list[PublishAttempt]:
        """All processes that follow the pull request and are observed or requested."""
        return self._reported(FOLLOWING)

    def _reported(self, work: Work) -> list[PublishAttempt]:
        found: list[PublishAttempt] = []
        if self._publishes is None:
            return found
        for attempt in self.of(work):
            key = WorkKey(*work, attempt.number)
            report = self._publishes.report(self._views.get(key), list(self._parts.get(key, {}).values()))
            if attempt.phase is Phase.REFUSED:
                continue
            has_ended = attempt.phase not in (Phase.LAUNCHING, Phase.ACTIVE)
            found.append(
                PublishAttempt(
                    attempt.number, self.claim(key), has_ended, attempt.phase is Phase.SUCCEEDED, attempt.ended,
                    attempt.exit_code, attempt.exit_code == PolicyError.exit_code, report,
                    attempt.phase is Phase.STOPPED,
                )
            )  # fmt: skip
        return found

    def settle(self, tasks: Iterable[str]) -> None:
        """A plan has recorded everything observed of these tasks; it needs them again only after a change."""
        for task in tasks:
            self.unsettled.pop(task, None)

    def troubles(self, now: float) -> dict[str, str]:
        """By task, what keeps an existing attempt from starting."""
        found = {
            task: attempt.reason
            for task, attempts in self.unsettled.items()
            for attempt in attempts
            if attempt.phase is Phase.ACTIVE and attempt.reason
        }
        if self._late is None:
            return found
        seconds, reason = self._late
        late: dict[str, str] = {task: reason for task, since in self._not_started.items() if since + seconds <= now}
        return late | found

    def next_trouble(self, now: float) -> float | None:
        """When to report next that an attempt is not started by its controller."""
        if self._late is None:
            return None
        seconds, _ = self._late
        return min((at for since in self._not_started.values() if (at := since + seconds) > now), default=None)

    def of(self, work: Work) -> Sequence[Attempt]:
        """The attempts at a piece of work."""
        return self.attempts.get(work.task, ()) if work.is_task else self._others.get(work, ())

    def parts_of(self, task: str, number: int) -> list[Part]:
        """The observed parts of an attempt at a task, whatever step it was at."""
        keys = [key for key in self._keys.get(Work(WorkKind.TASK, task), ()) if key.attempt == number]
        return [part for key in keys for part in self.parts(key)]

    @property
    def others(self) -> Mapping[Work, Sequence[Attempt]]:
        """The running attempts that the planner does not decide on."""
        return self._others

    @property
    def is_empty(self) -> bool:
        """Whether nothing is observed or requested."""
        return not (self._views or self._parts or self._gone or self._creations.under_way)

    @property
    def unconfirmed(self) -> frozenset[WorkKey]:
        """Attempts of which only parts or metadata are observed: their object must be looked up."""
        return frozenset(self._orphans)

    def is_active(self, key: WorkKey) -> bool:
        """Whether an attempt exists and is not known to have ended."""
        return any(a.number == key.attempt and a.phase is Phase.ACTIVE for a in self.of(key.work))

    def is_running(self, key: WorkKey) -> bool:
        """Whether an attempt is observed that holds a slot."""
        return any(a.number == key.attempt and a.running for a in self.of(key.work))

    def view(self, key: WorkKey) -> ObjectView | None:
        """The attempt's object, if it was observed and is not known to be deleted."""
        return None if key in self._gone else self._views.get(key)

    def claim(self, key: WorkKey) -> str:
        """The claim of an attempt, as text; empty if it is not known."""
        view = self._views.get(key)
        return view.claim if view else self._creations.claim(key)

    def parts(self, key: WorkKey) -> list[Part]:
        """The attempt's parts that were observed."""
        return list(self._parts.get(key, {}).values())

    def key_of(self, uid: str) -> WorkKey | None:
        """The attempt of an object that was observed, by its uid. Looks through all of them."""
        return next((key for key, view in self._views.items() if view.uid == uid), None)

    def is_held(self, key: WorkKey) -> bool:
        """Whether our finalizer holds the attempt's object."""
        view = self.view(key)
        return view is not None and self._holds is not None and self._holds.is_held(view)

    def held(self) -> list[ObjectView]:
        """The objects that our finalizer holds."""
        if self._holds is None:
            return []
        return [view for key, view in self._views.items() if self._holds.is_held(view) and key not in self._gone]

    def releasable(
        self,
        is_recorded: Callable[[Attempt, str], bool],
        is_other_recorded: Callable[[WorkKey], bool] = lambda key: True,
    ) -> Iterator[WorkKey]:
        """Attempts whose object need not be held any longer: their result is recorded, or their object is being deleted
        before its end.

        Args:
            is_recorded: Whether the end of an attempt of a task is recorded.
            is_other_recorded: Whether the end of an attempt at other work is.
        """
        for key, (_, attempt) in self._settled_holds.items():
            if attempt is None or attempt.phase is Phase.ACTIVE:
                yield key
                continue
            if is_recorded(attempt, key.task) if key.is_task else is_other_recorded(key):
                yield key

    def finished(self, is_recorded: Callable[[Attempt, str], bool]) -> list[FinishedAttempt]:
        """The existing objects of tasks that have ended, and whose result is recorded."""
        found: list[FinishedAttempt] = []
        if self._removes is None:
            return found
        for task, attempts in self.attempts.items():
            for attempt in attempts:
                key = key_of_attempt(task, attempt)
                view = self.view(key)
                ended = None if view is None else self._removes.finished_at(view)
                if ended is not None and is_recorded(attempt, task):
                    found.append(FinishedAttempt(key, attempt.phase in _WELL, attempt.ended or ended))
        return found

    def _refresh(self, key: WorkKey) -> None:
        work = _whole(key)
        self._keys[work].add(key)
        known = key in self._views or key in self._gone or key in self._creations.under_way
        view = self._views.get(key)
        is_orphan = bool(self._parts.get(key)) and not known
        is_orphan |= view is not None and key not in self._gone and self._is_to_be_read(view)
        if is_orphan != (key in self._orphans):
            (self._orphans.add if is_orphan else self._orphans.discard)(key)
            self.changed = True
        own, attempts = None, []
        for each in sorted(self._keys[work], key=_number):
            found = self._attempt(each)
            own = found if each == key else own
            if found is not None:
                attempts.append(found)
        self._note_hold(key, own)
        if not work.is_task:
            self._others[work], self.changed = tuple(attempts), True  # the report of its parts is not in the attempt
            return
        self._note_not_started(key.task, attempts)
        before = self.attempts.get(key.task, ())
        if tuple(attempts) == before:
            return
        if _is_start(before, attempts):
            self.has_start = True
        else:
            self.changed = True
        if attempts:
            self.attempts[key.task] = self.unsettled[key.task] = tuple(attempts)
        else:
            del self.attempts[key.task]
            self.unsettled.pop(key.task, None)

    def _note_not_started(self, task: str, attempts: Sequence[Attempt]) -> None:
        """Since when an object of a task is not started. Updated on changes, since each plan reads it for hundreds of
        tasks."""
        if self._late is None:
            return
        since = [
            attempt.started
            for attempt in attempts
            if attempt.phase is Phase.ACTIVE
            and attempt.running
            and not attempt.is_suspended
            and not attempt.waits_for_quota
            if attempt.started is not None and self._is_not_started(key_of_attempt(task, attempt))
        ]
        if since:
            self._not_started[task] = min(since)
        else:
            self._not_started.pop(task, None)

    def _is_not_started(self, key: WorkKey) -> bool:
        if self._notices is not None:
            view = self._views.get(key)
            return view is not None and self._notices.is_silent(view)
        return not self._parts.get(key)

    def _is_to_be_read(self, view: ObjectView) -> bool:
        return self._reads is not None and self._reads.is_to_be_read(view)

    def _note_hold(self, key: WorkKey, found: Attempt | None) -> None:
        view = self.view(key)
        if self._holds is None or view is None or not self._holds.is_held(view):
            self._settled_holds.pop(key, None)
            return
        # One that has ended is held until it was read, even if it is deleted.
        is_going = self._holds.is_going(view) and not self._is_to_be_read(view)
        if found is None or (found.phase is Phase.ACTIVE and not is_going):
            self._settled_holds.pop(key, None)
        else:
            self.changed |= key not in self._settled_holds or self._settled_holds[key][0] is not is_going
            self._settled_holds[key] = is_going, found

    def _attempt(self, key: WorkKey) -> Attempt | None:
        view, parts = self._views.get(key), self._parts.get(key)
        if view or parts or key in self._gone:
            seen = list(parts.values()) if parts else ()
            found: Attempt | None = self.executor.attempt(key.attempt, view, seen, key in self._gone)
        else:
            found = self._creations.attempt(key)
        return found._replace(step=key.step) if found and key.step and key.is_task else found


def key_of_attempt(task: str, attempt: Attempt) -> WorkKey:
    """The key of an attempt at a task, or at a step of it."""
    return WorkKey.of_task(task, attempt.number, attempt.step)


def _whole(key: WorkKey) -> Work:
    """What the attempts of a key are counted with: those at the steps of a task with those at its own work."""
    return Work(key.kind, key.task) if key.is_task else key.work


def _number(key: WorkKey) -> tuple[int, str]:
    return key.attempt, key.step


def _late(executor: Executor[Any]) -> tuple[float, Reason] | None:
    """After how many seconds an object that is not started is reported, and the reason."""
    if isinstance(executor, NoticesSilence):
        return executor.silent_seconds, executor.silence
    if isinstance(executor, HasParts):
        return executor.part_seconds, executor.part_missing
    return None


def _is_start(before: Sequence[Attempt], now: Sequence[Attempt]) -> bool:
    """Whether the only news is that a further attempt is requested, or that the one that was requested exists and runs.

    The plan that asked for it has counted it already.
    """
    if not now:
        return False
    *others, last = now
    if last.phase is Phase.LAUNCHING:
        return not last.reason and before == tuple(others)
    if not before or before[:-1] != tuple(others):
        return False
    was = before[-1]
    runs = last.running and not (last.stopping or last.is_suspended or last.reason)
    is_same = (was.number, was.claim) == (last.number, last.claim)
    return was.phase is Phase.LAUNCHING and last.phase is Phase.ACTIVE and runs and is_same
