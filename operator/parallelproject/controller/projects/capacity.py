"""What projects share: how many tasks may be running at once, in a namespace and in all.

The rule is ``core.sharing``. Here is kept what it needs to know of every project, as of its last plan; what a project
may start is worked out anew when that has changed, and those that may start more than before are planned again. Where
there is no limit, and nobody asks to go first, none of this takes place.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.project import Project
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.constraints.shared_limits import Demand, Limits, Share, shares
from parallelproject.core.planner.plan import Plan
from parallelproject.core.report.status import condition
from parallelproject.model import names
from parallelproject.model.spec import ProjectPriority, Spec
from parallelproject.model.status import ConditionType, Reason

log = logging.getLogger(__name__)

NOTHING_YET = Share(0, Reason.STARTING)
"""Of a project whose share is worked out next, when it is known what the others want; or that is being read."""


class Capacity:
    """Who may start how many tasks."""

    def __init__(self, limits: Limits, keeper: Keeper, changed: Callable[[], None]) -> None:
        """Prepares it.

        Args:
            limits: Of all, and of namespaces that say nothing themselves.
            keeper: Has projects planned again.
            changed: Called when ``distribute`` has something to do, once nothing else has.
        """
        self._limits = limits
        self._keeper = keeper
        self._changed = changed
        self._demands: dict[Project, Demand] = {}  # of those that have or want anything
        self._suspending: set[Project] = set()
        self._shares: dict[Project, Share] = {}
        self._gone: dict[tuple[str, str], int] = {}  # by namespace and uid of projects: tasks that are still running
        self._is_stale = False

    @property
    def is_limited(self) -> bool:
        """Whether any limit is in force, or a project goes first."""
        limits = self._limits
        is_by_namespace = limits.namespace is not None or bool(limits.namespaces)
        return limits.total is not None or is_by_namespace or bool(self._suspending)

    def share(self, project: Project) -> Share | None:
        """What a project may start now; None: all that it can."""
        return self._shares.get(project, NOTHING_YET) if self.is_limited else None

    def known(self, project: Project) -> None:
        """A project is there that is not planned yet: where it goes first, nobody passes it until it is."""
        spec = project.spec
        has_ended = condition(project.status, ConditionType.COMPLETED).get("status") == "True"
        if spec is not None and spec.suspend_others and not (spec.suspend or has_ended or project.deleting):
            self._suspending.add(project)

    def planned(self, project: Project, spec: Spec, plan: Plan) -> None:
        """A project was planned: what it has and what it could use."""
        suspends = spec.suspend_others and not spec.suspend and not plan.completed
        if plan.launches and (share := self._shares.get(project)):
            self._shares[project] = share._replace(room=share.room - len(plan.launches))
        wanted = plan.wanted
        # What others could use must not be held by tries that come to nothing.
        if any(key.is_task for key in project.observed.refusals):
            wanted = 0 if plan.launches else min(wanted, 1)
        self._note(project, spec.priority.number, plan.running, wanted, suspends)

    def is_awaited(self, project: Project) -> bool:
        """Whether a project is planned again by itself, with what it gets."""
        demand = self._demands.get(project)
        return demand is not None and demand.wanted > 0

    def not_planned(self, project: Project) -> None:
        """A project is going, or its spec was not accepted: it has what is still running."""
        self._note(project, ProjectPriority.P4.number, _running(project.observed.attempts), 0, suspends=False)

    def dropped(self, project: Project) -> bool:
        """A project is no more; says whether attempts of it still count."""
        self._suspending.discard(project)
        self._shares.pop(project, None)
        if self._demands.pop(project, None) is None:
            return False
        self._stale()
        own = (project.owner.namespace, project.owner.uid)
        self._gone[own] = 0
        self.remains(*own, project.observed.attempts)
        return own in self._gone

    def remains(self, namespace: str, uid: str, attempts: Mapping[str, Iterable[Attempt]]) -> None:
        """What is running of a project that is no more. One that never was is none of ours, whatever a label says."""
        if (namespace, uid) in self._gone:
            self._stale()
            self._gone[namespace, uid] = _running(attempts, but=Phase.LAUNCHING)  # what comes of that is seen later
            if not self._gone[namespace, uid]:
                del self._gone[namespace, uid]

    def _note(self, project: Project, priority: int, running: int, wanted: int, suspends: bool) -> None:
        own = project.owner
        if self._gone.pop((own.namespace, own.uid), None) is not None:
            self._stale()  # it was taken for gone, and is not: the API server did not serve it for a while
        demand = Demand(own.namespace, priority, project.created, running, wanted, own.name, suspends)
        if self._demands.get(project) == demand:
            return
        (self._suspending.add if suspends else self._suspending.discard)(project)
        if running or wanted or suspends:
            self._demands[project] = demand
            self._stale()
        elif self._demands.pop(project, None) is not None:
            self._stale()

    def _stale(self) -> None:
        self._is_stale = True
        self._changed()

    def distribute(self) -> None:
        """Works out anew what each may start, if anything has changed."""
        if not self._is_stale:
            return
        self._is_stale = False
        before, self._shares = self._shares, {}
        if self.is_limited:
            gone: dict[str, int] = {}
            for (namespace, _), running in self._gone.items():
                gone[namespace] = gone.get(namespace, 0) + running
            self._shares = shares(self._demands, self._limits, gone)
        for project, demand in self._demands.items():
            share = self._shares.get(project)
            if demand.wanted and (share is None or share.room > 0 or share != before.get(project)):
                self._keeper.again(project)

    # Limits of single namespaces, as their annotations say.

    def seen(self, namespace: Mapping[str, Any]) -> None:
        """A namespace."""
        metadata = namespace["metadata"]
        annotations = metadata.get("annotations") or {}
        self._set(
            metadata["name"],
            _number(metadata["name"], annotations.get(names.ANNOTATION_MAX_CONCURRENT_TASKS)),
            _priority(metadata["name"], annotations.get(names.ANNOTATION_HIGHEST_PRIORITY)),
        )

    def gone(self, namespace: Mapping[str, Any]) -> None:
        """A namespace was deleted."""
        self._set(namespace["metadata"]["name"], None, None)

    def _set(self, namespace: str, most: int | None, priority: int | None) -> None:
        limits = self._limits
        new = replace(
            limits,
            namespaces=_with(limits.namespaces, namespace, most),
            priorities=_with(limits.priorities, namespace, priority),
        )
        if new != limits:
            self._limits = new
            self._stale()


def _running(attempts: Mapping[str, Iterable[Attempt]], but: Phase | None = None) -> int:
    return sum(attempt.running and attempt.phase is not but for of_task in attempts.values() for attempt in of_task)


def _with(known: Mapping[str, int], key: str, value: int | None) -> dict[str, int]:
    rest = {name: kept for name, kept in known.items() if name != key}
    return rest if value is None else {**rest, key: value}


def _number(namespace: str, text: str | None) -> int | None:
    if text is None:
        return None
    if text.isdecimal() and len(text) < 10:
        return int(text)
    log.warning(
        "namespace %s: annotation %s is %r, which is no number; nothing starts there until it is one, or removed",
        namespace, names.ANNOTATION_MAX_CONCURRENT_TASKS, text,
    )  # fmt: skip
    return 0


def _priority(namespace: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return ProjectPriority(text).number
    except ValueError:
        log.warning(
            "namespace %s: annotation %s is %r, and not one of P0 to P4; its projects count as P4",
            namespace, names.ANNOTATION_HIGHEST_PRIORITY, text,
        )  # fmt: skip
        return ProjectPriority.P4.number
