"""Which finished Jobs are removed: those over a limit, or one Job when a quota of Jobs is reached. Pure.

The input has only Jobs whose result is recorded. Jobs that succeeded are removed before failed ones, whose logs are
worth more, and older ones before newer ones.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from parallelproject.core.planner.plan import Plan
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.status import TaskState
from parallelproject.model.work import WorkKey


class FinishedAttempt(NamedTuple):
    """An attempt that has ended, whose object exists and whose result is recorded."""

    key: WorkKey
    succeeded: bool
    """How it ended."""
    ended: float
    """When it ended, in seconds since the epoch."""


def beyond_limit(
    finished: Collection[FinishedAttempt],
    limit: int | None,
    needed: Collection[str],
    midway: Collection[str] = frozenset(),
) -> list[FinishedAttempt]:
    """The Jobs to remove so that at most ``limit`` remain.

    Args:
        finished: All finished Jobs of the project.
        limit: ``spec.jobHistoryLimit``; None keeps all.
        needed: Tasks that will run again, see ``rerun_tasks``.
        midway: Tasks midway through their steps, see ``midway_tasks``.
    """
    if limit is None or len(finished) <= limit:
        return []
    return in_order(finished, needed, midway)[: len(finished) - limit]


def in_order(
    finished: Iterable[FinishedAttempt], needed: Collection[str], midway: Collection[str] = frozenset()
) -> list[FinishedAttempt]:
    """The Jobs that may be removed, in the order in which they are.

    The last Job of a task that will run again stays: the next attempt gets feedback from it. So do all Jobs of a task
    midway through its steps: the reports of its gates are in them.
    """
    found = sorted(finished, key=lambda job: job.key.attempt)
    last = {job.key.task: job for job in found}
    free = [
        job
        for job in found
        if job.key.task not in midway and (job.key.task not in needed or job is not last[job.key.task])
    ]
    return sorted(free, key=lambda job: (not job.succeeded, job.ended, job.key.task, job.key.attempt))


def rerun_tasks(decided: Plan) -> set[str]:
    """The tasks that have failed and will run again."""
    snapshot: Snapshot | None = decided.ledger.snapshot
    if snapshot is None:
        return set()
    return {snapshot.graph.ids[i] for i in snapshot.failing if decided.states[i] is TaskState.PENDING}


def midway_tasks(decided: Plan) -> set[str]:
    """The tasks midway through their steps that continue."""
    snapshot: Snapshot | None = decided.ledger.snapshot
    if snapshot is None or not snapshot.graph.steps:
        return set()
    open_states = (TaskState.PENDING, TaskState.RUNNING)
    return {
        snapshot.graph.ids[i]
        for i in snapshot.failing
        if decided.states[i] in open_states and snapshot.record(i).is_midway
    }
