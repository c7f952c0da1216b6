"""What of a project has passed the checks of its verification."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.status import TaskState

EVERY = 5
"""Number of tasks that land before a verification with ``after: Landings``, by default."""


class VerifiedWork(NamedTuple):
    """What has passed the checks."""

    levels: int = 0
    """Number of levels that are verified, from the first on."""
    tasks: Mapping[str, int] = MappingProxyType({})
    """By id, the tasks whose work was verified, each with the number of its last attempt at that time."""
    failed_from: int | None = None
    """The first level from which on the work has failed a check and may be built on all the same; None: all passed."""
    is_reverting: bool = False
    """Whether work is being taken off the branch: nothing ends before that has."""


NOTHING_VERIFIED = VerifiedWork()


def verified_levels(verified: VerifiedWork, snapshot: Snapshot) -> int:
    """How many levels are verified with all that has succeeded in them.

    Since then a task may have been added to one, or have landed again.
    """
    graph, states, tasks = snapshot.graph, snapshot.states, verified.tasks
    for level, members in enumerate(graph.levels[: verified.levels]):
        for i in members:
            if states[i] is TaskState.SUCCEEDED and tasks.get(graph.ids[i]) != snapshot.record(i).attempts:
                return level
    return min(verified.levels, len(graph.levels))


def passed_levels(verified: VerifiedWork, snapshot: Snapshot) -> int:
    """How many levels have passed all checks with all that succeeded in them: only these may be merged. One in which
    nothing has succeeded counts."""
    levels = verified_levels(verified._replace(levels=len(snapshot.graph.levels)), snapshot)
    return levels if verified.failed_from is None else min(levels, verified.failed_from)


def unverified(verified: VerifiedWork, snapshot: Snapshot) -> int:
    """How many tasks have succeeded that are not verified."""
    ids, tasks = snapshot.graph.ids, verified.tasks
    return sum(
        state is TaskState.SUCCEEDED and tasks.get(ids[i]) != snapshot.record(i).attempts
        for i, state in enumerate(snapshot.states)
    )


def is_verified(verified: VerifiedWork | None, snapshot: Snapshot) -> bool:
    """Whether nothing has succeeded that is not verified, and no work is being taken off the branch. Without checks,
    all is."""
    return verified is None or (not verified.is_reverting and unverified(verified, snapshot) == 0)
