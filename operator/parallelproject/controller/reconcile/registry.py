"""What is known of projects and of their attempts, and when each project is planned again."""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from typing import Any

from parallelproject.controller.actions.evidence import Evidence
from parallelproject.controller.projects.capacity import Capacity
from parallelproject.controller.projects.project import Project
from parallelproject.controller.projects.queue import Queue
from parallelproject.core.planner.constraints.shared_limits import Limits
from parallelproject.executors.base.executor import Executor
from parallelproject.executors.base.executors import Executors
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.model.work import WorkKey

log = logging.getLogger(__name__)

SOON_SECONDS = 0.1
"""Maximum time until a plan with starts. Most of them are in the plan that follows an end."""


class Registry:
    """Keeps the projects: a sink of the source of projects, and the ``Keeper`` for all code that acts for a project."""

    def __init__(self, executors: Executors, limits: Limits, evidence: Evidence) -> None:
        """Prepares it.

        Args:
            executors: Run the attempts.
            limits: Limits of running tasks, over all projects.
            evidence: Releases what is held for deleted projects.
        """
        self._executors = executors
        self._evidence = evidence
        self._projects: dict[tuple[str, str], Project] = {}  # by namespace and name
        self._observed: dict[tuple[str, str], ObservedAttempts] = {}  # by namespace and project uid
        # By project and not by name: a request for a deleted one may end when another one has its name.
        self._timers: dict[Project, asyncio.TimerHandle] = {}
        self._soon: dict[Project, asyncio.TimerHandle] = {}
        self._distributing: asyncio.Handle | None = None
        self.queue = Queue()
        """The projects that wait to be planned."""
        self.capacity = Capacity(limits, self, self.distribute_soon)
        """The limits that projects share."""

    @property
    def projects(self) -> Collection[Project]:
        """All that are known."""
        return self._projects.values()

    def get(self, namespace: str, name: str) -> Project | None:
        """The project with this name."""
        return self._projects.get((namespace, name))

    def find(self, namespace: str, name: str, uid: str) -> Project | None:
        """The project with this name and uid."""
        project = self._projects.get((namespace, name))
        return project if project is not None and project.owner.uid == uid else None

    def with_uid(self, namespace: str, uid: str) -> Project | None:
        """The project with this uid and any name. Searches all projects."""
        return next(
            (each for (at, _), each in self._projects.items() if at == namespace and each.owner.uid == uid), None
        )

    # Reports of the source of projects.

    def known(self, namespace: str, name: str) -> tuple[str, int] | None:
        """The uid and the resourceVersion of the project that has this name; None where none is known."""
        project = self._projects.get((namespace, name))
        return None if project is None else (project.owner.uid, int(project.resource_version))

    def take(self, body: Mapping[str, Any]) -> None:
        """A state of a known project, or a state that is known to be current."""
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        project = self._projects.get(key)
        if project is not None and project.owner.uid != metadata["uid"]:
            if int(metadata["resourceVersion"]) < int(project.resource_version):
                return
            self.drop(project)
            project = None
        if project is None:
            executor = self._executors.of(body.get("spec"))
            observed = self.observed(metadata["namespace"], metadata["uid"], executor)
            project = self._projects[key] = Project(body, observed, self._executors.problems)
            log.info("project found", extra=about(project))
            self.capacity.known(project)
            self.again(project)
        elif project.update(body):
            self.again(project)

    def read(self, body: Mapping[str, Any]) -> None:
        """The same, just read: the project may start attempts."""
        self.take(body)
        metadata = body["metadata"]
        project = self.find(metadata["namespace"], metadata["name"], metadata["uid"])
        if project is not None:
            project.confirmed = time.monotonic()
            self.again(project)

    def gone(self, namespace: str, name: str, uid: str) -> None:
        """A project was deleted."""
        project = self.find(namespace, name, uid)
        if project is not None:
            self.drop(project)

    # Observations of attempts.

    def observed(self, namespace: str, uid: str, executor: Executor[Any]) -> ObservedAttempts:
        """What is observed of a project's attempts, whether or not the project itself is known yet.

        Args:
            namespace: Where the project is.
            uid: Its uid.
            executor: What runs its attempts. Of another one's objects, none are the project's.
        """
        found = self._observed.get((namespace, uid))
        if found is None or found.executor is not executor:
            found = self._observed[namespace, uid] = ObservedAttempts(executor)
        return found

    def known_observed(self, namespace: str, uid: str, executor: Executor[Any]) -> ObservedAttempts | None:
        """The same; None if nothing was observed, or another executor runs them."""
        found = self._observed.get((namespace, uid))
        return found if found is not None and found.executor is executor else None

    def touch(self, namespace: str, name: str, uid: str) -> bool:
        """An attempt of a project was observed; returns whether the project is known."""
        project = self.find(namespace, name, uid)
        if project is None:
            self.capacity.remains(namespace, uid, self._observed.get((namespace, uid)))
            return False
        if project.observed.changed:
            self.again(project)
        elif project.observed.has_start:
            self.again_soon(project)
        return True

    def forget(self, namespace: str, uid: str, key: WorkKey) -> None:
        """Drops the observations of an attempt whose project was also deleted."""
        observed = self._observed.get((namespace, uid))
        if observed is None:
            return
        observed.forget(key)
        self.capacity.remains(namespace, uid, observed)
        if observed.is_empty:
            del self._observed[namespace, uid]

    # Calls of code that acts for a project.

    def again(self, project: Project, seconds: float = 0.0) -> None:
        """Schedules a plan of a project, now or after a number of seconds."""
        if not self.is_current(project):
            self.capacity.remains(project.owner.namespace, project.owner.uid, project.observed)
            return
        if seconds <= 0:
            self.queue.put((project.owner.namespace, project.owner.name))
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds + 0.001  # the clocks differ slightly; an extra plan does no harm
        timer = self._timers.get(project)
        if timer is not None:
            if loop.time() < timer.when() <= when and not timer.cancelled():
                return  # sooner: that plan will schedule the next one
            timer.cancel()
        self._timers[project] = loop.call_at(when, self.again, project)

    def again_soon(self, project: Project) -> None:
        """Schedules a plan of a project that has nothing urgent, unless another plan comes first."""
        if not self.is_current(project):
            self.again(project)
        elif project not in self._soon:
            loop = asyncio.get_running_loop()
            self._soon[project] = loop.call_later(SOON_SECONDS, self._unless_planned, project)

    def _unless_planned(self, project: Project) -> None:
        del self._soon[project]
        if project.observed.has_start:
            self.again(project)

    def is_current(self, project: Project) -> bool:
        """Whether a project is still the known one of its name."""
        return self._projects.get((project.owner.namespace, project.owner.name)) is project

    def drop(self, project: Project) -> None:
        """Forgets a deleted project."""
        if not self.is_current(project):
            return
        del self._projects[project.owner.namespace, project.owner.name]
        self._evidence.release_all(project)
        if not self.capacity.dropped(project):
            self._observed.pop((project.owner.namespace, project.owner.uid), None)
        for timers in (self._timers, self._soon):
            timer = timers.pop(project, None)
            if timer is not None:
                timer.cancel()
        log.info("project deleted", extra=about(project))

    # What projects share.

    def distribute_soon(self) -> None:
        """Computes the shares again when the queue is empty: then every demand is known."""
        if self._distributing is None:
            self._distributing = asyncio.get_running_loop().call_soon(self._distribute)

    def _distribute(self) -> None:
        self._distributing = None
        if not self.queue:
            self.capacity.distribute()


def about(project: Project) -> dict[str, Any]:
    """Fields of a structured log line."""
    return {"namespace": project.owner.namespace, "project": project.owner.name, "uid": project.owner.uid}
