"""What the plan says, done: Jobs created, stopped and looked up.

Each action ends only when its outcome is known. An answer that was lost is asked for again, which is safe:
a Job's name is a function of its attempt, so a second creation meets the first.
"""

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable, Coroutine, Sequence

from parallelproject.controller.jobs.refusal import Refused, refusal_of
from parallelproject.controller.jobs.removal import Removal
from parallelproject.controller.projects.meter import Meter
from parallelproject.controller.projects.project import Json, Project
from parallelproject.core.planner.plan import Launch, Plan, Stop
from parallelproject.executors.base.task_file import conflict_feedback
from parallelproject.executors.job.observation import view_job
from parallelproject.executors.job.publish_job import publish_manifest
from parallelproject.executors.job.sightings import PUBLISHING, Key
from parallelproject.executors.job.single_run import is_intact, is_ours, restore_patch
from parallelproject.executors.job.task_job import job_manifest, stop_patch
from parallelproject.kube.client import MERGE_PATCH, STRATEGIC_PATCH, Api, ApiError
from parallelproject.model.names import job_name
from parallelproject.model.status import Reason

log = logging.getLogger(__name__)

CREATES_AT_ONCE = 32
"""Most creations under way at once: enough to keep an API server busy, few enough to leave it room for others."""
_BACKOFF_MAX = 30.0
_TELL_AFTER_TRIES = 5
"""A creation that has no answer so often is reported."""
_CLOSE_SECONDS = 2.0
_FREED_SECONDS = 10.0
"""Longest time until a quota knows of a Job that was removed."""
_RESTORE_SECONDS = 1.0
"""Wait before a Job gets back what somebody has taken from it, who may take it again."""


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
        metrics: Meter,
        removal: Removal,
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
            removal: Removes finished Jobs where a quota counts them.
        """
        self._api = api
        self._again = again
        self._git_image = git_image
        self._metrics = metrics
        self._removal = removal
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
                    inherited=project.inherited,
                )  # fmt: skip
            except Exception:  # one odd template must not stop the other tasks
                log.exception("making the Job of %s of %s failed", key, project.path)
                project.sightings.refused(key, Reason.INVALID_POD_TEMPLATE, self._api.clock.now())
                self._again(project)
                continue
            project.sightings.launching(key, project.graph.claim[launch.task], self._api.clock.now())
            create = self._create(project, key, manifest, project.generation, self._metrics.woken)
            self._spawn(project, ("create", key), create)

    def publish(self, project: Project, plan: Plan, revision: str, number: int) -> None:
        """Starts an attempt at publishing; it counts as launching at once."""
        spec, graph, key = project.spec, project.graph, Key(PUBLISHING, number)
        if graph is None or spec is None or spec.git is None:
            return
        manifest = publish_manifest(
            project.owner, spec, spec.git, graph, plan, revision, number, self._git_image, project.inherited
        )
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
        tries, is_unsure, freed = 0, False, -math.inf
        refused: Refused | None = None
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
                is_unsure = True
                await asyncio.sleep(_spread(tries))
            except ApiError as error:
                refused = await refusal_of(self._api, project, manifest, error)
                if refused is not None:
                    if freed == -math.inf and await self._removal.make_room(project, refused):
                        freed = time.monotonic()
                    if refused.reason is Reason.WAITING_FOR_QUOTA and time.monotonic() < freed + _FREED_SECONDS:
                        refused = None
                        await _pause(3, error)
                        continue
                    break
                is_unsure = True
                log.warning("creating %s: %s", manifest["metadata"]["name"], error)
                if tries >= _TELL_AFTER_TRIES:
                    self._denied(project, key, Refused(Reason.FAILED_CREATE, str(error)), waits=False)
                await _pause(tries, error)
        # It may be wanted no more, or otherwise. Unless one of the tries got through, the plan decides anew.
        if is_unsure and await self._found(project, key):
            return
        if refused is None:
            project.sightings.refused(key, None, self._api.clock.now())
        elif refused.reason is Reason.INVALID_POD_TEMPLATE:
            self._warn(project, refused.reason, f"{key.task}: {refused.message}")
            project.sightings.refused(key, refused.reason, self._api.clock.now())
        else:
            self._denied(project, key, refused)
            if key.task == PUBLISHING:  # there is no plan that waits for it
                held = project.sightings.refusals.get(key)
                await asyncio.sleep(max(0.0, held.until - self._api.clock.now()) if held else 0.0)
                project.sightings.refused(key, None, self._api.clock.now())

    def _denied(self, project: Project, key: Key, refused: Refused, *, waits: bool = True) -> None:
        """Writes down that a creation was refused for now, and reports it by an Event that is renewed in time."""
        now = self._api.clock.now()
        project.sightings.denied(key, refused.reason, refused.message, now, waits=waits and key.task != PUBLISHING)
        if project.reports.is_due((refused.reason, refused.message), time.monotonic()):
            self._warn(project, "FailedCreate", f"{key.task or 'publishing'}: {refused.message}")
        self._again(project)

    async def _try_create(self, project: Project, key: Key, manifest: Json) -> bool:
        """Creates the Job or finds it; says whether the attempt's fate is known then."""
        try:
            job = await self._api.request("POST", project.jobs_path, manifest)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return await self._adopt(project, key)
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
        if self._takes(project, key, found):
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
                known = project.sightings.job(key)
                if known is not None and known.stop_undone and known.is_suspended:
                    # Whoever suspends it again (a queue) does not let it end. Deleted, it is held as evidence.
                    body: Json = {"propagationPolicy": "Background", "preconditions": {"uid": known.uid}}
                    job = await self._api.request("DELETE", f"{project.jobs_path}/{name}", body)
                else:
                    job = await self._api.request(
                        "PATCH", f"{project.jobs_path}/{name}", stop_patch(stop.why), content_type=MERGE_PATCH
                    )
                if job["kind"] == "Status":  # gone at once
                    project.sightings.job_gone(key)
                    return
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
                if found is not None and self._takes(project, key, found):
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

    def _takes(self, project: Project, key: Key, job: Json) -> bool:
        """Whether a Job that was read is the attempt's; it then gets back what others have taken from it."""
        known = project.sightings.job(key)
        if not is_ours(job, project.owner, key.task, key.number, known.uid if known else ""):
            return False
        if not is_intact(job, project.owner, key.task, key.number):
            self.restore(project, key, job["metadata"]["uid"])
        return True

    def restore(self, project: Project, key: Key, uid: str) -> None:
        """Gives a Job its labels and its owner back, which others have taken: by those it is watched, and deleted."""
        self._spawn(project, ("restore", key), self._restore(project, key, uid))

    async def _restore(self, project: Project, key: Key, uid: str) -> None:
        path, failures = f"{project.jobs_path}/{self._name(project, key)}", 0
        patch = restore_patch(project.owner, key.task, key.number, uid)
        await asyncio.sleep(_RESTORE_SECONDS)
        while self._may_start(project) and not project.is_going:  # its Jobs may be let go on purpose: --cascade=orphan
            try:
                job = await self._api.request("PATCH", path, patch, content_type=STRATEGIC_PATCH)
            except ApiError as error:
                if error.status in (404, 409):
                    self.look_up(project, key)
                    return
                failures += 1
                log.warning("restoring labels and owner of %s: %s", path, error)
                await _pause(failures, error)
            else:
                project.sightings.job_seen(key, view_job(job))
                self._warn(project, "JobRestored", f"{key.task}: labels or owner of its Job had been removed")
                return

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
    await asyncio.sleep(max(error.retry_after, _spread(failures)))


def _spread(failures: int) -> float:
    """Seconds until the next try, longer with each, and not the same for all."""
    return min(_BACKOFF_MAX, 0.05 * 2.0 ** min(failures, 16)) * random.uniform(0.5, 1)
