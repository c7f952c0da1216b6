"""Attempts as Kubernetes Jobs: everything that the controller needs to know about Jobs and pods. Sends nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from parallelproject.core.planner.attempt import NEW, Attempt
from parallelproject.core.verification.check_message import CheckEnd
from parallelproject.executors.base.agent_session import AgentSession
from parallelproject.executors.base.answers import BYTES_MAX, answers_feedback, answers_to
from parallelproject.executors.base.delivered import feedback_of, report_of
from parallelproject.executors.base.delivery_instruction import IMAGE
from parallelproject.executors.base.executor import (
    Change,
    CheckStart,
    HookStart,
    Json,
    PublishStart,
    Resource,
    TaskStart,
)
from parallelproject.executors.base.identity import is_intact, restore_patch
from parallelproject.executors.base.inherited_metadata import inherited
from parallelproject.executors.base.optional import Hold, Refused
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.job import refusal, task_job
from parallelproject.executors.job.annotation_size import space_for_answers
from parallelproject.executors.job.check_job import check_manifest
from parallelproject.executors.job.hook_job import hook_manifest
from parallelproject.executors.job.observation import (
    JobView,
    PodView,
    attempt_of,
    check_end,
    failure_of,
    judgement_of,
    session_of,
    view_job,
    view_pod,
)
from parallelproject.executors.job.publish_job import publish_manifest
from parallelproject.executors.job.revert_job import revert_manifest
from parallelproject.executors.job.single_run import release_patch
from parallelproject.kube.client import MERGE_PATCH, STRATEGIC_PATCH, Api, ApiError
from parallelproject.model.names import ANNOTATION_STOP
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey


class JobExecutor:
    """Runs attempts as Jobs; it has all the optional parts."""

    resource = Resource("Job", "/apis/batch/v1", "jobs")
    parts = (Resource("Pod", "/api/v1", "pods"),)
    part_seconds = 15.0
    """After this time a Job without a pod is reported: the API server refuses the pod, or the Job controller is
    behind."""
    part_missing = Reason.POD_NOT_CREATED

    def __init__(self, git_image: str = IMAGE) -> None:
        """Prepares it.

        Args:
            git_image: The image that lands and publishes work.
        """
        self._git_image = git_image

    def problems(self, spec: Spec, project: str) -> list[Problem]:
        """What keeps a valid spec from running in a cluster."""
        return task_job.check_for_cluster(spec, project)

    def task(self, start: TaskStart) -> Json:
        """The Job of an attempt at a task."""
        return task_job.job_manifest(
            start.owner, start.spec, start.graph, start.task, start.key.attempt, start.records,
            git_image=self._git_image, feedback=_feedback(start), fallback=start.fallback,
            inherited=inherited(start.spec.job_metadata, start.metadata),
            repair=start.repair.number if start.repair else 0, at=start.at, before=_session(start),
            merging=start.repair.merging if start.repair else None,
        )  # fmt: skip

    def publishing(self, start: PublishStart) -> Json:
        """The Job of an attempt at publishing, or of a process that follows the pull request."""
        if start.spec.git is None:
            raise ValueError("nothing is published without spec.git")
        return publish_manifest(
            start.owner, start.spec, start.spec.git, start.graph, start.plan, start.revision, start.key.attempt,
            self._git_image, inherited(start.spec.job_metadata, start.metadata), start.follow,
        )  # fmt: skip

    def hook(self, start: HookStart) -> Json:
        """The Job of a run of a hook."""
        return hook_manifest(
            start.owner, start.spec, start.launch, start.claim, git_image=self._git_image,
            inherited=inherited(start.spec.job_metadata, start.metadata),
        )  # fmt: skip

    def check(self, start: CheckStart) -> Json:
        """The Job of a run of a check."""
        if start.spec.git is None:
            raise ValueError("nothing is verified without spec.git")
        if start.launch.revert:
            return revert_manifest(start, start.launch.revert, start.spec.git, self._git_image)
        return check_manifest(start, start.spec.git, self._git_image)

    def check_end(self, attempt: Attempt, found: JobView | None, parts: Sequence[PodView]) -> CheckEnd | None:
        """How a run of a check has ended, by the reports of its pod."""
        return check_end(attempt, found, parts)

    def stop(self, known: JobView | None, why: str) -> Change:
        """What ends a Job, and leaves it as evidence of how it ended."""
        if known is not None and known.is_to_be_marked:
            # Kueue would suspend it again, and its deadline does not run: it is marked, and then deleted.
            return Change({"metadata": {"annotations": {ANNOTATION_STOP: why}}}, MERGE_PATCH)
        if known is not None and known.stop_undone and known.is_suspended:
            # A queue that suspends it again prevents its end. When it is deleted, the finalizer keeps it as evidence.
            body: Json = {"propagationPolicy": "Background", "preconditions": {"uid": known.uid}}
            return Change(body, method="DELETE")
        return Change(task_job.stop_patch(why), MERGE_PATCH)

    def view(self, obj: Mapping[str, Any]) -> JobView:
        """Reads a Job."""
        return view_job(obj)

    def part(self, obj: Mapping[str, Any]) -> PodView:
        """Reads a pod."""
        return view_pod(obj)

    def attempt(self, number: int, found: JobView | None, parts: Sequence[PodView], is_gone: bool) -> Attempt:
        """The state of an attempt, by its Job and its pods."""
        return attempt_of(number, found, parts, is_gone)

    def report(self, found: JobView | None, parts: Sequence[PodView]) -> str:
        """The report of a pod that has published."""
        return next((pod.message for pod in parts if not pod.is_live), "")

    def is_held(self, found: JobView) -> bool:
        """Whether our finalizer is on a Job."""
        return found.held

    def is_going(self, found: JobView) -> bool:
        """Whether a Job is deleted as soon as no finalizer holds it."""
        return found.deleting

    def hold(self, found: JobView) -> Hold:
        """What holds a Job; ours is removed by its name."""
        return Hold(found.uid, str(found.version))

    def release(self, hold: Hold) -> Change:
        """The patch that removes our finalizer from a Job."""
        return Change(release_patch(hold.uid), STRATEGIC_PATCH)

    def finished_at(self, found: JobView) -> float | None:
        """When a Job has ended; None if it has not, or is being deleted."""
        return (found.ended or 0.0) if found.outcome and not found.deleting else None

    def is_full(self, refused: Refused) -> bool:
        """Whether a quota of Jobs is reached."""
        return refused.reason is Reason.WAITING_FOR_QUOTA and "count/jobs.batch" in refused.message

    async def refusal(self, api: Api, namespace: str, manifest: Json, error: ApiError) -> Refused | None:
        """Why an API server has refused a Job."""
        return await refusal.refusal_of(api, namespace, manifest, error)

    def is_intact(self, obj: Mapping[str, Any], owner: Owner, key: WorkKey) -> bool:
        """Whether a Job has its labels and its owner."""
        return is_intact(obj, owner, key)

    def restore(self, owner: Owner, key: WorkKey, uid: str) -> Change:
        """The patch that restores the labels and the owner of a Job."""
        return Change(restore_patch(owner, key, uid), STRATEGIC_PATCH)


def _session(start: TaskStart) -> AgentSession | None:
    """The session of the agent of the attempt before, if that was at the same step, and in the same role: another one
    has another task, or another agent."""
    record = start.records.get(start.graph.ids[start.task], NEW)
    is_same = (record.step, record.fallback) == (start.at.name, start.fallback)
    return session_of(start.earlier) if is_same else None


def _feedback(start: TaskStart) -> str:
    """What an attempt reads of those before: how the last one failed, and answers to questions."""
    task, number = start.graph.ids[start.task], start.key.attempt
    role = start.spec.role(start.fallback or start.graph.role_at(start.task, start.at.name))
    floor = start.graph.rerun_after.get(start.task, 0)
    space = min(BYTES_MAX, space_for_answers(start.spec, start.graph.tasks[start.task], role))
    answers = answers_feedback(answers_to(start.spec, task, floor, number), space)
    broken = start.repair.feedback if start.repair and not start.at.is_gate else ""
    report, judged = "", start.at.reported(start.records.get(task, NEW))
    if judged:
        report = report_of(judgement_of(start.judged), judged, by_itself=start.at.is_gate)
    failed = feedback_of(failure_of(start.earlier), number - 1)
    return "\n".join(filter(None, (broken, report, failed, answers)))
