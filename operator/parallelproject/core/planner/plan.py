"""The planner: what to start, what to stop, and why everything else waits.

``plan`` is a function of what is written down (``Ledger``), what is seen (attempts) and the time. A restart needs no
recovery: whoever calls it with the same facts gets the same answer. What a ledger carries beyond the facts
(``Snapshot``) only saves working it out again. The laws that the planner holds, each a property test: never over a
cap, never before a dependency, results monotone, the same answer for the same facts, and an end.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, count
from typing import NamedTuple, Self

from parallelproject.core.graph.file_overlap import overlap
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.admission.shared_limits import Share
from parallelproject.core.planner.attempt import NEW, STOP_OVERDUE, Attempt, Phase, Record
from parallelproject.core.planner.snapshot import Snapshot, Unseen
from parallelproject.model.spec import (
    FailurePolicy,
    FileOverlap,
    MergeConflict,
    MergeMode,
    Scheduling,
    Spec,
)
from parallelproject.model.status import Reason, TaskState

BACKOFF_MAX = 360
"""Longest wait between attempts, in seconds, unless backoffSeconds itself is longer; as for Jobs."""

REFUSED_PACE = 1.0
"""Seconds from one creation of a Job to the next in a role of which one is refused: what refuses one of them mostly
refuses all, and hundreds of tries at once would help nobody."""

FINAL_REASONS = frozenset(
    {
        Reason.INVALID_POD_TEMPLATE,
        Reason.NAME_CONFLICT,
        Reason.BRANCH_REWRITTEN,
        Reason.POLICY,
        Reason.AUTH_OR_PROTECTED,
    }
)
"""Failures that another attempt cannot mend."""

_PENDING, _RUNNING = TaskState.PENDING, TaskState.RUNNING
_SUCCEEDED, _FAILED, _SKIPPED = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is written down of a project."""

    records: Mapping[str, Record] = field(default_factory=dict)
    """By task id; tasks without one have not started. Tasks that left the spec may be among them."""
    start_time: float | None = None
    completion_time: float | None = None
    peak: int = 0
    """Most tasks that were at work at once."""
    merged: tuple[int, int] | None = None
    """So many levels from the first on are merged, with so many tasks that had succeeded in them: where another one has
    since, they are not. What a level may wait for; None: none does."""
    snapshot: Snapshot | None = field(default=None, compare=False, repr=False)
    """What the plan that made this ledger found out. It counts only with these very records and the same graph."""


class Launch(NamedTuple):
    """An attempt to start."""

    task: int
    number: int


class Stop(NamedTuple):
    """An attempt to stop."""

    id: str
    attempt: Attempt
    why: str
    """Stopped, DeadlineExceeded, FailFast, Removed, Succeeded (by another attempt), StartError or STOP_OVERDUE."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What to do now, and where every task stands. Sequences are by task, in spec order."""

    launches: Sequence[Launch]
    """In the order in which they should start."""
    stops: Sequence[Stop]
    """Attempts that are at work and should not be; those already being stopped are not named again."""
    unseen: Sequence[Unseen]
    """To be looked up: only an attempt that is known to be gone counts as lost."""
    states: Sequence[TaskState]
    removed: Mapping[str, TaskState]
    """Tasks that are no longer in the spec: those that finished, and those still being stopped."""
    at_work: int
    """Attempts that hold a slot, launches included."""
    wanted: int
    """Further attempts that would start now, were it not for what this project shares with others."""
    share: Share | None
    """What it was allowed to start; None: all."""
    level: int
    """The lowest level with unfinished tasks; the number of levels when there is none."""
    completed: bool
    """Nothing runs and nothing will."""
    stopped: Reason | None
    """STOPPED or DEADLINE_EXCEEDED where that keeps tasks from running."""
    wake_at: float | None
    """When to plan again even if nothing happens: the end of a backoff or of a deadline."""
    ledger: Ledger
    """What to write down: the prior of the next plan."""
    _explain: Callable[[], Sequence[str | None]] = field(repr=False)

    @cached_property
    def reasons(self) -> Sequence[str | None]:
        """Of a pending, failed or skipped task. Worked out when asked for: only who shows them needs them all."""
        return self._explain()

    @property
    def settled(self) -> list[str]:
        """The tasks seen that have succeeded and hold nothing: a plan that is not told of them any more is the same."""
        snapshot = self.ledger.snapshot
        if snapshot is None:
            return []
        records, live = snapshot.records, snapshot.live
        return [i for i in snapshot.seen if i not in live and i in records and records[i].state is _SUCCEEDED]


def plan(
    graph: CompiledGraph,
    spec: Spec,
    prior: Ledger,
    observed: Mapping[str, Sequence[Attempt]],
    now: float,
    share: Share | None = None,
) -> Plan:
    """Decides what to do next.

    The first takes under 5 ms for 5,000 tasks with 15,000 dependencies, the next ones hardly longer than what changed
    asks for.

    Args:
        graph: The compiled spec.
        spec: The spec that it was compiled from.
        prior: What was written down last.
        observed: By task id, every attempt that is seen, also of tasks that are no longer in the spec; those
            ``settled`` may be left out. An attempt whose start was asked for is seen as LAUNCHING until it is known
            to be there or refused.
        now: Seconds since the epoch.
        share: What of all that projects share this one may use; None: nothing is shared.
    """
    # 1. What is at work: it holds slots, roles and files.
    snapshot = prior.snapshot
    if snapshot is not None and snapshot.graph is graph and snapshot.records is prior.records:
        snapshot = snapshot.after(observed)
    else:
        snapshot = Snapshot.of(graph, prior.records, observed)
    records, states = snapshot.records, snapshot.states.copy()

    # 2. What has failed for good, and whom that keeps from running.
    failed = [
        i for i in sorted(snapshot.failing) if states[i] is _PENDING and _is_final(graph, spec, i, snapshot.record(i))
    ]
    closed: dict[int, str | None] = {i: snapshot.record(i).reason for i in failed}
    for i in failed:
        states[i] = _FAILED
    _skip_after(graph, spec.failure_policy, failed, states, closed)
    unfinished = snapshot.unfinished
    if closed:
        unfinished = unfinished.copy()
        for i in closed:
            unfinished[graph.level[i]] -= 1
    level = next(compress(count(), unfinished), len(unfinished))

    # Nothing has ended in the future: a wait begins when the failure was observed, at the latest. Another machine's
    # clock may be ahead, and a wait must not be longer than it is.
    ahead = [i for i in snapshot.failing if states[i] is _PENDING and (snapshot.record(i).ended or 0.0) > now]
    if ahead:
        snapshot = snapshot.ended_by(now, ahead)
        records = snapshot.records

    # 3. Whether the whole is to end.
    start_time = prior.start_time if prior.start_time is not None else _first_start(snapshot, now)
    if prior.completion_time is not None and graph.rerun_after and not spec.stop and _begins_anew(snapshot, prior):
        start_time = now
    if snapshot.at_work or any(unfinished):
        start_time = min(start_time, now)  # written by a clock that was ahead
    deadline = start_time + (spec.active_deadline_seconds or math.inf)
    stopped = None
    if snapshot.at_work or any(unfinished):
        stopped = Reason.STOPPED if spec.stop else Reason.DEADLINE_EXCEEDED if now >= deadline else None
    fail_fast = bool(failed) and spec.failure_policy is FailurePolicy.FAIL_FAST
    why = stopped or ("FailFast" if fail_fast else None)
    overdue = {
        attempt: ends
        for task_id in snapshot.suspended
        for attempt in snapshot.live[task_id]
        if (ends := suspended_until(graph, spec, task_id, attempt)) < math.inf
    }
    stops = [
        Stop(task_id, attempt, reason)
        for task_id in (snapshot.live if why else [*snapshot.surplus, *(snapshot.suspended - snapshot.surplus)])
        for attempt in snapshot.live[task_id]
        if not attempt.stopping and attempt.phase is not Phase.LAUNCHING
        and (reason := why or snapshot.surplus_for(task_id, attempt) or _if_overdue(overdue.get(attempt), now))
    ]  # fmt: skip
    if stopped:
        for i, state in enumerate(states):
            if state is _PENDING:
                states[i], closed[i] = _SKIPPED, Reason.STOPPED

    # 4. Who starts.
    merged = len(graph.levels)
    if prior.merged is not None and waits_for_merge(spec):
        merged = prior.merged[0] if prior.merged[1] == succeeded_below(snapshot, prior.merged[0]) else 0
    room = _Room(graph, spec, snapshot, level, merged, now)
    launches: list[Launch] = []
    most = math.inf if share is None else share.room
    would = room  # how it were if nothing was shared
    for place in () if stopped or spec.suspend else snapshot.ready:
        if would.at_work >= spec.parallelism:
            break
        i = graph.order[place]
        if states[i] is _PENDING and would.why_not(i) is None:
            if len(launches) < most:
                launches.append(Launch(i, snapshot.record(i).attempts + 1))
            elif would is room:
                would = room.copy()
            would.take(i)
    wake = min([math.inf if stopped else deadline, *(ends for ends in overdue.values() if ends > now)])
    for i in snapshot.failing:
        if room.why_not(i) is Reason.BACKOFF and states[i] is _PENDING and snapshot.is_free(i):
            wake = min(wake, backoff_ends(graph, spec, i, snapshot.record(i)))
    wake = min(wake, room.refusal_ends())

    # 5. How it stands then.
    starting = snapshot.launching | {launch.task for launch in launches}
    for i in snapshot.launching:
        if states[i] is _RUNNING:
            states[i] = _PENDING
    removed = {i: _removed_state(snapshot, i) for i in snapshot.strangers}
    runs = room.at_work or _RUNNING in removed.values() or (stopped and _RUNNING in states)
    completed = not runs and (stopped is not None or not any(unfinished))

    beyond = None if share is None else share.reason

    def explain() -> list[str | None]:
        reasons = [closed.get(i) for i in range(len(states))]
        for i, state in enumerate(states):
            if state is _PENDING:
                if i in starting:
                    refused = snapshot.refused.get(i)
                    reasons[i] = refused.reason if refused else Reason.STARTING
                else:
                    reasons[i] = room.why_not(i) or beyond if snapshot.is_free(i) else Reason.WAITING_FOR_DEPENDENCIES
        return reasons

    completion_time = (prior.completion_time or now) if completed else None
    return Plan(
        launches=launches,
        stops=stops,
        unseen=list(snapshot.unseen.values()),
        states=states,
        removed=removed,
        at_work=room.at_work,
        wanted=would.at_work - room.at_work,
        share=share,
        level=level,
        completed=completed,
        stopped=stopped,
        wake_at=wake if wake < math.inf and not completed else None,
        ledger=Ledger(records, start_time, completion_time, max(prior.peak, room.at_work), prior.merged, snapshot),
        _explain=explain,
    )


class _Room:
    """What is left of slots, roles and files while it is decided who starts."""

    def __init__(
        self, graph: CompiledGraph, spec: Spec, snapshot: Snapshot, level: int, merged: int, now: float
    ) -> None:
        self.at_work = snapshot.at_work
        self._graph, self._spec, self._snapshot, self._now = graph, spec, snapshot, now
        self._merged = merged
        self._gate = level if spec.scheduling is Scheduling.LEVELS else len(graph.levels)
        self._roles, self._busy = snapshot.roles.copy(), snapshot.busy.copy()
        self._caps = {role.name: role.max_concurrent for role in spec.roles if role.max_concurrent}
        self._serialize = spec.conflicts.on_file_overlap is FileOverlap.SERIALIZE
        self._refused = _by_role(graph, snapshot)
        self._foreign = {path for claims in snapshot.foreign.values() for claim in claims for path in _files(claim)}

    def copy(self) -> Self:
        """Another one that starts as this one is."""
        made = copy(self)
        made._roles, made._busy, made._refused = self._roles.copy(), self._busy.copy(), self._refused.copy()
        return made

    def why_not(self, i: int) -> Reason | None:
        """What keeps a pending task from starting whose dependencies have all succeeded."""
        graph, spec = self._graph, self._spec
        if graph.level[i] > self._gate:
            return Reason.WAITING_FOR_LEVEL
        if graph.level[i] > self._merged:
            return Reason.WAITING_FOR_MERGE
        if spec.suspend:
            return Reason.SUSPENDED
        if i in self._snapshot.failing and backoff_ends(graph, spec, i, self._snapshot.record(i)) > self._now:
            return Reason.BACKOFF
        if self._refused and (refused := self._why_refused(i)):
            return refused
        if self._serialize and not self._busy.keys().isdisjoint(graph.locks.of_task[i]):
            return Reason.WAITING_FOR_FILES
        if self._foreign and self._serialize and self._meets_foreign(i):
            return Reason.WAITING_FOR_FILES
        cap = self._caps.get(graph.role[i] or "")
        if cap and self._roles.get(graph.role[i], 0) >= cap:
            return Reason.WAITING_FOR_ROLE
        return Reason.WAITING_FOR_SLOT if self.at_work >= spec.parallelism else None

    def _why_refused(self, i: int) -> Reason | None:
        """Why a creation would only be refused again: its own was, or that of another task of its role."""
        mine = self._snapshot.refused.get(i)
        if mine is not None and (mine.ended or 0.0) > self._now:
            return Reason(mine.reason or Reason.FAILED_CREATE)
        reason, until = self._refused.get(self._graph.role[i], (None, 0.0))
        return reason if until > self._now else None

    def refusal_ends(self) -> float:
        """When a task that waits after a refusal may be tried again, or another of its role."""
        times = [attempt.ended or 0.0 for attempt in self._snapshot.refused.values() if attempt.phase is Phase.REFUSED]
        times += [until for _, until in self._refused.values()]
        return min((at for at in times if at > self._now), default=math.inf)

    def _meets_foreign(self, i: int) -> bool:
        """Whether it writes what an attempt writes that was started by an earlier spec."""
        return any(overlap(mine, path) for mine in _files(self._graph.claim[i]) for path in self._foreign)

    def take(self, i: int) -> None:
        """It starts."""
        self.at_work += 1
        role = self._graph.role[i]
        self._roles[role] = self._roles.get(role, 0) + 1
        if role in self._refused:
            self._refused[role] = (self._refused[role][0], math.inf)  # one at a time
        for pattern in self._graph.locks.touched[i]:
            self._busy[pattern] = self._busy.get(pattern, 0) + 1


def _begins_anew(snapshot: Snapshot, prior: Ledger) -> bool:
    """Whether results that were written down no longer count as of now: their tasks run again from the start."""
    for i, floor in snapshot.graph.rerun_after.items():
        reset = Record(attempts=floor)
        if snapshot.record(i) == reset != prior.records.get(snapshot.graph.ids[i], reset):
            return not snapshot.at_work
    return False


def _by_role(graph: CompiledGraph, snapshot: Snapshot) -> dict[str | None, tuple[Reason, float]]:
    """Of each role of which a creation is refused: why, and when the next one may be tried."""
    found: dict[str | None, tuple[Reason, float]] = {}
    for i, attempt in snapshot.refused.items():
        until = (attempt.started or 0.0) + REFUSED_PACE
        if until > found.get(graph.role[i], (None, -math.inf))[1]:
            found[graph.role[i]] = (Reason(attempt.reason or Reason.FAILED_CREATE), until)
    return found


def stops_of_all(observed: Mapping[str, Sequence[Attempt]]) -> list[Stop]:
    """What to stop of a project that is to end and whose spec cannot be planned: all that runs."""
    return [
        Stop(task_id, attempt, Reason.STOPPED)
        for task_id, attempts in observed.items()
        for attempt in attempts
        if attempt.at_work and not attempt.stopping and attempt.phase is not Phase.LAUNCHING
    ]


def waits_for_merge(spec: Spec) -> bool:
    """Whether a level starts when the pull request of the one before is merged."""
    git = spec.git
    if git is None or git.forge is None or git.pull_request is None:
        return False
    return git.is_by_level and git.pull_request.merge is MergeMode.WHEN_CHECKS_PASS


def succeeded_below(snapshot: Snapshot, level: int) -> int:
    """How many tasks have succeeded in the levels below one."""
    return sum(map(len, snapshot.graph.levels[:level])) - sum(snapshot.unfinished[:level])


def backoff_ends(graph: CompiledGraph, spec: Spec, task: int, record: Record) -> float:
    """When a task that has failed may start again: the wait doubles with each failure that counts.

    At once where all failures so far are forgiven, and after a conflict, since what it met has landed. More forgiven
    than there are (by hand: pproj retry forgives those that are there) must not make it fail in a loop without end:
    then all count here, and the wait is a second at least.
    """
    failures = record.failures - graph.forgiven.get(task, 0)
    if failures == 0 or record.ended is None or record.reason == Reason.CONFLICT:
        return -math.inf
    first = spec.defaults.backoff_seconds
    if failures < 0:
        failures, first = record.failures, max(1, first)
    return record.ended + min(first * 2.0 ** min(failures - 1, 64), max(first, BACKOFF_MAX))


def suspended_until(graph: CompiledGraph, spec: Spec, task_id: str, attempt: Attempt) -> float:
    """When a suspended attempt is over its deadline, in seconds since the epoch; inf if never.

    The Job controller's clock stands still for a suspended Job, so ours counts: from the attempt's start, the time
    suspended included. One that a queue has not let begin is not over it.
    """
    i = graph.index.get(task_id)
    if i is None or not attempt.is_suspended or attempt.is_queued or attempt.started is None:
        return math.inf
    seconds = graph.tasks[i].active_deadline_seconds or spec.defaults.active_deadline_seconds
    return attempt.started + seconds if seconds else math.inf


def _if_overdue(ends: float | None, now: float) -> str | None:
    return STOP_OVERDUE if ends is not None and ends <= now else None


def _is_final(graph: CompiledGraph, spec: Spec, task: int, record: Record) -> bool:
    reruns = spec.conflicts.max_reruns if spec.conflicts.on_merge_conflict is MergeConflict.RERUN else 0
    if record.conflicts - graph.forgiven_conflicts.get(task, 0) > reruns:
        return True
    failures = record.failures - graph.forgiven.get(task, 0)
    return failures >= graph.max_attempts[task] or (failures > 0 and record.reason in FINAL_REASONS)


def _skip_after(
    graph: CompiledGraph,
    policy: FailurePolicy,
    failed: Sequence[int],
    states: list[TaskState],
    reasons: dict[int, str | None],
) -> None:
    """Marks the pending tasks that will not run because others have failed."""
    below = list(failed)
    for i in below:
        for child in graph.children[i]:
            if states[child] is _PENDING:
                states[child], reasons[child] = _SKIPPED, Reason.DEPENDENCY_FAILED
                below.append(child)
    if not failed or policy is FailurePolicy.CONTINUE:
        return
    last = min(graph.level[i] for i in failed) if policy is FailurePolicy.FINISH_LEVEL else -1
    for i, state in enumerate(states):
        if state is _PENDING and graph.level[i] > last:
            states[i], reasons[i] = _SKIPPED, Reason.STOPPED


def _files(claim: str) -> list[str]:
    return claim.split("\n")[1:]


def _removed_state(snapshot: Snapshot, task_id: str) -> TaskState:
    record = snapshot.records.get(task_id, NEW)
    if record.state is not _PENDING:
        return record.state
    return _RUNNING if task_id in snapshot.live or task_id in snapshot.unseen else _FAILED


def _first_start(snapshot: Snapshot, now: float) -> float:
    return min([record.started for record in snapshot.records.values() if record.started is not None], default=now)
