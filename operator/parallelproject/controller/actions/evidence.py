"""Objects of attempts are held by a finalizer until their result is recorded, and released here.

A deletion (by a TTL, a person, a clean-up) would also delete the result. So an object is released only when its result
is in the status of its project, or when it is not needed: it is deleted before its end, or its project was deleted.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

from parallelproject.controller.projects.project import Project
from parallelproject.executors.base.executor import Executor, ObjectView
from parallelproject.executors.base.optional import Hold, HoldsEvidence
from parallelproject.kube.client import METADATA, Api, ApiError
from parallelproject.model.names import API_VERSION, FINALIZER_RECORDED, PLURAL

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Maximum number of its requests under way: only a deletion waits for them."""
_BACKOFF_MAX = 30.0


class HeldJob(NamedTuple):
    """An object that our finalizer holds."""

    executor: Executor[Any]
    """Says what it is."""
    namespace: str
    name: str
    uid: str


class _Unowned(NamedTuple):
    """What is known of an object that we hold and whose project is not known."""

    project: str
    """The project's name."""
    project_uid: str
    hold: Hold


class Evidence:
    """Releases objects, each by one request."""

    def __init__(self, api: Api) -> None:
        """Prepares it, with an open connection."""
        self._api = api
        self._unowned: dict[HeldJob, _Unowned] | None = {}
        """Held objects of unknown projects. None once all projects are known."""
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[HeldJob] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def release_recorded(self, project: Project) -> None:
        """Releases the objects whose result is recorded; all of them if the project is being deleted."""
        observed = project.observed
        if project.deleting:
            self.release_all(project)
        else:
            releasable = observed.releasable(project.is_recorded, project.is_hook_recorded)
            self._release_each(project, map(observed.view, releasable))

    def release_all(self, project: Project) -> None:
        """Releases all held objects of a project that was or is being deleted."""
        self._release_each(project, project.observed.held())

    def release_stray(self, held: HeldJob, hold: Hold) -> None:
        """Releases an object that is not an attempt of an existing project."""
        self._spawn(held, self._release(held, hold))

    def unowned(
        self, executor: Executor[Any], namespace: str, view: ObjectView, project: str, project_uid: str
    ) -> None:
        """Handles a held object of an unknown project: it is released if the project does not exist."""
        if not isinstance(executor, HoldsEvidence) or not executor.is_held(view):
            return
        held = HeldJob(executor, namespace, view.name, view.uid)
        unowned = _Unowned(project, project_uid, executor.hold(view))
        if self._unowned is not None:
            self._unowned[held] = unowned
        else:
            self._spawn(held, self._release_if_unowned(held, unowned))

    def projects_are_known(self, is_known: Callable[[str, str, str], bool]) -> None:
        """From now on an unknown project does not exist; ``is_known`` takes its namespace, name and uid."""
        waiting, self._unowned = self._unowned or {}, None
        for held, unowned in waiting.items():
            if not is_known(held.namespace, unowned.project, unowned.project_uid):
                self._spawn(held, self._release_if_unowned(held, unowned))

    def _release_each(self, project: Project, found: Iterable[ObjectView | None]) -> None:
        executor = project.executor
        for view in found:
            if view is not None and isinstance(executor, HoldsEvidence):
                held = HeldJob(executor, project.owner.namespace, view.name, view.uid)
                if held not in self._under_way:
                    self._spawn(held, self._release(held, executor.hold(view)))

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
            log.exception("releasing %s %s/%s failed", held.executor.resource.kind, held.namespace, held.name)
            await asyncio.sleep(1)
        finally:
            self._under_way.discard(held)

    async def _release(self, held: HeldJob, hold: Hold) -> None:
        if not isinstance(held.executor, HoldsEvidence):
            return
        path, failures = held.executor.resource.path(held.namespace, held.name), 0
        while True:
            change = held.executor.release(hold)
            try:
                async with self._limit:
                    await self._api.request(change.method, path, change.body, content_type=change.content_type)
            except ApiError as error:
                if error.status == 404:
                    return
                if error.status == 409:  # it is another one, or others have changed it
                    found = await self._read(path, hold)
                    if found is None or found.uid != held.uid:
                        return
                    hold = found
                failures += 1
                if failures in (1, 10):
                    log.warning("releasing %s: %s", path, error)
                await _pause(failures, error)
                continue
            return

    async def _read(self, path: str, last: Hold) -> Hold | None:
        """What holds an object now; None if we do not, or it was deleted; the known state if there is no answer."""
        try:
            found = hold_of((await self._api.request("GET", path, accept=METADATA.of_object))["metadata"])
        except ApiError as error:
            return None if error.status == 404 else last
        return found if FINALIZER_RECORDED in found.finalizers else None

    async def _release_if_unowned(self, held: HeldJob, unowned: "_Unowned") -> None:
        path = f"/apis/{API_VERSION}/namespaces/{held.namespace}/{PLURAL}/{unowned.project}"
        failures = 0
        while True:
            try:
                async with self._limit:
                    found = await self._api.request("GET", path)
                if found["metadata"]["uid"] == unowned.project_uid and "deletionTimestamp" not in found["metadata"]:
                    return  # the watch reports it soon
                break
            except ApiError as error:
                if error.status == 404:
                    break
                failures += 1
                await _pause(failures, error)
        await self._release(held, unowned.hold)


async def _pause(failures: int, error: ApiError) -> None:
    backoff = min(_BACKOFF_MAX, 0.1 * 2 ** min(failures, 16)) * random.uniform(0.5, 1)
    await asyncio.sleep(max(error.retry_after, backoff))


def hold_of(metadata: Mapping[str, Any]) -> Hold:
    """What holds an object, by its metadata."""
    return Hold(metadata["uid"], metadata["resourceVersion"], tuple(metadata.get("finalizers") or ()))
