"""Attempts as Argo Workflows: all that the controller needs to know. Sends nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from parallelproject.core.planner.attempt import Attempt
from parallelproject.executors.base.delivery_instruction import IMAGE
from parallelproject.executors.base.executor import Change, Json, PublishStart, TaskStart, TemplateRef
from parallelproject.executors.base.identity import is_intact, restore_patch
from parallelproject.executors.base.optional import Hold, Refused
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.refusal_words import MAYBE_OBJECT, by_words
from parallelproject.executors.workflow import checks, observation
from parallelproject.executors.workflow.arguments import Declared, declared
from parallelproject.executors.workflow.manifest import (
    API_VERSION,
    WORKFLOW,
    stop_patch,
    template_of,
    workflow_manifest,
)
from parallelproject.executors.workflow.observation import WorkflowView, attempt_of, view_workflow
from parallelproject.executors.workflow.publish_workflow import publish_workflow
from parallelproject.kube.client import MERGE_PATCH, Api, ApiError
from parallelproject.model.names import ANNOTATION_RECORDED, FINALIZER_RECORDED
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey


class WorkflowExecutor:
    """Runs attempts as Workflows."""

    resource = WORKFLOW
    silent_seconds = 20.0
    """A Workflow without a phase is reported after this time: Argo's controller gives one within a second or two."""
    silence = Reason.NO_CONTROLLER

    def __init__(self, git_image: str = IMAGE) -> None:
        """Prepares it.

        Args:
            git_image: The image that lands work, which templates get as an argument.
        """
        self._git_image = git_image

    def problems(self, spec: Spec, project: str) -> list[Problem]:
        """What keeps a valid spec from running with any templates."""
        return checks.problems_of(spec, project)

    def templates(self, spec: Spec) -> Sequence[TemplateRef]:
        """The WorkflowTemplates that roles name."""
        found = [ref for role in spec.roles if (ref := template_of(role)) is not None]
        return list(dict.fromkeys(found))

    def template(self, obj: Mapping[str, Any]) -> Declared:
        """The arguments that a template declares."""
        spec = obj.get("spec")
        return declared(spec if isinstance(spec, Mapping) else {})

    def template_problems(self, spec: Spec, found: Mapping[TemplateRef, Declared]) -> list[Problem]:
        """What keeps a spec from running with its templates."""
        return checks.template_problems(spec, found)

    def task(self, start: TaskStart) -> Json:
        """The Workflow of an attempt at a task."""
        return workflow_manifest(start, self._git_image)

    def publishing(self, start: PublishStart) -> Json:
        """The Workflow of an attempt at publishing."""
        if start.spec.git is None:
            raise ValueError("nothing is published without spec.git")
        return publish_workflow(start, start.spec.git, self._git_image)

    def report(self, found: WorkflowView | None, parts: Sequence[Any]) -> str:
        """The report of a Workflow that has published."""
        return "" if found is None else observation.report_of(found)

    def stop(self, known: WorkflowView | None, why: str) -> Change:
        """The patch that ends a Workflow and keeps it, with its result."""
        return Change(stop_patch(why), MERGE_PATCH)

    def view(self, obj: Mapping[str, Any]) -> WorkflowView:
        """Reads a Workflow, or the metadata of one."""
        return view_workflow(obj)

    def is_to_be_read(self, found: WorkflowView) -> bool:
        """Whether the whole Workflow must be read: its metadata is not enough."""
        return found.is_to_be_read

    def is_silent(self, found: WorkflowView) -> bool:
        """Whether Argo's controller has not looked at a Workflow."""
        return not found.phase

    def attempt(self, number: int, found: WorkflowView | None, parts: Sequence[Any], is_gone: bool) -> Attempt:
        """The state of an attempt, by its Workflow."""
        return attempt_of(number, found, is_gone)

    def said_at_end(self, found: WorkflowView) -> str:
        """The message of a Workflow that did not succeed."""
        return observation.said_at_end(found)

    def is_held(self, found: WorkflowView) -> bool:
        """Whether our finalizer is on a Workflow."""
        return found.held

    def is_going(self, found: WorkflowView) -> bool:
        """Whether a Workflow goes as soon as nothing holds it."""
        return found.deleting

    def hold(self, found: WorkflowView) -> Hold:
        """What holds a Workflow; Argo may have a finalizer of its own."""
        return Hold(found.uid, str(found.version), found.finalizers)

    def release(self, hold: Hold) -> Change:
        """What takes our finalizer from a Workflow: a CRD has no strategic merge, so all others are named."""
        others = [each for each in hold.finalizers if each != FINALIZER_RECORDED]
        metadata = {"uid": hold.uid, "resourceVersion": hold.version, "finalizers": others}
        return Change({"metadata": metadata | {"annotations": {ANNOTATION_RECORDED: "true"}}}, MERGE_PATCH)

    def finished_at(self, found: WorkflowView) -> float | None:
        """When a Workflow has ended; None where it has not, or is going."""
        if not found.completed or found.deleting:
            return None
        return (found.result.ended if found.result else found.changed) or 0.0

    def is_full(self, refused: Refused) -> bool:
        """Whether a quota counts Workflows, and there are as many."""
        return refused.reason is Reason.WAITING_FOR_QUOTA and "count/workflows.argoproj.io" in refused.message

    async def refusal(self, api: Api, namespace: str, manifest: Json, error: ApiError) -> Refused | None:
        """Why an API server has refused a Workflow."""
        if error.status == 404:
            return Refused(Reason.FAILED_CREATE, f"the API server does not serve Workflow ({API_VERSION}): {error}")
        found = by_words(error)
        if found is None and error.status in MAYBE_OBJECT:
            name = manifest["metadata"]["name"]
            return Refused(Reason.FAILED_CREATE, str(error).replace(f'"{name}" ', ""))  # the same for all tasks
        return found

    def is_intact(self, obj: Mapping[str, Any], owner: Owner, key: WorkKey) -> bool:
        """Whether a Workflow has its labels and its owner."""
        return is_intact(obj, owner, key)

    def restore(self, owner: Owner, key: WorkKey, uid: str) -> Change:
        """What gives a Workflow its labels and its owner back."""
        return Change(restore_patch(owner, key, uid), MERGE_PATCH)
