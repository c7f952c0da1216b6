"""Which finished Jobs are removed: those beyond a limit, or one where a quota of Jobs is met. Pure.

Only Jobs whose result is written down are given here. A Job that succeeded goes before one that failed, whose logs are
worth more, and an older one before a newer one.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from parallelproject.core.planner.plan import Plan
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.status import TaskState
from parallelproject.model.work import WorkKey


class FinishedAttempt(NamedTuple):
    """An attempt that has ended, whose object is there and whose result is written down."""

    key: WorkKey
    succeeded: bool
    """How it ended."""
    ended: float
    """When it ended, in seconds since the epoch."""


def beyond_limit(
    finished: Collection[FinishedAttempt], limit: int | None, needed: Collection[str]
) -> list[FinishedAttempt]:
    """The Jobs to remove so that no more than the limit are left.

    Args:
        finished: All finished Jobs of the project.
        limit: ``spec.jobHistoryLimit``; None keeps all.
        needed: Tasks that will run again, see ``rerun_tasks``.
    """
    if limit is None or len(finished) <= limit:
        return []
    return in_order(finished, needed)[: len(finished) - limit]


def in_order(finished: Iterable[FinishedAttempt], needed: Collection[str]) -> list[FinishedAttempt]:
    """The Jobs that may be removed, in the order in which they are.

    The last Job of a task that will run again stays: the next attempt is given what it has left.
    """
    found = sorted(finished, key=lambda job: job.key.attempt)
    last = {job.key.task: job for job in found}
    free = [job for job in found if job.key.task not in needed or job is not last[job.key.task]]
    return sorted(free, key=lambda job: (not job.succeeded, job.ended, job.key.task, job.key.attempt))


def rerun_tasks(decided: Plan) -> set[str]:
    """The tasks that have failed and will run again."""
    snapshot: Snapshot | None = decided.ledger.snapshot
    if snapshot is None:
        return set()
    return {snapshot.graph.ids[i] for i in snapshot.failing if decided.states[i] is TaskState.PENDING}
