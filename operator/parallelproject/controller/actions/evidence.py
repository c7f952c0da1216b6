"""Objects of attempts are held until their result is written down, and released here.

Whoever deletes one (a TTL, a person, a clean-up) deletes what is known of its end. So it goes only when its result is
in the status of its project, or when nobody needs it: it is deleted before its end, or its project is gone.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

from parallelproject.controller.projects.project import Project
from parallelproject.executors.base.executor import Executor, View
from parallelproject.executors.base.optional import Hold, HoldsEvidence
from parallelproject.kube.client import METADATA, Api, ApiError
from parallelproject.model.names import API_VERSION, FINALIZER_RECORDED, PLURAL

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Maximum number of its requests under way: what waits for them is only a deletion."""
_BACKOFF_MAX = 30.0


class Held(NamedTuple):
    """An object that we hold."""

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
        self._unowned: dict[Held, _Unowned] | None = {}
        """What we hold of unknown projects. None once all projects are known."""
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[Held] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def release_recorded(self, project: Project) -> None:
        """Releases the objects whose result is written down; all of them where the project is going."""
        observed = project.observed
        if project.deleting:
            self.release_all(project)
        else:
            self._release_each(project, map(observed.view, observed.releasable(project.is_recorded)))

    def release_all(self, project: Project) -> None:
        """Releases all that we hold for a project: it is gone, or going."""
        self._release_each(project, project.observed.held())

    def release_stray(self, held: Held, hold: Hold) -> None:
        """Releases an object that is no attempt of a project that is there."""
        self._spawn(held, self._release(held, hold))

    def unowned(self, executor: Executor[Any], namespace: str, view: View, project: str, project_uid: str) -> None:
        """An object that we hold was observed, and its project is not known: it is released if there is none."""
        if not isinstance(executor, HoldsEvidence) or not executor.is_held(view):
            return
        held = Held(executor, namespace, view.name, view.uid)
        unowned = _Unowned(project, project_uid, executor.hold(view))
        if self._unowned is not None:
            self._unowned[held] = unowned
        else:
            self._spawn(held, self._release_if_unowned(held, unowned))

    def projects_are_known(self, is_known: Callable[[str, str, str], bool]) -> None:
        """From now on a project that is not known is none; ``is_known`` takes its namespace, name and uid."""
        waiting, self._unowned = self._unowned or {}, None
        for held, unowned in waiting.items():
            if not is_known(held.namespace, unowned.project, unowned.project_uid):
                self._spawn(held, self._release_if_unowned(held, unowned))

    def _release_each(self, project: Project, found: Iterable[View | None]) -> None:
        executor = project.executor
        for view in found:
            if view is not None and isinstance(executor, HoldsEvidence):
                held = Held(executor, project.owner.namespace, view.name, view.uid)
                self._spawn(held, self._release(held, executor.hold(view)))

    async def close(self) -> None:
        """Ends; whoever comes next finds what is still held. A request that arrives later does no harm."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, held: Held, work: Coroutine[None, None, None]) -> None:
        if held in self._under_way:
            work.close()
            return
        self._under_way.add(held)
        task = asyncio.create_task(self._run(held, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, held: Held, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("releasing %s %s/%s failed", held.executor.resource.kind, held.namespace, held.name)
            await asyncio.sleep(1)
        finally:
            self._under_way.discard(held)

    async def _release(self, held: Held, hold: Hold) -> None:
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
        """What holds an object now; None where we do not, or it is gone; what was known where nobody answers."""
        try:
            found = hold_of((await self._api.request("GET", path, accept=METADATA.of_object))["metadata"])
        except ApiError as error:
            return None if error.status == 404 else last
        return found if FINALIZER_RECORDED in found.finalizers else None

    async def _release_if_unowned(self, held: Held, unowned: "_Unowned") -> None:
        path = f"/apis/{API_VERSION}/namespaces/{held.namespace}/{PLURAL}/{unowned.project}"
        failures = 0
        while True:
            try:
                async with self._limit:
                    found = await self._api.request("GET", path)
                if found["metadata"]["uid"] == unowned.project_uid and "deletionTimestamp" not in found["metadata"]:
                    return  # it is heard of soon
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
