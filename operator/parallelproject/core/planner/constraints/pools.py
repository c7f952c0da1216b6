"""Pools: the tasks that draw from one limit of a provider, and until when each pool is parked.

The pool of a task is the ``limit`` of its role. Without one it is the agent of its role: the tasks of one agent use one
account. Tasks without an agent have one pool together: they meet a limit only if one agent runs all of them.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Record
from parallelproject.core.planner.constraints.waits import deferral_ends, is_wait_forgiven, knows_reset
from parallelproject.core.planner.explanation import Parked
from parallelproject.core.planner.snapshot import Snapshot, ran_by
from parallelproject.model.spec import Limit, Spec

COMMON = ""
"""The pool of all tasks whose role names neither a limit nor an agent."""


class PoolWindow(NamedTuple):
    """How many tasks of an adaptive pool may run, since it was last lowered. It rises with each success after that."""

    base: int
    """What it was lowered to."""
    ceiling: int
    """How many were running when the provider refused one."""
    lowered: float
    """When, in seconds since the epoch."""
    seen: float
    """The end of the last attempt that was refused, of those that count already."""


class MetLimit(NamedTuple):
    """A limit that is remembered when the task that met it has continued with a fallback."""

    until: float
    """When it is over, in seconds since the epoch."""
    task: str
    """The id of the task that met it."""
    is_known: bool
    """Whether the provider said when."""


def pools_of(spec: Spec) -> dict[str | None, str]:
    """By role, its pool, for the roles that do not have ``COMMON``."""
    found = {role.name: role.limit or (role.agent.type.value if role.agent else COMMON) for role in spec.roles}
    return {role: pool for role, pool in found.items() if pool}


def pool_of(graph: CompiledGraph, pools: Mapping[str | None, str], task: int, record: Record) -> str:
    """The pool that the last attempt of a task drew from."""
    return pools.get(ran_by(graph, task, record), COMMON)


def limits_of(spec: Spec) -> dict[str, Limit]:
    """The declared limits, by the name of their pool."""
    return {limit.name: limit for limit in spec.limits}


def limited(snapshot: Snapshot) -> list[tuple[int, Record]]:
    """The tasks whose last attempt met a limit, with their records."""
    found = ((task, snapshot.record(task)) for task in sorted(snapshot.failing))
    return [(task, record) for task, record in found if record.is_limited]


def parked(graph: CompiledGraph, spec: Spec, met: Iterable[tuple[int, Record]], now: float) -> dict[str, Parked]:
    """By pool, the limit that ends last of those that are not over.

    A limit whose end is not known does not park an adaptive pool: fewer of its tasks run instead.

    Args:
        graph: The compiled spec.
        spec: The spec.
        met: The tasks whose last attempt met a limit.
        now: Seconds since the epoch.
    """
    pools, limits = pools_of(spec), limits_of(spec)
    found: dict[str, Parked] = {}
    for task, record in met:
        if is_wait_forgiven(graph, task, record):
            continue
        pool = pool_of(graph, pools, task, record)
        is_known = knows_reset(record)
        if not is_known and _is_adaptive(limits, pool):
            continue
        until = deferral_ends(spec, record)
        if until > now and (pool not in found or until > found[pool].until):
            found[pool] = Parked(until, task, is_known)
    return found


def own_wait(graph: CompiledGraph, spec: Spec, task: int, record: Record) -> float:
    """When a task that met a limit itself may start again, apart from its pool."""
    if not record.is_limited or is_wait_forgiven(graph, task, record):
        return -math.inf
    adaptive = _is_adaptive(limits_of(spec), pool_of(graph, pools_of(spec), task, record))
    return deferral_ends(spec, record, doubles=not adaptive)


def _is_adaptive(limits: Mapping[str, Limit], pool: str) -> bool:
    limit = limits.get(pool)
    return limit is not None and limit.adaptive is not None


def used(pools: Mapping[str | None, str], roles: Mapping[str | None, int]) -> dict[str, int]:
    """By pool, how many tasks run, by how many run of each role."""
    sums: dict[str, int] = {}
    for role, count in roles.items():
        pool = pools.get(role, COMMON)
        sums[pool] = sums.get(pool, 0) + count
    return sums
