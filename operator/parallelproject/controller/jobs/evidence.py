"""Jobs are held by a finalizer until their result is written down, and let go here.

Whoever deletes a Job (a TTL, a person, a clean-up) deletes what is known of its end. So a Job goes only when its result
is in the status of its project, or when nobody needs it: it is deleted before its end, or its project is gone.
"""

import asyncio
import logging
import random
from collections.abc import Coroutine
from typing import NamedTuple

from parallelproject.executors.job.single_run import release_patch
from parallelproject.kube.client import STRATEGIC_PATCH, Api, ApiError
from parallelproject.model.names import API_VERSION, PLURAL

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Maximum number of its requests under way: what waits for them is only a deletion."""
_BACKOFF_MAX = 30.0


class HeldJob(NamedTuple):
    """A Job that we hold."""

    namespace: str
    name: str
    uid: str


class Evidence:
    """Lets Jobs go, each by one request."""

    def __init__(self, api: Api) -> None:
        """Prepares it, with an open connection."""
        self._api = api
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[HeldJob] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def release(self, job: HeldJob) -> None:
        """Lets a Job go; nothing if that is under way."""
        self._spawn(job, self._release(job))

    def release_if_unowned(self, job: HeldJob, project: str, project_uid: str) -> None:
        """Lets a Job go if its project is gone: its result is of no use to anybody."""
        self._spawn(job, self._release_if_unowned(job, project, project_uid))

    async def close(self) -> None:
        """Ends; whoever comes next finds what is still held. A request that arrives later does no harm."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, job: HeldJob, work: Coroutine[None, None, None]) -> None:
        if job in self._under_way:
            work.close()
            return
        self._under_way.add(job)
        task = asyncio.create_task(self._run(job, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: HeldJob, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("releasing Job %s/%s failed", job.namespace, job.name)
            await asyncio.sleep(1)
        finally:
            self._under_way.discard(job)

    async def _release(self, job: HeldJob) -> None:
        path = f"/apis/batch/v1/namespaces/{job.namespace}/jobs/{job.name}"
        failures = 0
        while True:
            try:
                async with self._limit:
                    await self._api.request("PATCH", path, release_patch(job.uid), content_type=STRATEGIC_PATCH)
            except ApiError as error:
                if error.status == 404 or (error.status == 409 and not await self._is_there(path, job)):
                    return
                failures += 1
                if failures in (1, 10):
                    log.warning("releasing Job %s/%s: %s", job.namespace, job.name, error)
                await _pause(failures, error)
                continue
            return

    async def _is_there(self, path: str, job: HeldJob) -> bool:
        """Whether a Job is still there, and not another one of its name: a conflict may be about either."""
        try:
            found = await self._api.request("GET", path)
        except ApiError as error:
            return error.status != 404
        return bool(found["metadata"]["uid"] == job.uid)

    async def _release_if_unowned(self, job: HeldJob, project: str, project_uid: str) -> None:
        path = f"/apis/{API_VERSION}/namespaces/{job.namespace}/{PLURAL}/{project}"
        failures = 0
        while True:
            try:
                async with self._limit:
                    found = await self._api.request("GET", path)
                if found["metadata"]["uid"] == project_uid and "deletionTimestamp" not in found["metadata"]:
                    return  # it is heard of soon
                break
            except ApiError as error:
                if error.status == 404:
                    break
                failures += 1
                await _pause(failures, error)
        await self._release(job)


async def _pause(failures: int, error: ApiError) -> None:
    backoff = min(_BACKOFF_MAX, 0.1 * 2 ** min(failures, 16)) * random.uniform(0.5, 1)
    await asyncio.sleep(max(error.retry_after, backoff))
