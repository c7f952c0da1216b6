"""Which role runs the tasks of another one, while the limit of that one is used up."""

from collections.abc import Collection, Mapping

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.pools import COMMON, MetLimit, limited, parked, pools_of
from parallelproject.core.planner.constraints.waits import is_wait_forgiven
from parallelproject.core.planner.explanation import Parked, View
from parallelproject.core.planner.snapshot import Snapshot, next_role
from parallelproject.model.spec import Spec


def acting_roles(
    spec: Spec, ends: Mapping[str, float], now: float, closed: Collection[str | None] = ()
) -> dict[str | None, str]:
    """By role, the fallback that runs its tasks for now. A role without an entry runs its own.

    Args:
        spec: The spec.
        ends: By pool, until when it is parked; seconds since the epoch.
        now: Seconds since the epoch.
        closed: Roles whose tasks would all fail.
    """
    pools = pools_of(spec)

    def wait(role: str) -> float:
        return ends.get(pools.get(role, COMMON), now) - now

    found: dict[str | None, str] = {}
    for role in spec.roles:
        if role.fallbacks and wait(role.name) > role.fallback_after_seconds:
            free = (name for name in role.fallbacks if name not in closed and wait(name) <= 0)
            if (first := next(free, None)) is not None:
                found[role.name] = first
    return found


def remembered(
    graph: CompiledGraph, spec: Spec, snapshot: Snapshot, prior: Mapping[str, MetLimit], now: float
) -> dict[str, MetLimit]:
    """By pool, the limit that is not over, also when the task that met it has continued with a fallback.

    Args:
        graph: The compiled spec.
        spec: The spec.
        snapshot: What runs and what has ended.
        prior: The same of the last plan.
        now: Seconds since the epoch.
    """
    if not any(role.fallbacks for role in spec.roles):
        return {}
    found = {pool: limit for pool, limit in prior.items() if limit.until > now and not _is_forgiven(snapshot, limit)}
    for pool, limit in parked(graph, spec, limited(snapshot), now).items():
        if pool not in found or limit.until > found[pool].until:
            found[pool] = MetLimit(limit.until, graph.ids[limit.task], limit.is_known)
    return found


def _is_forgiven(snapshot: Snapshot, limit: MetLimit) -> bool:
    task = snapshot.graph.index.get(limit.task)
    return task is None or is_wait_forgiven(snapshot.graph, task, snapshot.record(task))


def parked_now(view: View) -> dict[str, Parked]:
    """By pool, the limit that keeps it parked, by a status."""
    met = [(i, row.record) for i, row in sorted(view.rows.items()) if view.is_open(i) and row.record.is_limited]
    found = parked(view.graph, view.spec, met, view.now)
    for pool, limit in view.limits.items():
        if limit.until > view.now and (pool not in found or limit.until > found[pool].until):
            found[pool] = limit
    return found


def role_now(view: View, task: int) -> str | None:
    """The role that the next attempt of a task would have, by a status."""
    role = next_role(view.graph, task, view.record(task))
    ends = {pool: found.until for pool, found in parked_now(view).items()}
    return acting_roles(view.spec, ends, view.now).get(role, role)
