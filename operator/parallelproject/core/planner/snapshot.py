"""The facts of a plan: the state of every task by what is recorded and observed, and what active attempts hold.

A function of the graph, the records and the observed attempts. The first one is computed from scratch, each further one
from the previous one and what changed, so that a plan costs about the same for a large project as for a small one. Both
ways give the same result, which a property test checks. A snapshot never changes after it was returned: the next one is
a copy with the differences.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.agent_usage import AgentUsage, sum_of
from parallelproject.core.planner.attempt import NEW, NOT_CREATED, Attempt, Phase, Record, settle, settle_after
from parallelproject.core.planner.claim import Claim
from parallelproject.core.planner.spending import RoleSpending, Spending, ends, is_whole, role_at_end
from parallelproject.core.planner.usage import Held, Usage, held_by
from parallelproject.core.steps.standing import Standing, standing
from parallelproject.core.steps.step import OWN
from parallelproject.model.status import Reason, TaskState

_SUSPENDED = Reason.JOB_SUSPENDED
_PENDING, _RUNNING, _SUCCEEDED = TaskState.PENDING, TaskState.RUNNING, TaskState.SUCCEEDED
_SKIPPED = TaskState.SKIPPED


class Unseen(NamedTuple):
    """An attempt that is recorded as running and not observed."""

    id: str
    number: int
    job: str | None
    step: str = OWN
    """The step of the task that it is at."""


@dataclass(slots=True, eq=False)
class Snapshot:
    """The state of every task, and what holds slots, roles and files."""

    graph: CompiledGraph
    records: dict[str, Record]
    """By task id, settled with what is observed. A task that was removed from the spec is kept while it runs or after
    it has ended."""
    seen: dict[str, tuple[Attempt, ...]] = field(default_factory=dict)
    """All observed attempts, which the records are settled with; also of tasks without a record."""
    states: list[TaskState] = field(default_factory=list)
    """By task: PENDING, RUNNING, SUCCEEDED, or SKIPPED if ``spec.skip`` lists it and nothing of it runs. A task is also
    RUNNING if it holds a slot for another reason: an attempt that was only requested, or one that counts as ended. No
    other attempt of it starts then."""
    ready: list[int] = field(default_factory=list)
    """The pending tasks that are free (``is_free``), as places in ``graph.order``, in order."""
    unfinished: list[int] = field(default_factory=list)
    """By level: how many of its tasks have not succeeded and are not skipped."""
    passed: set[int] = field(default_factory=set)
    """The skipped tasks that are free: who depends on one of them waits for it no more."""
    failing: set[int] = field(default_factory=set)
    """Tasks that have failed, had a conflict, were deferred, have asked a person or are midway through their steps, and
    have not succeeded."""
    launching: set[int] = field(default_factory=set)
    """Tasks with a requested attempt."""
    refused: dict[int, Attempt] = field(default_factory=dict)
    """By task: its attempt whose last creation was refused, also while it is created again."""
    live: dict[str, tuple[Attempt, ...]] = field(default_factory=dict)
    """By task id: its running attempts."""
    unseen: dict[str, Unseen] = field(default_factory=dict)
    """By task id. It may exist, so it holds a slot until it was looked up."""
    surplus: set[str] = field(default_factory=set)
    """Those of ``live`` with an attempt that is no longer needed (``surplus_for``)."""
    suspended: set[str] = field(default_factory=set)
    """Those of ``live`` with an attempt that someone else suspended: the operator enforces its deadline."""
    queued: set[int] = field(default_factory=set)
    """Tasks with an attempt that waits in a queue."""
    strangers: dict[str, None] = field(default_factory=dict)
    """The tasks of ``records`` that were removed from the spec, in that order."""
    held: dict[str, tuple[Held, ...]] = field(default_factory=dict)
    """By task id: what its attempts hold that are running, or may be."""
    usage: Usage = field(default_factory=Usage)
    """The sum of ``held``."""
    spending: dict[str | None, RoleSpending] = field(default_factory=dict)
    """By role, what its attempts have spent that have ended."""

    @classmethod
    def of(
        cls,
        graph: CompiledGraph,
        records: Mapping[str, Record],
        observed: Mapping[str, Sequence[Attempt]],
        spending: Spending = MappingProxyType({}),
    ) -> Self:
        """From scratch.

        Args:
            graph: The compiled spec.
            records: What is recorded.
            observed: By task id, the observed attempts.
            spending: What the recorded attempts have spent.
        """
        new = cls(graph, dict(records), states=[_PENDING] * len(graph.ids), spending=dict(spending))
        states, index, rerun_after = new.states, graph.index, graph.rerun_after
        for skipped in graph.skipped:
            states[skipped] = _SKIPPED
        changes: dict[str, tuple[Attempt, ...]] = {}
        for task_id, record in records.items():
            i = index.get(task_id)
            if i in rerun_after:
                record = new.records[task_id] = settle_after(record, (), rerun_after[i])
            state = record[0]
            if i is None:
                new.strangers[task_id] = None
            elif state is not _PENDING:
                states[i] = state
            if state is _SUCCEEDED:  # most of them after a restart
                continue
            if state is _RUNNING:
                changes[task_id] = ()
            if i is not None and _has_trouble(record):
                new.failing.add(i)
        record_of, seen = new.records.get, new.seen
        for task_id, attempts in observed.items():
            if len(attempts) == 1 and record_of(task_id, NEW)[0] is _SUCCEEDED:
                attempt = attempts[0]
                if attempt[1] is Phase.SUCCEEDED and not (
                    attempt[2] or attempt[10] or attempt[14]
                ):  # holds nothing, has no commit and no outputs
                    seen[task_id] = tuple(attempts)
                    continue
            changes[task_id] = tuple(attempts)
        new._settle(changes)
        new._derive()
        return new

    def after(self, observed: Mapping[str, Sequence[Attempt]]) -> Self:
        """The snapshot with these observed attempts."""
        seen = self.seen  # by identity: reading an equal value again does no harm
        changes = {i: tuple(attempts) for i, attempts in observed.items() if attempts is not seen.get(i)}
        if len(observed) < len(seen) + sum(task_id not in seen for task_id in changes):
            changes.update((task_id, ()) for task_id in seen.keys() - observed.keys())
        if not changes:
            return self
        new = self._copy()
        moved = new._settle(changes)
        if len(moved) > len(new.states) // 8 or not self.graph.skipped.isdisjoint(moved):
            new._derive()
        else:
            new._move(moved)
        return new

    def ended_by(self, now: float, tasks: Sequence[int]) -> Self:
        """The snapshot in which the last attempts of these tasks ended at ``now`` at the latest."""
        new = self._copy()
        for i in tasks:
            new.records[self.graph.ids[i]] = self.record(i)._replace(ended=now)
        return new

    def succeeded_below(self, level: int) -> int:
        """How many tasks have succeeded in the levels below one."""
        return sum(map(len, self.graph.levels[:level])) - sum(self.unfinished[:level])

    def record(self, i: int) -> Record:
        """What is recorded of a task."""
        return self.records.get(self.graph.ids[i], NEW)

    def surplus_for(self, task_id: str, attempt: Attempt) -> str | None:
        """Why an attempt is no longer needed; None: it is needed."""
        if task_id not in self.graph.index:
            return "Removed"
        if self.records.get(task_id, NEW).state is _SUCCEEDED:
            return "Succeeded"
        if self.graph.index[task_id] in self.graph.skipped:
            return Reason.SKIP_REQUESTED
        return Reason.START_ERROR if attempt.cannot_begin else None

    def standing(self, i: int) -> Standing:
        """Which step of a task is next, and what it works on."""
        return standing_of(self.graph, i, self.record(i))

    def role(self, i: int) -> str | None:
        """The role of the next attempt of a task, without fallbacks."""
        if not self.graph.steps or i not in self.failing:
            return self.graph.role[i]
        return next_role(self.graph, i, self.record(i))

    def is_free(self, i: int) -> bool:
        """Whether all dependencies of a task have succeeded, or are skipped and free themselves."""
        for parent in self.graph.parents[i]:  # all() takes twice as long, and all tasks are asked for
            if self.states[parent] is not _SUCCEEDED and parent not in self.passed:
                return False
        return True

    def _copy(self) -> Self:
        return type(self)(
            self.graph,
            self.records.copy(),
            self.seen.copy(),
            self.states.copy(),
            self.ready.copy(),
            self.unfinished.copy(),
            self.passed.copy(),
            self.failing.copy(),
            self.launching.copy(),
            self.refused.copy(),
            self.live.copy(),
            self.unseen.copy(),
            self.surplus.copy(),
            self.suspended.copy(),
            self.queued.copy(),
            self.strangers.copy(),
            self.held.copy(),
            self.usage.copy(),
            self.spending.copy(),
        )

    def _settle(self, changes: Mapping[str, tuple[Attempt, ...]]) -> list[int]:
        """Updates what is observed of some tasks; returns the tasks whose state changed."""
        # The only loop over every task after a restart, so it is written for speed: by number, not by name.
        records, seen, states, index = self.records, self.seen, self.states, self.graph.index
        known_live, unseen, rerun_after = self.live, self.unseen, self.graph.rerun_after
        moved = []
        spent: dict[str | None, list[tuple[AgentUsage, bool]]] = {}
        for task_id, attempts in changes.items():
            record = before = records.get(task_id, NEW)
            i = index.get(task_id)
            if i in rerun_after:
                used = sum_of([before.usage, *(seen.usage for seen in ends(before, attempts, rerun_after[i]))])
                record = records[task_id] = settle_after(record, attempts, rerun_after[i])._replace(usage=used)
            elif record[0] is not _SUCCEEDED or (
                attempts and (attempts[0][10] or attempts[-1][10] or attempts[0][14] or attempts[-1][14])
            ):  # has a commit, or outputs
                record = records[task_id] = settle(record, attempts)
            if record[15] is not before[15]:  # its usage
                for seen_end in ends(before, attempts, rerun_after.get(i, 0) if i is not None else 0):
                    role = role_at_end(seen_end, None if i is None else self.graph.role_at(i, seen_end.step))
                    if seen_end.usage is not None:
                        spent.setdefault(role, []).append((seen_end.usage, is_whole(seen_end)))
            state = record[0]
            live: tuple[Attempt, ...] = ()
            if len(attempts) == 1:
                seen[task_id] = attempts
                live = attempts if attempts[0][2] else ()
            elif attempts:
                seen[task_id] = attempts
                live = tuple(attempt for attempt in attempts if attempt[2])
            else:
                seen.pop(task_id, None)
            is_unseen = state is _RUNNING and record[1] not in [attempt[0] for attempt in attempts]
            if live or is_unseen or task_id in known_live or task_id in unseen:
                self._hold(task_id, i, record, live, is_unseen)
                if state is _PENDING and (live or is_unseen):
                    state = _RUNNING
            if i is None:
                self.strangers[task_id] = None
                continue
            if attempts and attempts[-1][6] and attempts[-1][1] in NOT_CREATED:  # its reason, and its phase
                self.refused[i] = attempts[-1]
            elif i in self.refused:
                del self.refused[i]
            if state is _PENDING and i in self.graph.skipped:
                state = _SKIPPED
            if states[i] is not state:
                states[i] = state
                moved.append(i)
            if (
                record[2] or record[8] or record[11] or record[16][2] or record[18]
            ):  # as _has_trouble, which takes longer
                (self.failing.discard if state is _SUCCEEDED else self.failing.add)(i)
        for role, more in spent.items():
            self.spending[role] = self.spending.get(role, RoleSpending()).plus(more)
        self._let_go()
        return moved

    def _hold(self, task_id: str, i: int | None, record: Record, live: tuple[Attempt, ...], is_unseen: bool) -> None:
        """Replaces what a task holds."""
        for held in self.held.pop(task_id, ()):
            self.usage.add(held, -1)
        self.live.pop(task_id, None)
        self.unseen.pop(task_id, None)
        claims = [self._claim(i, attempt) for attempt in live]
        if live:
            self.live[task_id] = live
        if is_unseen:
            self.unseen[task_id] = Unseen(task_id, record.attempts, record.job, record.step)
            claims.append(None)
        if claims:
            self.held[task_id] = tuple(held_by(self.graph, i, claim) for claim in claims)
            for held in self.held[task_id]:
                self.usage.add(held)
        is_surplus = any(self.surplus_for(task_id, attempt) for attempt in live)
        (self.surplus.add if is_surplus else self.surplus.discard)(task_id)
        is_suspended = any(attempt.reason == _SUSPENDED for attempt in live)
        (self.suspended.add if is_suspended else self.suspended.discard)(task_id)
        if i is not None:
            is_asked_for = any(attempt.phase is Phase.LAUNCHING for attempt in live)
            (self.launching.add if is_asked_for else self.launching.discard)(i)
            is_queued = any(attempt.waits_for_quota for attempt in live)
            (self.queued.add if is_queued else self.queued.discard)(i)

    def _claim(self, i: int | None, attempt: Attempt) -> Claim | None:
        """What an attempt was started with; None: what its task claims now."""
        if attempt.claim is not None or i is None or attempt.step == OWN:
            return attempt.claim
        return Claim(self.graph.role_at(i, attempt.step), self.graph.files[i])

    def _let_go(self) -> None:
        """Forgets the tasks that were removed from the spec and neither run nor have ended: they were stopped. One that
        has spent something is kept, so that it does not count again. Of the others it forgets the outputs."""
        for task_id in list(self.strangers):
            record = self.records.get(task_id, NEW)
            is_held = task_id in self.live or task_id in self.unseen
            is_new = record.state is _PENDING and not _has_trouble(record) and record.usage is None
            if is_new and not is_held:
                del self.strangers[task_id]
                self.records.pop(task_id, None)
            elif record.outputs:  # those of removed tasks are in no status: there is no limit of how many there were
                self.records[task_id] = record._replace(outputs=())

    def _derive(self) -> None:
        """Computes what follows from the states of all tasks."""
        graph, states = self.graph, self.states
        self.passed = set()
        for i in sorted(graph.skipped, key=lambda task: graph.level[task]):
            if states[i] is _SKIPPED and self.is_free(i):
                self.passed.add(i)
        self.ready = [place for place, i in enumerate(graph.order) if states[i] is _PENDING and self.is_free(i)]
        self.unfinished = list(map(len, graph.levels))
        for level, state in zip(graph.level, states, strict=True):
            if state is _SUCCEEDED or state is _SKIPPED:
                self.unfinished[level] -= 1

    def _move(self, moved: Sequence[int]) -> None:
        """The same, if only these tasks have a new state."""
        graph, states, ready = self.graph, self.states, self.ready
        touched = list(moved)
        for i in moved:
            if states[i] is _SUCCEEDED:  # for good
                self.unfinished[graph.level[i]] -= 1
                touched += graph.children[i]
        for i in touched:  # grows during the walk
            if states[i] is _SKIPPED and i not in self.passed and self.is_free(i):
                self.passed.add(i)
                touched += graph.children[i]
            at = bisect_left(ready, graph.place[i])
            is_listed = at < len(ready) and ready[at] == graph.place[i]
            is_ready = states[i] is _PENDING and self.is_free(i)
            if is_ready and not is_listed:
                ready.insert(at, graph.place[i])
            elif is_listed and not is_ready:
                del ready[at]


def standing_of(graph: CompiledGraph, task: int, record: Record) -> Standing:
    """Which step of a task is next, and what it works on."""
    return standing(graph.steps_of(task), record.steps, graph.forgiven_rejections.get(task, 0))


def next_role(graph: CompiledGraph, task: int, record: Record) -> str | None:
    """The role of the next attempt of a task, without fallbacks."""
    if not record.steps:
        return graph.role[task]
    return graph.role_at(task, standing_of(graph, task, record).next or OWN)


def ran_by(graph: CompiledGraph, task: int, record: Record) -> str | None:
    """The role that ran the last attempt of a task."""
    return record.fallback or graph.role_at(task, record.step)


def _has_trouble(record: Record) -> bool:
    """Whether an attempt of a task has ended without the success of its task, and was not stopped."""
    return bool(record.failures or record.conflicts or record.deferrals or record.inquiry.total or record.steps)
