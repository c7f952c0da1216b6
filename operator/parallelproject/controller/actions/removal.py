"""Removes finished objects: those over ``spec.jobHistoryLimit``, and one for each new one that a quota refuses.

An object is removed only when the status on the server has its result. ``core.followups.job_history`` decides which.
"""

import asyncio
import logging
from weakref import WeakKeyDictionary

from parallelproject.controller.projects.feed import Feed
from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.project import Project
from parallelproject.core.followups.job_history import (
    FinishedAttempt,
    beyond_limit,
    in_order,
    midway_tasks,
    rerun_tasks,
)
from parallelproject.core.planner.plan import Plan
from parallelproject.executors.base.optional import Refused, RemovesFinished
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.work import WorkKey

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Maximum number of deletions under way."""
_AGAIN_SECONDS = 30.0


class Removal:
    """Deletes finished objects."""

    def __init__(self, api: Api, keeper: Keeper, feed: Feed) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            keeper: Keeps the projects.
            feed: Reports what was removed.
        """
        self._api = api
        self._keeper = keeper
        self._feed = feed
        self._removed: WeakKeyDictionary[Project, set[WorkKey]] = WeakKeyDictionary()
        """Attempts whose object is being or was removed."""
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def enforce(self, project: Project, decided: Plan) -> None:
        """Removes the finished objects of a project over its limit."""
        spec = project.spec
        project.observed.counts_finished = spec is not None and spec.job_history_limit is not None
        if spec is None or spec.job_history_limit is None:
            return
        for ended in beyond_limit(
            self._finished(project), spec.job_history_limit, rerun_tasks(decided), midway_tasks(decided)
        ):
            self._removed_of(project).add(ended.key)
            task = asyncio.create_task(self._enforce(project, ended))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _enforce(self, project: Project, ended: FinishedAttempt) -> None:
        if not await self._delete(project, ended):
            # It may have ended, and then nothing else causes a plan that finds it again.
            self._keeper.again(project, _AGAIN_SECONDS)

    def remove(self, project: Project, key: WorkKey) -> None:
        """Removes the finished object of an attempt that no limit counts, such as a run of a check."""
        if key in self._removed_of(project):
            return
        self._removed_of(project).add(key)
        task = asyncio.create_task(self._enforce(project, FinishedAttempt(key, True, 0.0)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def make_room(self, project: Project, refused: Refused) -> bool:
        """Removes one finished object of the namespace if a quota refuses another one; returns whether it did.

        One of the same project, else of another one: the quota counts all of them.
        """
        executor, namespace = project.executor, project.owner.namespace
        if not isinstance(executor, RemovesFinished) or not executor.is_full(refused):
            return False
        kind = executor.resource.kind
        others = [
            p
            for p in self._keeper.projects
            if p is not project and p.owner.namespace == namespace and p.executor is executor
        ]
        for owner in (project, *sorted(others, key=lambda p: (not p.is_completed, p.created))):
            needed = rerun_tasks(owner.decided) if owner.decided is not None else set()
            midway = midway_tasks(owner.decided) if owner.decided is not None else set()
            for ended in in_order(self._finished(owner), needed, midway):
                self._removed_of(owner).add(ended.key)
                view = owner.observed.view(ended.key)
                if await self._delete(owner, ended):
                    of = "" if owner is project else f" for project {project.owner.name}"
                    what = f"finished {kind} {view.name if view else ''}"
                    message = f"{ended.key.work}: {what} was removed{of}: {refused.message}"
                    self._feed.say(owner, f"{kind}Removed", message)
                    return True
        return False

    async def close(self) -> None:
        """Stops; the next operator decides again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _delete(self, project: Project, finished: FinishedAttempt) -> bool:
        """Deletes an object; returns whether it is deleted or being deleted."""
        view = project.observed.view(finished.key)
        if view is None:
            return False
        path = project.executor.resource.path(project.owner.namespace, view.name)
        body = {"propagationPolicy": "Background", "preconditions": {"uid": view.uid}}
        try:
            async with self._limit:
                await self._api.request("DELETE", path, body)
        except ApiError as error:
            if error.status == 404:
                return True
            log.warning("removing %s: %s", path, error)
            self._removed_of(project).discard(finished.key)
            return False
        return True

    def _finished(self, project: Project) -> list[FinishedAttempt]:
        """The ended attempts of a project whose object is not being removed yet."""
        removed = self._removed_of(project)
        return [ended for ended in project.observed.finished(project.is_recorded) if ended.key not in removed]

    def _removed_of(self, project: Project) -> set[WorkKey]:
        return self._removed.setdefault(project, set())
