"""Removes finished Jobs: those beyond ``spec.jobHistoryLimit``, and one for each Job that a quota of Jobs refuses.

A Job is removed only when the status that was read back from the server has its result. Which one is decided by
``core.history``.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from parallelproject.controller.jobs.refusal import Refused
from parallelproject.controller.projects.project import Project
from parallelproject.core.followups.job_history import FinishedJob, beyond_limit, in_order, rerun_tasks
from parallelproject.core.planner.plan import Plan
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.status import Reason

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Maximum number of deletions under way."""


class Removal:
    """Deletes finished Jobs."""

    def __init__(
        self,
        api: Api,
        projects: Callable[[], Iterable[Project]],
        say: Callable[[Project, str, str], None],
        again: Callable[[Project], None],
    ) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            projects: All that are known.
            say: Reports something about a project as an Event: its reason and message.
            again: Has a project planned again later.
        """
        self._api = api
        self._projects = projects
        self._say = say
        self._again = again
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def enforce(self, project: Project, decided: Plan) -> None:
        """Removes the Jobs of a project beyond its limit."""
        spec = project.spec
        project.sightings.counts_finished = spec is not None and spec.job_history_limit is not None
        if spec is None or spec.job_history_limit is None:
            return
        for job in beyond_limit(_finished(project), spec.job_history_limit, rerun_tasks(decided)):
            project.removed.add(job.key)
            task = asyncio.create_task(self._enforce(project, job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _enforce(self, project: Project, job: FinishedJob) -> None:
        if not await self._delete(project, job):
            self._again(project)  # it may have ended, and then nothing else asks for a plan that finds it again

    async def make_room(self, project: Project, refused: Refused) -> bool:
        """Removes one finished Job of the namespace if a quota of Jobs is what refuses another; says whether it did.

        One of the same project, else of another: the quota counts those of all.
        """
        if not is_quota_of_jobs(refused):
            return False
        namespace = project.owner.namespace
        others = [p for p in self._projects() if p is not project and p.owner.namespace == namespace]
        for owner in (project, *sorted(others, key=lambda p: (not p.is_completed, p.created))):
            needed = rerun_tasks(owner.decided) if owner.decided is not None else set()
            for job in in_order(_finished(owner), needed):
                owner.removed.add(job.key)
                if await self._delete(owner, job):
                    name = owner.sightings.job_name(job.key)
                    of = "" if owner is project else f" for project {project.owner.name}"
                    self._say(
                        owner, "JobRemoved", f"{job.key.work}: finished Job {name} was removed{of}: {refused.message}"
                    )
                    return True
        return False

    async def close(self) -> None:
        """Ends; whoever comes next decides anew."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _delete(self, project: Project, finished: FinishedJob) -> bool:
        """Deletes a Job; says whether it is gone, or going."""
        key = finished.key
        job = project.sightings.job(key)
        if job is None:
            return False
        body = {"propagationPolicy": "Background", "preconditions": {"uid": job.uid}}
        try:
            async with self._limit:
                await self._api.request("DELETE", f"{project.jobs_path}/{job.name}", body)
        except ApiError as error:
            if error.status == 404:
                return True
            log.warning("removing Job %s: %s", job.name, error)
            project.removed.discard(key)
            return False
        return True


def is_quota_of_jobs(refused: Refused) -> bool:
    """Whether a creation was refused since a quota counts Jobs, and there are as many."""
    return refused.reason is Reason.WAITING_FOR_QUOTA and "count/jobs.batch" in refused.message


def _finished(project: Project) -> list[FinishedJob]:
    """The finished Jobs of a project that are not being removed yet."""
    found = project.sightings.finished(project.is_recorded)
    return [job for job in found if job.key not in project.removed]
