"""The planner: what to start, what to stop, and why everything else waits.

``plan`` is a function of what is written down (``Ledger``), what is seen (attempts) and the time. It keeps
nothing between calls, so a restart needs no recovery: whoever calls it with the same facts gets the same
answer. The laws it holds, each a property test: never over a cap, never before a dependency, results
monotone, the same answer for the same facts, and an end.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from parallelproject.core.attempt import NEW, Attempt, Phase, Record, settle
from parallelproject.core.graph import CompiledGraph
from parallelproject.model.spec import FailurePolicy, FileOverlap, Scheduling, Spec
from parallelproject.model.status import Reason, TaskState

BACKOFF_MAX = 360
"""Longest wait between attempts, in seconds, unless backoffSeconds itself is longer; as for Jobs."""

FINAL_REASONS = frozenset({Reason.INVALID_POD_TEMPLATE, Reason.NAME_CONFLICT})
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


class Launch(NamedTuple):
    """An attempt to start."""

    task: int
    number: int


class Stop(NamedTuple):
    """An attempt to stop."""

    id: str
    attempt: Attempt
    why: str
    """Stopped, DeadlineExceeded, FailFast, Removed or Succeeded (by another attempt)."""


class Unseen(NamedTuple):
    """An attempt that is recorded as running and of which nothing is seen."""

    id: str
    number: int
    job: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What to do now, and where every task stands. Sequences are by task, in spec order."""

    launches: Sequence[Launch]
    """In the order in which they should start."""
    stops: Sequence[Stop]
    """Attempts that are at work and should not be; those already being stopped are not named again."""
    unseen: Sequence[Unseen]
    """To be looked up: only an attempt that is known to be gone counts as lost."""
    states: Sequence[TaskState]
    reasons: Sequence[str | None]
    """Of a pending, failed or skipped task."""
    removed: Mapping[str, TaskState]
    """Tasks that are no longer in the spec: those that finished, and those still being stopped."""
    at_work: int
    """Attempts that hold a slot, launches included."""
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


def plan(
    graph: CompiledGraph,
    spec: Spec,
    prior: Ledger,
    observed: Mapping[str, Sequence[Attempt]],
    now: float,
) -> Plan:
    """Decides what to do next.

    Takes under 5 ms for 5,000 tasks with 15,000 dependencies.

    Args:
        graph: The compiled spec.
        spec: The spec that it was compiled from.
        prior: What was written down last.
        observed: By task id, every attempt that is seen, also of tasks that are no longer in the spec. An
            attempt whose start was asked for is seen as LAUNCHING until it is known to be there or refused.
        now: Seconds since the epoch.
    """
    changed = _settle_all(prior, observed)
    known = {**prior.records, **changed}
    records = [known.get(task_id, NEW) for task_id in graph.ids]
    states = [record.state for record in records]
    reasons: list[str | None] = [None] * len(states)

    # 1. What is at work: it holds slots, roles and files.
    roles: dict[str | None, int] = {}
    busy: set[int] = set()
    serialize = spec.conflicts.on_file_overlap is FileOverlap.SERIALIZE
    at_work = 0

    def hold(i: int, slots: int) -> None:
        nonlocal at_work
        at_work += slots
        roles[graph.role[i]] = roles.get(graph.role[i], 0) + slots
        if serialize:
            busy.update(graph.locks.touched[i])

    live: list[tuple[str, Attempt]] = []
    unseen: list[Unseen] = []
    removed: dict[str, TaskState] = {}
    for task_id, record in known.items():
        seen = observed.get(task_id, ())
        mine = [attempt for attempt in seen if attempt.at_work]
        done = record.state is _SUCCEEDED
        if done and not mine:
            continue
        live += [(task_id, attempt) for attempt in mine]
        held = len(mine)
        if record.state is _RUNNING and not any(attempt.number == record.attempts for attempt in seen):
            unseen.append(Unseen(task_id, record.attempts, record.job))
            held += 1  # it may be there: assume so until it was looked up
        i = graph.index.get(task_id)
        if i is None:
            at_work += held
            removed[task_id] = _SUCCEEDED if done else _RUNNING if held else _PENDING
        elif held:
            if not done:
                states[i] = _RUNNING  # even of an attempt that counts as ended: nothing starts beside it
            hold(i, held)
    removed |= {i: r.state for i, r in known.items() if i not in graph.index and i not in removed}
    for task_id, state in list(removed.items()):
        if state is _PENDING:  # what failed has finished and stays; what was stopped leaves
            if known[task_id].failures:
                removed[task_id] = _FAILED
            else:
                del removed[task_id], known[task_id]

    # 2. What has failed for good, and whom that keeps from running.
    failed = [
        i
        for i, record in enumerate(records)
        if record.failures and states[i] is _PENDING and _is_final(graph, i, record)
    ]
    for i in failed:
        states[i], reasons[i] = _FAILED, records[i].reason
    _skip_after(graph, spec.failure_policy, failed, states, reasons)

    # 3. Whether the whole is to end.
    start_time = prior.start_time if prior.start_time is not None else _first_start(records, now)
    deadline = start_time + (spec.active_deadline_seconds or math.inf)
    stopped = None
    if at_work or _PENDING in states or _RUNNING in states:
        stopped = Reason.STOPPED if spec.stop else Reason.DEADLINE_EXCEEDED if now >= deadline else None
    fail_fast = bool(failed) and spec.failure_policy is FailurePolicy.FAIL_FAST
    why = stopped or ("FailFast" if fail_fast else None)
    stops = [
        Stop(task_id, attempt, why or ("Removed" if task_id in removed else "Succeeded"))
        for task_id, attempt in live
        if (why or task_id in removed or known[task_id].state is _SUCCEEDED)
        and not attempt.stopping
        and attempt.phase is not Phase.LAUNCHING
    ]

    # 4. Who starts, and why the others wait.
    level = _open_level(graph, states)
    gate = level if spec.scheduling is Scheduling.LEVELS else len(graph.levels)
    caps: dict[str | None, int] = {r.name: r.max_concurrent for r in spec.roles if r.max_concurrent}
    wake = math.inf if stopped else deadline
    launches: list[Launch] = []
    parents, levels, locks, role_of = graph.parents, graph.level, graph.locks.of_task, graph.role
    for i in graph.order:
        if states[i] is not _PENDING:
            continue
        if stopped:
            states[i], reasons[i] = _SKIPPED, Reason.STOPPED
            continue
        for parent in parents[i]:
            if states[parent] is not _SUCCEEDED:
                reasons[i] = Reason.WAITING_FOR_DEPENDENCIES
                break
        else:
            record = records[i]
            ready_at = backoff_ends(graph, spec, i, record) if record.failures else -math.inf
            cap = caps.get(role_of[i]) if caps else None
            if levels[i] > gate:
                reasons[i] = Reason.WAITING_FOR_LEVEL
            elif spec.suspend:
                reasons[i] = Reason.SUSPENDED
            elif ready_at > now:
                reasons[i] = Reason.BACKOFF
                wake = min(wake, ready_at)
            elif serialize and not busy.isdisjoint(locks[i]):
                reasons[i] = Reason.WAITING_FOR_FILES
            elif cap and roles.get(role_of[i], 0) >= cap:
                reasons[i] = Reason.WAITING_FOR_ROLE
            elif at_work >= spec.parallelism:
                reasons[i] = Reason.WAITING_FOR_SLOT
            else:
                launches.append(Launch(i, record.attempts + 1))
                reasons[i] = Reason.STARTING
                hold(i, 1)
    for task_id, attempt in live:
        i = graph.index.get(task_id)
        if i is not None and attempt.phase is Phase.LAUNCHING and states[i] is _RUNNING:
            states[i], reasons[i] = _PENDING, Reason.STARTING

    completed = not at_work and _PENDING not in states and _RUNNING not in states
    return Plan(
        launches=launches,
        stops=stops,
        unseen=unseen,
        states=states,
        reasons=reasons,
        removed=removed,
        at_work=at_work,
        level=level,
        completed=completed,
        stopped=stopped,
        wake_at=wake if wake < math.inf and not completed else None,
        ledger=Ledger(
            known, start_time, (prior.completion_time or now) if completed else None, max(prior.peak, at_work)
        ),
    )


def backoff_ends(graph: CompiledGraph, spec: Spec, task: int, record: Record) -> float:
    """When a task that has failed may start again: the wait doubles with each failure that counts.

    At once where all failures so far are forgiven. More forgiven than there are (by hand: pproj retry forgives those
    that are there) must not make it fail in a loop without end: then all count here, and the wait is a second at least.
    """
    failures = record.failures - graph.forgiven.get(task, 0)
    if failures == 0 or record.ended is None:
        return -math.inf
    first = spec.defaults.backoff_seconds
    if failures < 0:
        failures, first = record.failures, max(1, first)
    return record.ended + min(first * 2.0 ** min(failures - 1, 64), max(first, BACKOFF_MAX))


def _settle_all(prior: Ledger, observed: Mapping[str, Sequence[Attempt]]) -> dict[str, Record]:
    """The records of the tasks that are not done and of which something is seen."""
    changed = {}
    recorded = prior.records
    for task_id, attempts in observed.items():
        record = recorded.get(task_id, NEW)
        if record[0] is not _SUCCEEDED:  # by number: twice as fast as by name, in the one loop where it shows
            changed[task_id] = settle(record, attempts)
    return changed


def _is_final(graph: CompiledGraph, task: int, record: Record) -> bool:
    failures = record.failures - graph.forgiven.get(task, 0)
    return failures >= graph.max_attempts[task] or (failures > 0 and record.reason in FINAL_REASONS)


def _skip_after(
    graph: CompiledGraph,
    policy: FailurePolicy,
    failed: Sequence[int],
    states: list[TaskState],
    reasons: list[str | None],
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


def _open_level(graph: CompiledGraph, states: Sequence[TaskState]) -> int:
    for level, tasks in enumerate(graph.levels):
        if any(states[i] is _PENDING or states[i] is _RUNNING for i in tasks):
            return level
    return len(graph.levels)


def _first_start(records: Sequence[Record], now: float) -> float:
    return min((r.started for r in records if r.started is not None), default=now)
