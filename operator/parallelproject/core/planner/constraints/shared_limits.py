"""How many tasks each project may start, if projects share a limit.

A limit applies to one namespace, or to all together. Free slots are assigned one by one: to the project of the highest
priority, then to the one with the fewest running tasks, then to the oldest. So a project of 500 tasks does not starve
fifty small ones, and if all fit, no project waits ("max-min fairness", Bertsekas and Gallager, Data Networks, 6.5.2,
in whole tasks). Running tasks are never stopped for it.

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
    """Maximum number of running tasks; None: no limit."""

    total: int | None = None
    """Of all projects together."""
    namespace: int | None = None
    """Of each namespace without its own limit."""
    namespaces: Mapping[str, int] = field(default_factory=dict)
    """Limits of single namespaces."""
    priorities: Mapping[str, int] = field(default_factory=dict)
    """By namespace, the highest priority of its projects, as its number: a higher one counts as this."""

    def of(self, namespace: str) -> int | None:
        """The limit of a namespace."""
        return self.namespaces.get(namespace, self.namespace)

    def priority(self, namespace: str, asked: int) -> int:
        """The priority that counts: 0 is the highest."""
        return max(asked, self.priorities.get(namespace, 0))


NO_LIMITS = Limits()


class Demand(NamedTuple):
    """What a project uses, and what it could use."""

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
    """Whether projects of a lower priority in its namespace wait until it is done."""


class Share(NamedTuple):
    """What a project may start now."""

    room: int
    """Number of tasks, in addition to the running ones."""
    reason: Reason = Reason.WAITING_FOR_CAPACITY
    """Why it is not more."""
    message: str = ""
    """The same, as a sentence."""


def shares(demands: Mapping[K, Demand], limits: Limits, gone: Mapping[str, int] | None = None) -> dict[K, Share]:
    """What each project may start now. All of it together stays within every limit.

    Args:
        demands: Of every project.
        limits: The limits.
        gone: By namespace, running tasks of deleted projects.
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
    """The projects that must wait until another one is done."""
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
        message = f"namespace {demand.namespace} has a limit of {_running(most)}"
    else:
        message = f"this cluster has a limit of {_running(limits.total or 0)} of all projects"
    return Share(room, message=f"{message}, and it is reached; the next slot goes by priority, then by share")


def _running(number: int) -> str:
    return "1 running task" if number == 1 else f"{number} running tasks"
