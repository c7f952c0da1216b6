"""Who may start how many tasks, where projects share a limit.

A limit is of one namespace, or of all together. What is free is given out one by one: to the project of the highest
priority, among those to the one that has the least running, among those to the oldest. So a project of 500 tasks does
not starve fifty small ones, and where there is room for all nobody notices a limit ("max-min fairness", Bertsekas and
Gallager, Data Networks, 6.5.2, in whole tasks). What is running is never taken away.

A project may also ask that those of a lower priority in its namespace start nothing until it is done.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple, TypeVar

from parallelproject.model.status import Reason

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be running at once; None: as much as there is."""

    total: int | None = None
    """Tasks of all projects together."""
    namespace: int | None = None
    """Tasks of each namespace that has no limit of its own."""
    namespaces: Mapping[str, int] = field(default_factory=dict)
    """Limits of single namespaces."""
    priorities: Mapping[str, int] = field(default_factory=dict)
    """By namespace, the highest priority that its projects may have, as its number: a higher one counts as this."""

    def of(self, namespace: str) -> int | None:
        """The limit of a namespace."""
        return self.namespaces.get(namespace, self.namespace)

    def priority(self, namespace: str, asked: int) -> int:
        """The priority that counts: 0 is the highest."""
        return max(asked, self.priorities.get(namespace, 0))


NO_LIMITS = Limits()


class Demand(NamedTuple):
    """What a project has, and what it could use."""

    namespace: str
    priority: int
    """0 is the highest."""
    since: str
    """When it was created, as text that sorts by time."""
    running: int
    """Running tasks."""
    wanted: int = 0
    """Further tasks that could start at once."""
    name: str = ""
    suspends_others: bool = False
    """Whether those of a lower priority in its namespace are to wait until it is done."""


class Share(NamedTuple):
    """What a project may start now."""

    room: int
    """So many tasks, beside running those."""
    reason: Reason = Reason.WAITING_FOR_CAPACITY
    """Why it is not more."""
    message: str = ""
    """The same, as a sentence."""


def shares(demands: Mapping[K, Demand], limits: Limits, gone: Mapping[str, int] | None = None) -> dict[K, Share]:
    """What each project may start now. All that starts by it together keeps every limit.

    Args:
        demands: Of every project.
        limits: The limits.
        gone: By namespace, running tasks of projects that are no more.
    """
    running = dict(gone or {})
    for demand in demands.values():
        running[demand.namespace] = running.get(demand.namespace, 0) + demand.running
    suspended = _suspended(demands, limits)
    room = dict.fromkeys(demands, 0)
    free = None if limits.total is None else limits.total - sum(running.values())
    queue = [
        (limits.priority(demand.namespace, demand.priority), demand.running, demand.since, i, key)
        for i, (key, demand) in enumerate(demands.items())
        if demand.wanted and key not in suspended
    ]
    heapify(queue)
    while queue and (free is None or free > 0):
        priority, has, since, i, key = queue[0]
        demand = demands[key]
        most = limits.of(demand.namespace)
        if room[key] == demand.wanted or (most is not None and running[demand.namespace] >= most):
            heappop(queue)
            continue
        room[key] += 1
        running[demand.namespace] += 1
        free = None if free is None else free - 1
        heapreplace(queue, (priority, has + 1, since, i, key))
    return {key: suspended.get(key) or _share(room[key], demand, limits, running) for key, demand in demands.items()}


def _suspended(demands: Mapping[K, Demand], limits: Limits) -> dict[K, Share]:
    """Those that must wait until another project is done."""
    first: dict[str, tuple[int, str, str]] = {}  # by namespace: priority, age and name
    for demand in demands.values():
        if demand.suspends_others:
            own = (limits.priority(demand.namespace, demand.priority), demand.since, demand.name)
            first[demand.namespace] = min(own, first.get(demand.namespace, own))
    return {
        key: Share(0, Reason.WAITING_FOR_PROJECT, f"project {first[demand.namespace][2]} goes first (suspendOthers)")
        for key, demand in demands.items()
        if demand.namespace in first and limits.priority(demand.namespace, demand.priority) > first[demand.namespace][0]
    }


def _share(room: int, demand: Demand, limits: Limits, running: Mapping[str, int]) -> Share:
    most = limits.of(demand.namespace)
    if most is not None and running[demand.namespace] >= most:
        message = f"in namespace {demand.namespace} {_tasks(most)} may be running at once"
    else:
        message = f"on this cluster {_tasks(limits.total or 0)} of all projects may be running at once"
    return Share(room, message=f"{message}, and so many are; the next free place goes by priority, then by share")


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number} tasks"
