"""The limits that projects share: the number of running tasks, in a namespace and in all.

The rule is ``core.sharing``. This file keeps what the rule needs of every project, as of its last plan. Shares are
computed again after a change, and projects that may start more than before are planned again. Without a limit and
without ``suspendOthers`` nothing of this happens.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.project import Project
from parallelproject.core.planner.attempt import Phase
from parallelproject.core.planner.constraints.shared_limits import Demand, Limits, Share, shares
from parallelproject.core.planner.plan import Plan
from parallelproject.core.report.status import condition
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.model import names
from parallelproject.model.spec import ProjectPriority, Spec
from parallelproject.model.status import ConditionType, Reason
from parallelproject.model.work import WorkKind

log = logging.getLogger(__name__)

NOTHING_YET = Share(0, Reason.STARTING)
"""For a project whose share is computed next, when the demand of the others is known; or that is being read."""


class Capacity:
    """The number of tasks that each project may start."""

    def __init__(self, limits: Limits, keeper: Keeper, changed: Callable[[], None]) -> None:
        """Prepares it.

        Args:
            limits: Of all projects, and of namespaces without annotations.
            keeper: Has projects planned again.
            changed: Called when ``distribute`` has work and the queue is empty.
        """
        self._limits = limits
        self._keeper = keeper
        self._changed = changed
        self._demands: dict[Project, Demand] = {}  # of projects that run or want anything
        self._suspending: set[Project] = set()
        self._shares: dict[Project, Share] = {}
        self._gone: dict[tuple[str, str], int] = {}  # by namespace and uid: tasks and checks that still run
        self._is_stale = False
        self._planned: WeakKeyDictionary[Project, tuple[int, int, int, bool]] = WeakKeyDictionary()
        """Of the last plan of each project: its priority, running tasks, demand, and whether it suspends others."""
        self._checks: WeakKeyDictionary[Project, tuple[int, int]] = WeakKeyDictionary()
        """Running and wanted checks of what has landed: they count like tasks."""

    @property
    def is_limited(self) -> bool:
        """Whether any limit applies, or a project suspends others."""
        limits = self._limits
        is_by_namespace = limits.namespace is not None or bool(limits.namespaces)
        return limits.total is not None or is_by_namespace or bool(self._suspending)

    def share(self, project: Project) -> Share | None:
        """What a project may start now; None: everything."""
        return self._shares.get(project, NOTHING_YET) if self.is_limited else None

    def known(self, project: Project) -> None:
        """A new project, not planned yet: if it has suspendOthers, no other starts anything until it is planned."""
        spec = project.spec
        has_ended = condition(project.status, ConditionType.COMPLETED).get("status") == "True"
        if spec is not None and spec.suspend_others and not (spec.suspend or has_ended or project.deleting):
            self._suspending.add(project)

    def planned(self, project: Project, spec: Spec, plan: Plan) -> None:
        """A project was planned: its running tasks and its demand."""
        suspends = spec.suspend_others and not spec.suspend and not plan.completed
        if plan.launches and (share := self._shares.get(project)):
            self._shares[project] = share._replace(room=share.room - len(plan.launches))
        wanted = plan.wanted
        # Failing retries must not hold capacity that others could use.
        if any(key.is_task for key in project.observed.refusals):
            wanted = 0 if plan.launches else min(wanted, 1)
        self._planned[project] = (spec.priority.number, plan.running, wanted, suspends)
        self._note_planned(project)

    def checks(self, project: Project, running: int, wanted: int) -> None:
        """How many checks of a project run, and how many more it would start without shared limits."""
        before = self._checks.get(project, (0, 0))
        if before == (running, wanted):
            return
        self._checks[project] = (running, wanted)
        if (share := self._shares.get(project)) and running > before[0]:
            self._shares[project] = share._replace(room=share.room - (running - before[0]))
        self._note_planned(project)

    def _note_planned(self, project: Project) -> None:
        priority, running, wanted, suspends = self._planned[project]
        more, wants = self._checks.get(project, (0, 0))
        self._note(project, priority, running + more, wanted + wants, suspends=suspends)

    def is_awaited(self, project: Project) -> bool:
        """Whether a project will be planned again with its share."""
        demand = self._demands.get(project)
        return demand is not None and demand.wanted > 0

    def not_planned(self, project: Project) -> None:
        """A project is being deleted, or its spec was not accepted: only its running tasks and checks count."""
        self._note(project, ProjectPriority.P4.number, _running(project.observed), 0, suspends=False)

    def dropped(self, project: Project) -> bool:
        """A project was deleted; returns whether attempts of it still count."""
        self._suspending.discard(project)
        self._shares.pop(project, None)
        if self._demands.pop(project, None) is None:
            return False
        self._stale()
        own = (project.owner.namespace, project.owner.uid)
        self._gone[own] = 0
        self.remains(*own, project.observed)
        return own in self._gone

    def remains(self, namespace: str, uid: str, observed: ObservedAttempts | None) -> None:
        """The running tasks and checks of a deleted project. A project that never existed does not count, whatever a
        label says."""
        if (namespace, uid) in self._gone:
            self._stale()
            self._gone[namespace, uid] = _running(observed, but=Phase.LAUNCHING)  # the effect is observed later
            if not self._gone[namespace, uid]:
                del self._gone[namespace, uid]

    def _note(self, project: Project, priority: int, running: int, wanted: int, suspends: bool) -> None:
        own = project.owner
        if self._gone.pop((own.namespace, own.uid), None) is not None:
            self._stale()  # it counted as deleted, but exists: the API server did not serve it for some time
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
        """Computes the shares again, if anything has changed."""
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

    # Limits of single namespaces, by their annotations.

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


def _running(observed: ObservedAttempts | None, but: Phase | None = None) -> int:
    """How many tasks and checks run. One that waits in a queue does not."""
    if observed is None:
        return 0
    checks = (attempts for work, attempts in observed.others.items() if work.kind is WorkKind.VERIFY)
    return sum(
        attempt.running and attempt.phase is not but and not attempt.waits_for_quota
        for attempts in (*observed.attempts.values(), *checks)
        for attempt in attempts
    )


def _with(known: Mapping[str, int], key: str, value: int | None) -> dict[str, int]:
    rest = {name: kept for name, kept in known.items() if name != key}
    return rest if value is None else {**rest, key: value}


def _number(namespace: str, text: str | None) -> int | None:
    if text is None:
        return None
    if text.isdecimal() and len(text) < 10:
        return int(text)
    log.warning(
        "namespace %s: annotation %s is %r, which is not a number; nothing starts there until it is fixed or removed",
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
