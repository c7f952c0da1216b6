"""Objects of attempts are held by a finalizer until their result is recorded, and released here.

A deletion (by a TTL, a person, a clean-up) would also delete the result. So an object is released only when its result
is in the status of its project, or when it is not needed: it is deleted before its end, or its project was deleted.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple

from parallelproject.controller.projects.project import Project
from parallelproject.executors.base.executor import Executor, ObjectView
from parallelproject.executors.base.optional import HoldsEvidence
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.names import API_VERSION, PLURAL

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Maximum number of its requests under way: only a deletion waits for them."""
_BACKOFF_MAX = 30.0


class HeldJob(NamedTuple):
    """An object that our finalizer holds."""

    namespace: str
    name: str
    uid: str


class Evidence:
    """Releases objects, each by one request."""

    def __init__(self, api: Api, executor: Executor[Any]) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            executor: Defines the objects, and how they are held.
        """
        self._api = api
        self._resource = executor.resource
        self._holds = executor if isinstance(executor, HoldsEvidence) else None
        self._unowned: dict[HeldJob, tuple[str, str]] | None = {}
        """HeldJob objects of unknown projects, with their name and uid. None once all projects are known."""
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[HeldJob] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def release_recorded(self, project: Project) -> None:
        """Releases the objects whose result is recorded; all of them if the project is being deleted."""
        observed = project.observed
        if project.deleting:
            self.release_all(project)
        else:
            self._release_each(project.owner.namespace, map(observed.view, observed.releasable(project.is_recorded)))

    def release_all(self, project: Project) -> None:
        """Releases all held objects of a project that was or is being deleted."""
        self._release_each(project.owner.namespace, project.observed.held())

    def release_stray(self, held: HeldJob) -> None:
        """Releases an object that is not an attempt of an existing project."""
        self._spawn(held, self._release(held))

    def unowned(self, namespace: str, view: ObjectView, project: str, project_uid: str) -> None:
        """Handles a held object of an unknown project: it is released if the project does not exist."""
        if self._holds is None or not self._holds.is_held(view):
            return
        held = HeldJob(namespace, view.name, view.uid)
        if self._unowned is not None:
            self._unowned[held] = (project, project_uid)
        else:
            self._spawn(held, self._release_if_unowned(held, project, project_uid))

    def projects_are_known(self, is_known: Callable[[str, str, str], bool]) -> None:
        """From now on an unknown project does not exist; ``is_known`` takes its namespace, name and uid."""
        waiting, self._unowned = self._unowned or {}, None
        for held, (name, uid) in waiting.items():
            if not is_known(held.namespace, name, uid):
                self._spawn(held, self._release_if_unowned(held, name, uid))

    def _release_each(self, namespace: str, found: Iterable[ObjectView | None]) -> None:
        for view in found:
            if view is not None:
                held = HeldJob(namespace, view.name, view.uid)
                if held not in self._under_way:
                    self._spawn(held, self._release(held))

    async def close(self) -> None:
        """Stops; the next operator finds what is still held. A request that arrives later does no harm."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, held: HeldJob, work: Coroutine[None, None, None]) -> None:
        if held in self._under_way:
            work.close()
            return
        self._under_way.add(held)
        task = asyncio.create_task(self._run(held, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, held: HeldJob, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("releasing %s %s/%s failed", self._resource.kind, held.namespace, held.name)
            await asyncio.sleep(1)
        finally:
            self._under_way.discard(held)

    async def _release(self, held: HeldJob) -> None:
        if self._holds is None:
            return
        path, change, failures = self._resource.path(held.namespace, held.name), self._holds.release(held.uid), 0
        while True:
            try:
                async with self._limit:
                    await self._api.request(change.method, path, change.body, content_type=change.content_type)
            except ApiError as error:
                if error.status == 404 or (error.status == 409 and not await self._is_there(path, held)):
                    return
                failures += 1
                if failures in (1, 10):
                    log.warning("releasing %s: %s", path, error)
                await _pause(failures, error)
                continue
            return

    async def _is_there(self, path: str, held: HeldJob) -> bool:
        """Whether the same object still exists, and not another one of its name: both cause a conflict."""
        try:
            found = await self._api.request("GET", path)
        except ApiError as error:
            return error.status != 404
        return bool(found["metadata"]["uid"] == held.uid)

    async def _release_if_unowned(self, held: HeldJob, project: str, project_uid: str) -> None:
        path = f"/apis/{API_VERSION}/namespaces/{held.namespace}/{PLURAL}/{project}"
        failures = 0
        while True:
            try:
                async with self._limit:
                    found = await self._api.request("GET", path)
                if found["metadata"]["uid"] == project_uid and "deletionTimestamp" not in found["metadata"]:
                    return  # the watch reports it soon
                break
            except ApiError as error:
                if error.status == 404:
                    break
                failures += 1
                await _pause(failures, error)
        await self._release(held)


async def _pause(failures: int, error: ApiError) -> None:
    backoff = min(_BACKOFF_MAX, 0.1 * 2 ** min(failures, 16)) * random.uniform(0.5, 1)
    await asyncio.sleep(max(error.retry_after, backoff))
