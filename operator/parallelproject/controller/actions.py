"""What the plan says, done: Jobs created, stopped and looked up.

Each action ends only when its outcome is known. An answer that was lost is asked for again, which is safe:
a Job's name is a function of its attempt, so a second creation meets the first.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence

from parallelproject.controller.metrics import Metrics
from parallelproject.controller.project import Json, Project
from parallelproject.core.plan import Launch, Plan, Stop
from parallelproject.executors.job import job_manifest, stop_patch
from parallelproject.executors.observation import view_job
from parallelproject.executors.once import is_ours
from parallelproject.executors.publish_job import publish_manifest
from parallelproject.executors.sightings import PUBLISHING, Key
from parallelproject.executors.taskfile import conflict_feedback
from parallelproject.kube.api import MERGE_PATCH, Api, ApiError
from parallelproject.model.names import job_name
from parallelproject.model.status import Reason

log = logging.getLogger(__name__)

CREATES_AT_ONCE = 32
"""Most creations under way at once: enough to keep an API server busy, few enough to leave it room for others."""
_BACKOFF_MAX = 30.0
_REFUSED_SECONDS = 10.0
_CLOSE_SECONDS = 2.0


class Actions:
    """Carries out launches and stops, and looks up what is not seen."""

    def __init__(
        self,
        api: Api,
        again: Callable[[Project], None],
        warn: Callable[[Project, str, str], None],
        may_start: Callable[[Project], bool],
        drop: Callable[[Project], None],
        git_image: str,
        metrics: Metrics,
    ) -> None:
        """Prepares them.

        Args:
            api: An open connection.
            again: Has a project planned again.
            warn: Tells of something that no status shows.
            may_start: Whether we are still the one who works for a project.
            drop: Forgets a project that is not there any more.
            git_image: The image that lands work.
            metrics: Is told when a task was released.
        """
        self._api = api
        self._again = again
        self._git_image = git_image
        self._metrics = metrics
        self._warn = warn
        self._may_start = may_start
        self._drop = drop
        self._creates = asyncio.Semaphore(CREATES_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def launch(self, project: Project, launches: Sequence[Launch]) -> None:
        """Starts attempts; each counts as launching at once."""
        if project.graph is None or project.spec is None:
            return
        for launch in launches:
            key = Key(project.graph.ids[launch.task], launch.number)
            try:
                manifest = job_manifest(
                    project.owner, project.spec, project.graph, launch.task, launch.number, project.ledger.records,
                    git_image=self._git_image, feedback=_feedback(project, key),
                )  # fmt: skip
            except Exception:  # one odd template must not stop the other tasks
                log.exception("making the Job of %s of %s failed", key, project.path)
                project.sightings.refused(key, Reason.INVALID_POD_TEMPLATE, self._api.clock.now())
                self._again(project)
                continue
            project.sightings.launching(key, project.graph.claim[launch.task])
            create = self._create(project, key, manifest, project.generation, self._metrics.woken)
            self._spawn(project, ("create", key), create)

    def publish(self, project: Project, plan: Plan, revision: str, number: int) -> None:
        """Starts an attempt at publishing; it counts as launching at once."""
        spec, graph, key = project.spec, project.graph, Key(PUBLISHING, number)
        if graph is None or spec is None or spec.git is None:
            return
        manifest = publish_manifest(project.owner, spec, spec.git, graph, plan, revision, number, self._git_image)
        project.sightings.launching(key, revision)
        self._spawn(project, ("create", key), self._create(project, key, manifest, project.generation))

    def stop(self, project: Project, stop: Stop) -> None:
        """Stops an attempt; nothing if that is under way already."""
        key = Key(stop.id, stop.attempt.number)
        self._spawn(project, ("stop", key), self._stop(project, key, stop))

    def look_up(self, project: Project, key: Key) -> None:
        """Asks for a Job that is not seen: only one that the server does not know is lost."""
        self._spawn(project, ("look-up", key), self._look_up(project, key))

    def delete(self, project: Project) -> None:
        """Deletes a project whose time after its end is over, with all that it owns."""
        self._spawn(project, ("delete", Key("", 0)), self._delete(project))

    async def close(self) -> bool:
        """Waits a little for what is under way, and leaves the rest: whoever comes next finds out how it ended.

        Says whether nothing was left.
        """
        left = (await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS))[1] if self._tasks else set()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return not left

    def _spawn(self, project: Project, mark: tuple[str, Key], work: Coroutine[None, None, None]) -> None:
        if mark in project.in_flight:
            work.close()
            return
        project.in_flight.add(mark)
        task = asyncio.create_task(self._run(project, mark, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, project: Project, mark: tuple[str, Key], work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("%s of %s failed", mark[0], mark[1])
            await asyncio.sleep(1)
            if mark[0] == "create":
                project.sightings.refused(mark[1], None, self._api.clock.now())
        finally:
            project.in_flight.discard(mark)
        self._again(project)

    async def _create(
        self, project: Project, key: Key, manifest: Json, generation: int, woken: float | None = None
    ) -> None:
        tries = 0
        while self._may_start(project) and project.generation == generation:
            try:
                async with self._creates:
                    if project.generation != generation:
                        continue
                    tries += 1
                    if await self._try_create(project, key, manifest):
                        if woken is not None:
                            self._metrics.released(woken)
                        return
            except ApiError as error:
                if error.status in (400, 413, 422):
                    self._warn(project, "InvalidPodTemplate", f"{key.task}: {error}")
                    project.sightings.refused(key, Reason.INVALID_POD_TEMPLATE, self._api.clock.now())
                    return
                if error.is_definite and error.status != 429:
                    # Forbidden by RBAC or a quota, or the namespace is going: it may be allowed later. The slot
                    # is given back after a pause, so that the plan decides anew.
                    if project.refusal != error.reason:
                        project.refusal = error.reason
                        self._warn(project, "FailedCreate", f"{key.task}: {error}")
                    await asyncio.sleep(_REFUSED_SECONDS * random.uniform(0.5, 1))
                    break
                log.warning("creating %s: %s", manifest["metadata"]["name"], error)
                await _pause(tries, error)
        # It may be wanted no more, or otherwise. Unless one of the tries got through, the plan decides anew.
        if not tries or not await self._found(project, key):
            project.sightings.refused(key, None, self._api.clock.now())

    async def _try_create(self, project: Project, key: Key, manifest: Json) -> bool:
        """Creates the Job or finds it; says whether the attempt's fate is known then."""
        try:
            job = await self._api.request("POST", project.jobs_path, manifest)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return await self._adopt(project, key)
        project.refusal = None
        project.sightings.job_seen(key, view_job(job))
        return True

    async def _found(self, project: Project, key: Key) -> bool:
        """Whether the Job is there after all; asks until there is an answer."""
        failures = 0
        while True:
            try:
                return await self._adopt(project, key)
            except ApiError as error:
                failures += 1
                log.warning("looking up attempt %s of %s: %s", key.number, key.task, error)
                await _pause(failures, error)

    async def _adopt(self, project: Project, key: Key) -> bool:
        """Takes the Job that is already there as the attempt's if it is ours; says whether that is settled."""
        found = await self._get(project, key)
        if found is None:
            return False  # deleted in between: create it again
        if is_ours(found, project.owner, key.task, key.number):
            project.sightings.job_seen(key, view_job(found))
        else:
            name = found["metadata"]["name"]
            self._warn(project, "NameConflict", f"{key.task}: Job {name} belongs to somebody else")
            project.sightings.refused(key, Reason.NAME_CONFLICT, self._api.clock.now())
        return True

    async def _stop(self, project: Project, key: Key, stop: Stop) -> None:
        name = project.sightings.job_name(key) or self._name(project, key)
        generation, failures = project.generation, 0
        # Meanwhile it may have ended, or be wanted again: the plan decides anew.
        while self._may_start(project) and project.generation == generation and project.sightings.is_at_work(key):
            try:
                job = await self._api.request(
                    "PATCH", f"{project.jobs_path}/{name}", stop_patch(stop.why), content_type=MERGE_PATCH
                )
                project.sightings.job_seen(key, view_job(job))
                return
            except ApiError as error:
                if error.status == 404:
                    project.sightings.job_gone(key)
                    return
                failures += 1
                log.warning("stopping %s: %s", name, error)
                await _pause(failures, error)

    async def _delete(self, project: Project) -> None:
        preconditions = {"uid": project.owner.uid, "resourceVersion": project.resource_version}
        body: Json = {"propagationPolicy": "Background", "preconditions": preconditions}
        try:
            await self._api.request("DELETE", project.path, body)
            project.deleting = True  # the watch will tell; until then there is nothing more to do
        except ApiError as error:
            log.warning("deleting %s after its time: %s", project.path, error)
            await _pause(5, error)

    async def _look_up(self, project: Project, key: Key) -> None:
        """Finds the attempt's Job, or that it is gone: lost, unless the project is gone too and took it along."""
        failures = 0
        while self._may_start(project):  # there may be nobody else who asks again
            try:
                found = await self._get(project, key)
                if found is not None and is_ours(found, project.owner, key.task, key.number):
                    project.sightings.job_seen(key, view_job(found))
                elif await self._is_there(project):
                    project.sightings.job_gone(key)
                else:
                    project.sightings.job_gone(key)
                    self._drop(project)
                return
            except ApiError as error:
                failures += 1
                log.warning("looking up attempt %s of %s: %s", key.number, key.task, error)
                await _pause(failures, error)
        project.sightings.job_gone(key)  # with its project, or soon: nobody asks for it any more

    async def _is_there(self, project: Project) -> bool:
        """Whether a project is still there, and not another one of its name."""
        try:
            found = await self._api.request("GET", project.path)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        if found["metadata"]["uid"] != project.owner.uid:
            return False
        project.update(found)  # it may be about to go
        return True

    async def _get(self, project: Project, key: Key) -> Json | None:
        """The attempt's Job, read from the server's store and not from a cache; None if there is none."""
        try:
            return await self._api.request("GET", f"{project.jobs_path}/{self._name(project, key)}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    @staticmethod
    def _name(project: Project, key: Key) -> str:
        return job_name(project.owner.name, project.owner.uid, key.task, key.number)


def _feedback(project: Project, key: Key) -> str:
    """What the attempt before this one has left to be heeded."""
    before = key.number - 1
    conflict = project.sightings.conflict(Key(key.task, before))
    if conflict is None:
        return ""
    kept = f"What attempt {before} did is kept in the repository: {conflict.ref}" if conflict.ref else ""
    return conflict_feedback(before, conflict.paths, kept)


async def _pause(failures: int, error: ApiError) -> None:
    backoff = min(_BACKOFF_MAX, 0.05 * 2 ** min(failures, 16)) * random.uniform(0.5, 1)
    await asyncio.sleep(max(error.retry_after, backoff))
