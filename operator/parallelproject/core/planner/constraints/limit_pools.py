"""The tasks of a pool share a limit of their provider: when one meets it, none of the pool starts until it is over."""

from collections.abc import Sequence
from typing import Self

from parallelproject.core.planner.constraints.adaptive import allowance
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.constraints.fallbacks import parked_now, role_now
from parallelproject.core.planner.constraints.pools import (
    COMMON,
    limited,
    limits_of,
    own_wait,
    parked,
    pool_of,
    pools_of,
    used,
)
from parallelproject.core.planner.explanation import Explanation, View, holding
from parallelproject.core.planner.snapshot import next_role
from parallelproject.core.times import duration, iso
from parallelproject.model.status import Reason


class LimitPools(Constraint):
    """Blocks the tasks of a pool that is parked, or of which as many run as may."""

    reasons = (Reason.WAITING_FOR_LIMIT,)

    def __init__(self, situation: Situation) -> None:
        graph, spec, snapshot, now = situation.graph, situation.spec, situation.snapshot, situation.now
        met = limited(snapshot)
        self._role_of, self._now = situation.role_of, now
        self._pools = pools_of(spec)
        self._parked = {pool: found.until for pool, found in parked(graph, spec, met, now).items()} | dict(
            situation.parked
        )
        self._own = {
            task: own_wait(graph, spec, task, record)
            for task, record in met
            if pool_of(graph, self._pools, task, record) == self._pool(task)  # else another role runs it now
        }
        self._used = used(self._pools, snapshot.usage.roles)
        self._most = {
            name: allowance(graph, spec, snapshot, limit, situation.windows.get(name))
            for name, limit in limits_of(spec).items()
            if limit.max_concurrent or name in situation.windows
        }

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """If there are limits, or a task has met one."""
        return cls(situation) if situation.spec.limits or situation.parked or limited(situation.snapshot) else None

    def blocks(self, task: int) -> Block | None:
        """Whether its pool is parked or full, or the task itself was refused just now."""
        pool = self._pool(task)
        until = self._parked.get(pool, self._now)
        if until > self._now:
            return Block(Reason.WAITING_FOR_LIMIT, until, ("limit", pool))
        own = self._own.get(task, self._now)
        if own > self._now:
            return Block(Reason.WAITING_FOR_LIMIT, own)
        most = self._most.get(pool)
        if most is not None and self._used.get(pool, 0) >= most:
            return Block(Reason.WAITING_FOR_LIMIT, line=("limit", pool))
        return None

    def _pool(self, task: int) -> str:
        return self._pools.get(self._role_of(task), COMMON)

    def take(self, task: int) -> None:
        """One more of its pool runs."""
        pool = self._pool(task)
        self._used[pool] = self._used.get(pool, 0) + 1

    def release(self, task: int) -> None:
        """One less of its pool runs."""
        self._used[self._pool(task)] -= 1

    def advance(self, now: float) -> None:
        """Limits that have ended by then block nothing."""
        self._now = now

    def fork(self) -> Self:
        """With sums of its own."""
        made = super().fork()
        made._used = self._used.copy()
        return made

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """The task that met the limit while it is not over, else the active tasks of the pool."""
        pools = pools_of(view.spec)
        pool = pools.get(role_now(view, task), COMMON)
        found = parked_now(view).get(pool)
        if found:
            return [found.task] if found.task != task else []
        if own_wait(view.graph, view.spec, task, view.record(task)) > view.now:
            return []
        return view.active(lambda i: pool_of(view.graph, pools, i, view.record(i)) == pool, expected=1)

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """Which limit it is, who met it, and when it is over."""
        spec, holders = view.spec, cls.holders(view, task)
        pool = pools_of(spec).get(role_now(view, task), COMMON)
        found = parked_now(view).get(pool)
        if found:
            source = "as its provider said" if found.is_known else "its provider did not say for how long"
            more = [f"none of its tasks starts until {_when(view, found.until)} ({source})"]
            more += _fallbacks(view, task, found.until)
            return Explanation(_who(view, task, found.task, pool), more, holders, view.record(task).job)
        own = own_wait(view.graph, spec, task, view.record(task))
        if own > view.now:
            when = f"the next attempt starts at {_when(view, own)}"
            return Explanation(_who(view, task, task, pool), [when], job=view.record(task).job)
        limit = limits_of(spec).get(pool)
        if limit is None:
            return Explanation("the limit is over: it starts in the next round")
        if limit.max_concurrent and len(holders) >= limit.max_concurrent:
            held = holding(view, holders, "that many are running:")
            return Explanation(f"limit {pool} has maxConcurrent {limit.max_concurrent} and {held}", tasks=holders)
        held = holding(view, holders, "running:")
        return Explanation(f"limit {pool} is lowered, because its provider refused a task; {held}", tasks=holders)


def _fallbacks(view: View, task: int, until: float) -> list[str]:
    """Why no fallback runs a task."""
    role = view.spec.role(next_role(view.graph, task, view.record(task)))
    if role is None or not role.fallbacks:
        return []
    if until - view.now <= role.fallback_after_seconds:
        wait = duration(role.fallback_after_seconds)
        return [f"the fallbacks of role {role.name} do not run it: the wait is not longer than {wait}"]
    return [f"the fallbacks of role {role.name} wait for a limit as well: {', '.join(role.fallbacks)}"]


def _who(view: View, task: int, who: int, pool: str) -> str:
    record = view.record(who)
    attempt = f"attempt {record.attempts}" + ("" if who == task else f" of {view.graph.ids[who]}")
    name = f"limit {pool}" if pool in limits_of(view.spec) else f"a limit of {pool or 'its agent'}"
    return f"{attempt} met {name} ({record.reason}), which costs no attempt"


def _when(view: View, until: float) -> str:
    return f"{iso(int(until))}, in {duration(until - view.now)}"
