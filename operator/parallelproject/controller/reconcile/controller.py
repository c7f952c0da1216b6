"""The controller: its parts, and the loop that plans one project after the other.

One queue holds each project at most once.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from parallelproject.controller.actions.actions import Actions
from parallelproject.controller.actions.evidence import Evidence
from parallelproject.controller.actions.removal import Removal
from parallelproject.controller.actions.strays import Strays
from parallelproject.controller.projects.feed import Feed
from parallelproject.controller.projects.meter import Meter, Unmeasured
from parallelproject.controller.projects.project import Project
from parallelproject.controller.projects.project_source import ProjectSource
from parallelproject.controller.projects.queue import Queue
from parallelproject.controller.projects.status_writer import Writer
from parallelproject.controller.reconcile.attempt_watch import SELECTOR, ObjectSink, PartSink
from parallelproject.controller.reconcile.readiness import Readiness
from parallelproject.controller.reconcile.reconcile import Reconciler
from parallelproject.controller.reconcile.registry import Registry
from parallelproject.core.planner.constraints.shared_limits import NO_LIMITS, Limits
from parallelproject.executors.base.executor import Executor, Resource
from parallelproject.executors.base.executors import Executors
from parallelproject.executors.base.optional import HasParts, WatchesMetadata
from parallelproject.kube.client import JSON, METADATA, Api, Media
from parallelproject.kube.lease import Leader
from parallelproject.kube.reflector import Reflector, WatchSink
from parallelproject.model.spec import ExecutorKind

log = logging.getLogger(__name__)

_REFUSED_POLL_SECONDS = 1.0


class Controller:
    """Runs every observed project."""

    def __init__(
        self,
        api: Api,
        leader: Leader,
        executor: Executor[Any],
        namespaces: tuple[str, ...] = (),
        limits: Limits = NO_LIMITS,
        meter: Meter | None = None,
        feed: Feed | None = None,
        others: Mapping[ExecutorKind, Executor[Any]] = MappingProxyType({}),
    ) -> None:
        """Prepares it; ``run`` starts it.

        Args:
            api: An open connection.
            leader: This operator's part in the election; it does nothing before it is elected.
            executor: Runs the attempts of projects that name no other one.
            namespaces: The namespaces with projects and attempts; empty: all.
            limits: Limits of running tasks, over all projects.
            meter: Measures how long its parts take; by default nothing does.
            feed: Gives events to their consumers; by default there are no consumers.
            others: Other executors, by their name in specs. Their resources need not be served.
        """
        self.clock = api.clock
        self.left_nothing = False
        """Whether no write was in progress at its end."""
        self._meter = meter or Unmeasured()
        feed = feed or Feed()
        self._leader = leader
        self.executors = Executors(executor, others)
        """What runs attempts."""
        self._evidence = Evidence(api)
        self.registry = Registry(self.executors, limits, self._evidence)
        self._writer = Writer(api, self.registry, self._meter, feed)
        self._removal = Removal(api, self.registry, feed)
        self._actions = Actions(api, self.registry, feed, self._removal, self._meter)
        self.source = ProjectSource(
            api, leader, namespaces, self.registry, self._meter.kopf_ended, self._meter.project_missed
        )
        self._namespaces = namespaces or ("",)
        self._strays: list[Strays] = []
        self._reflectors: list[Reflector] = []
        self._watches = {made: self._watch(api, made) for made in self.executors}
        if not namespaces:  # else the right to list them may be missing: they are cluster-scoped
            self._reflectors.append(Reflector(api, "/api/v1/namespaces", "", self.registry.capacity, leader))
        more = {made: found for made, found in self._watches.items() if made is not executor}
        self._reconciler = Reconciler(
            api.clock, self.registry, self.source, self._actions, self._evidence, self._removal, self._writer,
            feed, self._meter, Readiness(self.registry, self._actions.templates, more),
        )  # fmt: skip

    def _watch(self, api: Api, executor: Executor[Any]) -> list[Reflector]:
        """The watches of an executor's objects and of their parts."""
        objects = ObjectSink(executor, self.registry, self._actions.lookup, self._evidence)
        self._strays.append(Strays(api, executor, self._evidence, objects.is_watched, self.registry.with_uid))
        media = METADATA if isinstance(executor, WatchesMetadata) else JSON
        watched: list[tuple[Resource, WatchSink, Media]] = [(executor.resource, objects, media)]
        if isinstance(executor, HasParts):
            parts = PartSink(executor, executor, self.registry)
            watched += [(resource, parts, JSON) for resource in executor.parts]
        made = [
            Reflector(
                api, resource.path(namespace), SELECTOR, sink, self._leader, form, is_custom=resource.is_custom
            )
            for namespace in self._namespaces
            for resource, sink, form in watched
        ]  # fmt: skip
        self._reflectors += made
        return made

    @property
    def reflectors(self) -> list[Reflector]:
        """The watches of projects, attempts and namespaces."""
        return [*self.source.reflectors, *self._reflectors]

    @property
    def needed_reflectors(self) -> list[Reflector]:
        """Those without which nothing can be done: all but the watches of resources that need not be served."""
        found = [each for made in self._watches if made is not self.executors.usual for each in self._watches[made]]
        return [each for each in self.reflectors if each not in found]

    @property
    def projects(self) -> Collection[Project]:
        """All that are known."""
        return self.registry.projects

    @property
    def queue(self) -> Queue:
        """Those that wait to be planned."""
        return self.registry.queue

    def is_failing(self, project: Project) -> bool:
        """Whether the last round of a project failed."""
        return self._reconciler.is_failing(project)

    def status_behind_since(self, project: Project) -> float | None:
        """Monotonic time of the first plan that a status does not have; None if it has all."""
        return self._writer.behind_since(project)

    async def run(self) -> None:
        """Works until cancelled, once this operator leads."""
        await self._leader.elected.wait()
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())
            group.create_task(self.source.run())
            try:
                for reflector in self.needed_reflectors[len(self.source.reflectors) :]:
                    await reflector.synced.wait()
                await self._wait_for_projects()
                log.info("all projects and attempts are known; planning starts")
                self._evidence.projects_are_known(self._is_known)
                for strays in self._strays:
                    for namespace in self._namespaces:
                        group.create_task(strays.release(namespace))
                await self._plan_for_ever()
            finally:
                self.left_nothing = await self._actions.close()
                await self._evidence.close()
                await self._removal.close()
                await self._writer.close()

    async def _plan_for_ever(self) -> None:
        while True:
            name, since = await self.queue.take()
            with self._meter.reconciling(since):
                project = self.registry.get(*name)
                if project is not None:
                    self._reconciler.reconcile(project)
            self.registry.distribute_soon()
            await asyncio.sleep(0)  # other tasks may run between two projects

    async def _wait_for_projects(self) -> None:
        """Waits until all projects are known. If the server does not serve them, their held objects are released before
        that."""
        known = asyncio.create_task(self.source.known())
        try:
            while not known.done():
                await asyncio.wait({known}, timeout=_REFUSED_POLL_SECONDS)
                if any(reflector.is_refused for reflector in self.source.reflectors):
                    self._evidence.projects_are_known(self._is_known)
            await known
        finally:
            known.cancel()

    def _is_known(self, namespace: str, name: str, uid: str) -> bool:
        return self.registry.find(namespace, name, uid) is not None
