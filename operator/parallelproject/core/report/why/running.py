"""A task that runs, or whose attempt exists and cannot start."""

from parallelproject.core.planner.explanation import View, failure
from parallelproject.core.report.step_words import step_lines
from parallelproject.core.report.why.answer import Why, container_of, deadline, of_task, role_of
from parallelproject.core.report.why.delivery import conflicts
from parallelproject.model.spec import ExecutorKind
from parallelproject.model.status import Reason

_TROUBLE: dict[str, str] = {
    Reason.UNSCHEDULABLE: "no node accepts its pod: no node has enough free resources, or none matches its template",
    Reason.IMAGE_PULL_BACK_OFF: "an image of its pod cannot be pulled: the name is wrong, or a secret is missing",
    Reason.POD_NOT_CREATED: (
        "its Job has no pod: the API server refuses it (Pod Security, a quota, a policy), or the Job controller is far "
        "behind; the events of the Job say which"
    ),
    Reason.SCHEDULING_GATED: "its pod has scheduling gates: the controller that set them has to remove them",
    Reason.JOB_SUSPENDED: (
        "its Job is suspended, or its parallelism is 0: the task keeps its slot and its files until a user resumes the "
        "Job, or the task or the project is stopped"
    ),
    Reason.JOB_TERMINATING: "its Job is being deleted; the next attempt starts after that",
    Reason.NO_CONTROLLER: (
        "its Workflow has no phase: Argo's controller does not run, or does not watch this namespace (its "
        "--namespaced and --managed-namespace, or an instance id)"
    ),
    Reason.WORKFLOW_PENDING: (
        "Argo's controller does not start its Workflow yet: too many run, or a lock or a volume is missing; the status "
        "of the Workflow says which"
    ),
    Reason.START_ERROR: "its command cannot be started; the attempt is being stopped",
}
"""What keeps a pod from starting."""
_OF_WORKFLOWS = _TROUBLE | {
    Reason.JOB_SUSPENDED: (
        "its Workflow is suspended: the task keeps its slot and its files until a user resumes the Workflow, or the "
        "task or the project is stopped"
    ),
    Reason.JOB_TERMINATING: "its Workflow is being deleted; the next attempt starts after that",
}
"""The same where a task is a Workflow."""
_HELD = frozenset({Reason.JOB_SUSPENDED, Reason.JOB_TERMINATING})
"""Reasons of an attempt whose Job someone else changed."""
_LOOK_AT_JOB = _HELD | {Reason.POD_NOT_CREATED, Reason.NO_CONTROLLER, Reason.WORKFLOW_PENDING}
"""Reasons that the Job explains, not a pod."""


def running(view: View, i: int) -> Why:
    """The answer for a running task."""
    reason, record = view.row(i).reason, view.record(i)
    answer = f"attempt {record.attempts} is running{view.since(record)}"
    more = []
    if reason:
        verb = "is held" if reason in _HELD else "cannot start"
        answer = f"attempt {record.attempts} {verb}{view.since(record)}"
        words = _OF_WORKFLOWS if view.spec.executor is ExecutorKind.WORKFLOW else _TROUBLE
        more.append(words.get(reason, f"a container of its pod is not started: {reason}"))
        if reason == Reason.IMAGE_PULL_BACK_OFF and (images := _images(view, i)):
            more.append(f"its images: {images}")
    if record.job:
        answer += f", as {view.spec.executor.value} {record.job}"
    more += step_lines(view.graph, i, record)
    if limit := deadline(view, i):
        more.append(limit)
    if record.fallback:
        own = view.graph.role_at(i, record.step)
        more.append(f"role {record.fallback} runs it: the limit of role {own} is used up for too long")
    if record.failures:
        failed = "one attempt" if record.failures == 1 else f"{record.failures} attempts"
        more.append(f"{failed} failed before, the last one with {failure(record)}")
    look = "follow" if not reason else "job" if reason in _LOOK_AT_JOB else "pod"
    fix = "resume-job" if reason == Reason.JOB_SUSPENDED else ""
    return of_task(
        view, i, answer, [*more, *conflicts(record)], job=record.job, fix=fix, look=look,
        container=container_of(view, i),
    )  # fmt: skip


def _images(view: View, i: int) -> str:
    """The images in the template of a task."""
    role = role_of(view, i)
    if role is None or role.pod_template is None:
        return ""
    containers = role.pod_template.spec.containers
    return ", ".join(dict.fromkeys(filter(None, (container.image for container in containers))))
