"""The planner: what to start, what to stop, and why everything else waits.

``plan`` is a function of what is recorded (``Ledger``), what is observed (attempts) and the time. A restart needs no
recovery: the same facts give the same answer. What a ledger has in addition to the facts (``Snapshot``) only saves
computing it again. The laws of the planner, each a property test: never over a limit, never before a dependency,
results are monotone, the same answer for the same facts, and it terminates.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, count
from typing import NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW, Attempt, Record, reset_to
from parallelproject.core.planner.conditions import decide
from parallelproject.core.planner.constraints.adaptive import adapted
from parallelproject.core.planner.constraints.admission import CONSTRAINTS, Admission
from parallelproject.core.planner.constraints.constraint import Constraint, Situation
from parallelproject.core.planner.constraints.fallbacks import acting_roles, remembered
from parallelproject.core.planner.constraints.kept_files import keepers
from parallelproject.core.planner.constraints.pools import MetLimit, PoolWindow
from parallelproject.core.planner.constraints.shared_limits import Share
from parallelproject.core.planner.constraints.verified_work import VerifiedWork, is_verified
from parallelproject.core.planner.failures import (
    PROJECT_REASONS,
    ROLE_REASONS,
    barred_by,
    is_final,
    reported_once,
    skipped_after,
)
from parallelproject.core.planner.hooks import NO_HOOKS, HookOccasion, HookProgress, hook_facts
from parallelproject.core.planner.snapshot import Snapshot, Unseen, ran_by
from parallelproject.core.planner.spending import Spending
from parallelproject.core.planner.stops import Stop, next_overdue, stops_now
from parallelproject.model.spec import FailurePolicy, Spec
from parallelproject.model.status import PEOPLE_REASONS, Reason, TaskState

_PENDING, _RUNNING = TaskState.PENDING, TaskState.RUNNING
_SUCCEEDED, _FAILED, _SKIPPED = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED
_WAITS_FOR_TASKS = frozenset(
    {
        Reason.WAITING_FOR_LEVEL,
        Reason.WAITING_FOR_DEPENDENCIES,
        Reason.WAITING_FOR_FILES,
        Reason.WAITING_FOR_VERIFICATION,
    }
)
"""Reasons of tasks that wait for other tasks, where nothing runs: files are those of a task between two steps."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is recorded of a project."""

    records: Mapping[str, Record] = field(default_factory=dict)
    """By task id; tasks without one have not started. It may have tasks that were removed from the spec."""
    start_time: float | None = None
    completion_time: float | None = None
    peak: int = 0
    """Largest number of tasks that ran at once."""
    merged: tuple[int, int] | None = None
    """The number of merged levels, from the first on, and of the tasks that had succeeded in them: if another one has
    succeeded since, they are not merged. A level may wait for this; None: no level does."""
    windows: Mapping[str, PoolWindow] = field(default_factory=dict)
    """How many tasks of each adaptive limit may run, for those that its provider has refused some."""
    met: Mapping[str, MetLimit] = field(default_factory=dict)
    """By pool, the limit that is not over. Only where there are fallbacks; else the records have them all."""
    verified: VerifiedWork | None = None
    """What has passed the checks of the verification; None: there are none."""
    spending: Spending = field(default_factory=dict)
    """By role, what its attempts have spent that have ended, also those of tasks that were removed or run again."""
    hooks: HookProgress = NO_HOOKS
    """Which hooks have ended, and which ones run."""
    snapshot: Snapshot | None = field(default=None, compare=False, repr=False)
    """What the plan that returned this ledger computed. It is valid only with these records and this graph."""


class Launch(NamedTuple):
    """An attempt to start. Its step is ``Snapshot.standing`` of its task."""

    task: int
    number: int


@dataclass(frozen=True, eq=False)
class Plan:
    """What to do now, and the state of every task. Sequences are by task, in spec order."""

    launches: Sequence[Launch]
    """In the order in which they should start."""
    stops: Sequence[Stop]
    """Attempts that are running and should not be, without those that are already being stopped."""
    unseen: Sequence[Unseen]
    """Attempts to look up: only one that is known to be deleted counts as lost."""
    states: Sequence[TaskState]
    removed: Mapping[str, TaskState]
    """Tasks that are no longer in the spec: finished ones, and those that are still being stopped."""
    running: int
    """Attempts that hold a slot, launches included."""
    unmet: frozenset[int]
    """The tasks that are skipped because a condition of theirs does not hold."""
    queued: frozenset[int]
    """The tasks with an attempt that waits in a queue; their state is PENDING."""
    wanted: int
    """Further attempts that would start now without the limits that this project shares with others."""
    share: Share | None
    """The share that it was allowed to start; None: unlimited."""
    level: int
    """The lowest level with unfinished tasks; the number of levels if no task is unfinished."""
    completed: bool
    """Nothing runs and nothing will."""
    stopped: Reason | None
    """STOPPED, DEADLINE_EXCEEDED or HOOK_FAILED if that keeps tasks from running, or a hook has failed after all."""
    is_exhausted: bool
    """Nothing runs, and all that could start waits for a budget: it continues only with a larger limit."""
    hooks: Sequence[HookOccasion]
    """The hooks to start, each in a slot of its own, in the order in which they should start."""
    open_hooks: frozenset[str]
    """Names of the hooks that run or are due: also those to start, and those that a stopped project does not run."""
    acting: Mapping[str | None, str]
    """By role, the fallback that runs its tasks for now."""
    wake_at: float | None
    """When to plan again even without an event: the end of a backoff or of a deadline."""
    ledger: Ledger
    """What to record: the prior of the next plan."""
    _explain: Callable[[], Sequence[str | None]] = field(repr=False)
    _people: Callable[[], Mapping[int, str]] = field(repr=False)

    @cached_property
    def reasons(self) -> Sequence[str | None]:
        """The reasons of pending, failed and skipped tasks. Computed on access: only code that shows them needs them
        all."""
        return self._explain()

    @cached_property
    def people(self) -> Mapping[int, str]:
        """The pending tasks that wait for a person, and why; in spec order. Fast if none does."""
        return self._people()

    @property
    def hook_slots(self) -> int:
        """Number of slots that hooks hold, with those to start."""
        return len(self.ledger.hooks.running) + len(self.hooks)

    @property
    def settled(self) -> list[str]:
        """The observed tasks that have succeeded and hold nothing: a plan without them is the same."""
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
    constraints: Sequence[type[Constraint]] = CONSTRAINTS,
) -> Plan:
    """Decides what to do next.

    The first takes under 5 ms for 5,000 tasks with 15,000 dependencies, the next ones take time for what changed.

    Args:
        graph: The compiled spec.
        spec: The spec that it was compiled from.
        prior: The last ledger.
        observed: By task id, every observed attempt, also of tasks that are no longer in the spec; those of ``settled``
            may be absent. An attempt that was requested is LAUNCHING until it is known to exist or to be refused.
        now: Seconds since the epoch.
        share: What of all that projects share this one may use; None: nothing is shared.
        constraints: The rules that block tasks, in their order.
    """
    if spec.workspace.setup:
        observed = reported_once(graph, spec, prior.records, observed)

    # 1. What is active: it holds slots, roles and files.
    snapshot = prior.snapshot
    if snapshot is not None and snapshot.graph is graph and snapshot.records is prior.records:
        snapshot = snapshot.after(observed)
    else:
        snapshot = Snapshot.of(graph, prior.records, observed, prior.spending)
    states = snapshot.states.copy()

    # 2. What has failed for good, and which tasks that skips.
    failed = [
        i
        for i in sorted(snapshot.failing | graph.condemned)
        if states[i] is _PENDING and (i in graph.condemned or is_final(graph, spec, i, snapshot.record(i)))
    ]
    closed: dict[int, str | None] = {
        i: Reason.VERIFICATION_FAILED if i in graph.condemned else snapshot.record(i).reason for i in failed
    }
    for i in failed:
        states[i] = _FAILED
    closed_roles = {ran_by(graph, i, snapshot.record(i)) for i in failed if closed[i] in ROLE_REASONS}
    if not PROJECT_REASONS.isdisjoint(closed.values()):
        closed_roles |= set(graph.role)
        barred = frozenset(i for i, state in enumerate(states) if state is _PENDING)
    else:
        barred = barred_by(graph, closed_roles, snapshot.records, states)
    midway = _midway(snapshot, states)
    free = unmet = spared = frozenset[int]()
    if graph.conditions.order:
        decided = decide(graph, spec.failure_policy, snapshot, states, failed, barred, midway)
        skipped, free, unmet, spared = decided.closed, decided.free, decided.unmet, decided.spared
        failed += sorted(decided.failed)
    else:
        skipped = skipped_after(graph, spec.failure_policy, failed, states, barred, midway)
    for i, why in skipped.items():
        states[i] = _FAILED if why is Reason.OUTPUT_MISSING else _SKIPPED
    closed |= skipped
    unfinished = snapshot.unfinished
    if closed:
        unfinished = unfinished.copy()
        for i in closed:
            unfinished[graph.level[i]] -= 1
    level = next(compress(count(), unfinished), len(unfinished))

    # Nothing has ended in the future: a wait starts when the failure was observed, at the latest. The clock of
    # another machine may be ahead, and that must not make a wait longer.
    ahead = [i for i in snapshot.failing if states[i] is _PENDING and (snapshot.record(i).ended or 0.0) > now]
    if ahead:
        snapshot = snapshot.ended_by(now, ahead)

    # 3. Whether the project ends.
    progress = prior.hooks
    hooked = hook_facts(graph, spec.hooks, progress, snapshot, states, unfinished) if spec.hooks else None
    is_checked = is_verified(prior.verified, snapshot)
    may_run = _is_busy(snapshot) or any(unfinished) or (hooked is not None and not hooked.are_over) or not is_checked
    start_time = prior.start_time if prior.start_time is not None else _first_start(snapshot, now)
    if prior.completion_time is not None and graph.rerun_after and not spec.stop and _starts_over(snapshot, prior):
        start_time = now
    if may_run:
        start_time = min(start_time, now)  # written by a clock that was ahead
    deadline = start_time + (spec.active_deadline_seconds or math.inf)
    stopped = None
    if may_run:
        stopped = Reason.STOPPED if spec.stop else Reason.DEADLINE_EXCEEDED if now >= deadline else None
    if stopped is None and hooked is not None and progress.failed:
        stopped = Reason.HOOK_FAILED
    fail_fast = bool(failed) and spec.failure_policy is FailurePolicy.FAIL_FAST
    of_all = stopped or ("FailFast" if fail_fast else None)
    stops = stops_now(graph, spec, snapshot, of_all, now, () if stopped else {graph.ids[i] for i in spared})
    if stopped:
        why_closed = Reason.HOOK_FAILED if stopped is Reason.HOOK_FAILED else Reason.STOPPED
        for i, state in enumerate(states):
            if state is _PENDING:
                states[i], closed[i] = _SKIPPED, why_closed

    # 4. Which tasks start. One between two of its steps comes first: its work has yet to land.
    midway = frozenset(i for i in midway if states[i] is _PENDING)
    windows = adapted(graph, spec, snapshot, prior.windows, now)
    met = remembered(graph, spec, snapshot, prior.met, now)
    ends = {pool: limit.until for pool, limit in met.items()}
    acting = acting_roles(spec, ends, now, closed_roles)
    situation = Situation(
        graph, spec, snapshot, unfinished, level, prior.merged, now, share, windows, ends, acting, prior.verified,
        free=free, hooks=hooked, repairs=_top_repair(graph, states) if prior.verified is not None else -1,
    )  # fmt: skip
    if graph.steps:
        kept = keepers(situation, midway, _ending(snapshot, states), constraints)
        situation = situation._replace(keepers=kept)
    admission = Admission(constraints, situation)
    wake = min(math.inf if stopped else deadline, next_overdue(graph, spec, snapshot, now))
    launches: list[Launch] = []
    would = admission  # without shared limits
    wanted = 0
    starts: dict[str, HookOccasion] = {}

    def start_hook(occasion: HookOccasion) -> None:
        if not (occasion.step in progress.running or occasion.step in starts or would.holds_hooks()):
            starts[occasion.step] = occasion
            would.reserve()

    for occasion in hooked.after if hooked and not stopped else ():
        start_hook(occasion)
    ready = snapshot.ready
    if graph.conditions.order:
        members = graph.conditions.members
        own = [place for place in ready if graph.order[place] not in members]
        ready = sorted([*own, *(graph.place[i] for i in free)])
    if midway:
        ready = sorted(ready, key=lambda place: (graph.order[place] not in midway, place))
    for place in () if stopped else ready:
        if would.is_closed():
            break
        i = graph.order[place]
        if states[i] is not _PENDING:
            continue
        block = would.blocks_alone(i)
        if block is not None:
            wake = min(wake, block.until)
            if isinstance(block.line, HookOccasion):
                start_hook(block.line)
            continue
        if would is admission and (block := admission.blocks_shared(i)) is None:
            launches.append(Launch(i, snapshot.record(i).attempts + 1))
        else:
            would = admission.alone() if would is admission else would
            wanted += 1
        would.take(i)
    for i in snapshot.failing | snapshot.refused.keys():  # also if no slot was left for them
        if states[i] is _PENDING and (block := admission.blocks(i)) is not None:
            wake = min(wake, block.until)

    # 5. The resulting state.
    starting = snapshot.launching | {launch.task for launch in launches}
    for i in snapshot.launching | snapshot.queued:
        if states[i] is _RUNNING:
            states[i] = _PENDING
    removed = {i: _removed_state(snapshot, i) for i in snapshot.strangers}
    running = snapshot.usage.slots + sum(not graph.queue[launch.task] for launch in launches)
    runs = (
        running
        or snapshot.usage.queued
        or launches
        or _RUNNING in removed.values()
        or (stopped and _RUNNING in states)
        or progress.running
        or starts
    )
    open_hooks = progress.running.union(starts, (occasion.step for occasion in hooked.after) if hooked else ())
    is_done = not any(unfinished) and not open_hooks and is_checked
    completed = not runs and (stopped is not None or is_done)
    waiting = (i for i in map(graph.order.__getitem__, ready) if states[i] is _PENDING)
    is_exhausted = not runs and not completed and spec.budgets and _waits_for_budget(waiting, admission)

    def explain() -> list[str | None]:
        reasons = [closed.get(i) for i in range(len(states))]
        for i in graph.skipped:
            if states[i] is _SKIPPED:
                reasons[i] = Reason.SKIP_REQUESTED
        for i, state in enumerate(states):
            if state is _PENDING:
                if i in starting:
                    refused = snapshot.refused.get(i)
                    reasons[i] = refused.reason if refused else Reason.STARTING
                elif i in snapshot.queued:
                    reasons[i] = Reason.WAITING_FOR_QUOTA
                else:
                    found = admission.blocks(i)
                    reasons[i] = found.reason if found else None
        return reasons

    def people() -> dict[int, str]:
        asking = {i for i in snapshot.failing if snapshot.record(i).inquiry.attempt}
        found = {}
        for i in sorted(graph.unapproved | asking):
            if states[i] is _PENDING and i not in starting and i not in snapshot.queued:
                block = admission.blocks(i)
                if block is not None and block.reason in PEOPLE_REASONS:
                    found[i] = block.reason
        return found

    completion_time = (prior.completion_time or now) if completed else None
    return Plan(
        launches=launches,
        stops=stops,
        unseen=list(snapshot.unseen.values()),
        states=states,
        removed=removed,
        running=running,
        unmet=unmet,
        queued=frozenset(snapshot.queued),
        wanted=wanted,
        share=share,
        level=level,
        completed=completed,
        stopped=stopped,
        is_exhausted=bool(is_exhausted),
        hooks=list(starts.values()),
        open_hooks=open_hooks,
        acting=acting,
        wake_at=wake if wake < math.inf and not completed else None,
        ledger=Ledger(
            snapshot.records,
            start_time,
            completion_time,
            max(prior.peak, running),
            prior.merged,
            windows,
            met,
            prior.verified,
            snapshot.spending,
            prior.hooks,
            snapshot,
        ),
        _explain=explain,
        _people=people,
    )


def _midway(snapshot: Snapshot, states: Sequence[TaskState]) -> frozenset[int]:
    """The tasks between two of their steps."""
    if not snapshot.graph.steps:
        return frozenset()
    return frozenset(i for i in snapshot.failing if states[i] is _PENDING and snapshot.record(i).is_midway)


def _ending(snapshot: Snapshot, states: Sequence[TaskState]) -> frozenset[int]:
    """The tasks between two of their steps whose attempt has released its slot, and has no end yet."""
    ids = snapshot.graph.ids
    return frozenset(
        i
        for i in snapshot.failing
        if states[i] is _RUNNING and snapshot.record(i).is_midway and ids[i] not in snapshot.held
    )


def _starts_over(snapshot: Snapshot, prior: Ledger) -> bool:
    """Whether recorded results no longer count from now on: their tasks run again from the start."""
    for i, floor in snapshot.graph.rerun_after.items():
        found, before = snapshot.record(i), prior.records.get(snapshot.graph.ids[i])
        if found == reset_to(floor, found.usage) and before is not None and before != reset_to(floor, before.usage):
            return not _is_busy(snapshot)
    return False


def _top_repair(graph: CompiledGraph, states: Sequence[TaskState]) -> int:
    """The highest level with a task that runs again; -1: no such task."""
    again = (graph.level[i] for i in graph.rerun_after if states[i] is _PENDING or states[i] is _RUNNING)
    return max(again, default=-1)


def _is_busy(snapshot: Snapshot) -> bool:
    """Whether any attempt exists that has not ended."""
    return bool(snapshot.usage.slots or snapshot.usage.queued)


def _waits_for_budget(ready: Iterable[int], admission: Admission) -> bool:
    """Whether a ready task waits for a budget, and no other one for anything but for tasks."""
    found = False
    for i in ready:
        block = admission.blocks(i)
        if block is not None and block.reason not in _WAITS_FOR_TASKS:
            if block.reason != Reason.WAITING_FOR_BUDGET:
                return False
            found = True
    return found


def _removed_state(snapshot: Snapshot, task_id: str) -> TaskState:
    record = snapshot.records.get(task_id, NEW)
    if record.state is not _PENDING:
        return record.state
    if task_id in snapshot.live or task_id in snapshot.unseen:
        return _RUNNING
    return _FAILED if record.failures or record.conflicts or record.deferrals else _SKIPPED


def _first_start(snapshot: Snapshot, now: float) -> float:
    return min([record.started for record in snapshot.records.values() if record.started is not None], default=now)
