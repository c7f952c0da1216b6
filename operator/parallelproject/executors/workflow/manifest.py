"""The Workflow of an attempt at a task: its name is a function of the attempt. Pure.

Next to the name of a template only those fields are set that Argo allows when templates are enforced
(``workflowRestrictions``): the arguments and the deadline.
"""

from collections.abc import Mapping
from typing import Any

from parallelproject.executors.base.delivered import Delivered, feedback_of
from parallelproject.executors.base.delivery_instruction import IMAGE, instruction
from parallelproject.executors.base.delivery_instruction import deadline_of as longest
from parallelproject.executors.base.executor import Json, Resource, TaskStart, TemplateRef
from parallelproject.executors.base.inherited_metadata import inherited
from parallelproject.executors.base.object_metadata import object_metadata
from parallelproject.executors.workflow.arguments import DELIVERY, Declared, declared, filled, values
from parallelproject.model import names
from parallelproject.model.spec import Role, Spec

API_VERSION = "argoproj.io/v1alpha1"
GROUP = f"/apis/{API_VERSION}"
WORKFLOW = Resource("Workflow", GROUP, "workflows", is_custom=True)
TEMPLATE = Resource("WorkflowTemplate", GROUP, "workflowtemplates", is_custom=True)
CLUSTER_TEMPLATE = Resource("ClusterWorkflowTemplate", GROUP, "clusterworkflowtemplates", is_custom=True)
STOP = "Terminate"
"""How a Workflow is stopped: nothing of it continues, and no exit handler runs."""


def template_of(role: Role) -> TemplateRef | None:
    """The template that a role names."""
    ref = role.workflow_template_ref
    if ref is None:
        return None
    return TemplateRef(CLUSTER_TEMPLATE if ref.cluster_scope else TEMPLATE, ref.name, ref.cluster_scope)


def inline_spec(role: Role) -> Json:
    """The spec of the Workflow in a role; empty if the role names a template."""
    found = role.workflow_spec
    return found.model_dump(by_alias=True, exclude_unset=True, mode="json") if found else {}


def declared_by(role: Role, templates: Mapping[TemplateRef, Declared]) -> Declared:
    """The arguments that the Workflows of a role may have."""
    ref = template_of(role)
    return templates[ref] if ref else declared(inline_spec(role))


def deadline_of(spec: Spec, own: int | None) -> int | None:
    """The maximum time of an attempt, in seconds; None if only its template may limit it."""
    return own or spec.defaults.active_deadline_seconds


def workflow_manifest(start: TaskStart, git_image: str = IMAGE) -> Json:
    """The Workflow of an attempt.

    Args:
        start: The attempt.
        git_image: The image that lands work, if the spec has ``git``.
    """
    graph, number, owner = start.graph, start.key.attempt, start.owner
    role = start.spec.role(graph.role[start.task])
    if role is None:
        raise LookupError(f"role {graph.role[start.task]!r} is not there")  # the graph refuses such a spec
    spec = inline_spec(role)
    ref = role.workflow_template_ref
    if ref is not None:
        spec["workflowTemplateRef"] = {"name": ref.name, **({"clusterScope": True} if ref.cluster_scope else {})}
    git, seconds = start.spec.git, deadline_of(start.spec, graph.tasks[start.task].active_deadline_seconds)
    delivery = ""
    if git is not None:
        delivery = instruction(start.spec, git, owner.name, owner.uid, graph, start.task, number)
        seconds = longest(seconds)
    feedback = feedback_of(conflict_of(start.previous), number - 1)
    given = values(owner.name, start.spec, graph, start.task, number, start.records, feedback, delivery, git_image)
    parameters = filled(declared_by(role, start.templates), given)
    if parameters or "arguments" in spec:
        spec["arguments"] = _merged(spec.get("arguments"), parameters)
    if seconds:
        spec["activeDeadlineSeconds"] = seconds
    level = {names.LABEL_LEVEL: str(graph.level[start.task])}
    wanted = inherited(start.spec.job_metadata, start.metadata)
    metadata = object_metadata(owner, start.key, start.claim, level, wanted, [names.FINALIZER_RECORDED])
    if git is not None:
        metadata["annotations"][names.ANNOTATION_DELIVERY] = DELIVERY
    return {"apiVersion": API_VERSION, "kind": "Workflow", "metadata": metadata, "spec": spec}


def conflict_of(previous: Any) -> Delivered | None:
    """The result of the previous attempt's work, by the view of its Workflow."""
    return None if previous is None or previous.result is None else previous.result.delivered


def stop_patch(why: str) -> Json:
    """A merge patch that ends a Workflow and keeps it. One that is suspended does not end before it is resumed."""
    return {
        "metadata": {"annotations": {names.ANNOTATION_STOP: why}},
        "spec": {"shutdown": STOP, "suspend": False},
    }


def _merged(theirs: object, parameters: list[dict[str, str]]) -> Json:
    """The arguments of an inline spec with the values that are given; all others stay."""
    found: dict[str, Any] = dict(theirs) if isinstance(theirs, Mapping) else {}
    given = {each["name"]: each for each in parameters}
    old = [each for each in found.get("parameters") or () if isinstance(each, Mapping)]
    new = [{**each, **given.pop(str(each.get("name")), {})} for each in old]
    for each in new:
        if "value" in each:
            each.pop("valueFrom", None)
    return found | {"parameters": [*new, *given.values()]}
