"""An adaptive limit: fewer tasks of a pool run when its provider refuses one, and more again with each success.

Additive increase, multiplicative decrease (Chiu and Jain, 1989), as TCP does it: attempts that had started before a
decrease do not cause another one. Where the provider refused is remembered: up to there the limit rises fast, beyond it
only after a while, to find out whether the provider allows more by now.
"""

import math
from collections.abc import Mapping

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Record
from parallelproject.core.planner.constraints.pools import PoolWindow, limits_of, pool_of, pools_of, used
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.spec import Limit, Spec
from parallelproject.model.status import TaskState

_HOLD = 50
"""After this many successes below what the provider refused, one more is tried. If that goes well, the limit rises fast
again."""
_NONE = PoolWindow(0, 0, -math.inf, -math.inf)


def adapted(
    graph: CompiledGraph, spec: Spec, snapshot: Snapshot, prior: Mapping[str, PoolWindow], now: float
) -> dict[str, PoolWindow]:
    """The windows of the adaptive pools, after what the snapshot has of refusals.

    Args:
        graph: The compiled spec.
        spec: The spec.
        snapshot: What runs and what has ended.
        prior: The windows of the last plan.
        now: Seconds since the epoch.
    """
    limits = {name: limit for name, limit in limits_of(spec).items() if limit.adaptive}
    if not limits:
        return {}
    pools = pools_of(spec)
    windows = {name: window for name, window in prior.items() if name in limits}
    refused: dict[str, list[Record]] = {}
    for task in snapshot.failing:
        record = snapshot.record(task)
        pool = pool_of(graph, pools, task, record)
        if pool in limits and record.is_refused and (record.ended or 0.0) > windows.get(pool, _NONE).seen:
            refused.setdefault(pool, []).append(record)
    if not refused:
        return windows
    running = used(pools, snapshot.usage.roles)
    for pool, records in refused.items():
        last, least = windows.get(pool, _NONE), _least(limits[pool])
        seen = min(now, max(record.ended or now for record in records))
        there = running.get(pool, 0) + 1  # the provider allows those that run, and refused one more
        if any((record.started or 0.0) > last.lowered for record in records):
            was_probe = 1 < last.ceiling <= there  # one more than was known to be allowed
            base, ceiling = (last.ceiling - 1, last.ceiling) if was_probe else (there // 2, there)
            windows[pool] = PoolWindow(max(least, base), ceiling, seen, seen)
        elif _successes(graph, spec, snapshot, pool, last.lowered):
            windows[pool] = last._replace(seen=seen)
        else:  # part of what has lowered it: it shows more exactly how many were too many
            base, ceiling = min(last.base, max(least, there // 2)), min(last.ceiling, there)
            windows[pool] = last._replace(base=base, ceiling=ceiling, seen=seen)
    return windows


def allowance(graph: CompiledGraph, spec: Spec, snapshot: Snapshot, limit: Limit, window: PoolWindow | None) -> int:
    """How many tasks of a pool may run."""
    most = limit.max_concurrent or spec.parallelism
    if window is None:
        return most
    return max(_least(limit), min(most, risen(window, _successes(graph, spec, snapshot, limit.name, window.lowered))))


def risen(window: PoolWindow, successes: int) -> int:
    """The size of a window after a number of successes."""
    top = max(window.base, window.ceiling - 1)
    probed = successes - (top - window.base) - _HOLD
    if probed < 0:
        return min(top, window.base + successes)
    return top + 1 + max(0, probed - top)


def _successes(graph: CompiledGraph, spec: Spec, snapshot: Snapshot, pool: str, since: float) -> int:
    pools, count = pools_of(spec), 0
    for i, state in enumerate(snapshot.states):
        if state is TaskState.SUCCEEDED:
            record = snapshot.record(i)
            count += pool_of(graph, pools, i, record) == pool and (record.ended or 0.0) > since
    return count


def _least(limit: Limit) -> int:
    return limit.adaptive.min if limit.adaptive else 1
