"""What keeps a valid spec from running as Workflows. Pure."""

from collections.abc import Iterator, Mapping

from parallelproject.core.planner.outputs import PROJECT_BYTES
from parallelproject.executors.base import publish_pod
from parallelproject.executors.base.cluster_checks import (
    budgets_not_observed,
    local_only,
    no_steps,
    not_followed,
    not_verified,
    reserved_metadata,
    too_large,
)
from parallelproject.executors.base.delivery_instruction import git_problems
from parallelproject.executors.base.executor import TemplateRef
from parallelproject.executors.base.nesting import DEPTH_MAX, is_deep
from parallelproject.executors.workflow.arguments import DELIVERY, Declared, declared, lacking
from parallelproject.executors.workflow.manifest import inline_spec, template_of
from parallelproject.model.output_values import OUTPUT_MAX
from parallelproject.model.problem import Problem, quoted
from parallelproject.model.spec import Role, Spec, Task

_NOT_INLINE = {
    "shutdown": "it ends a Workflow before it starts",
    "workflowTemplateRef": "a template is named by the role",
}
"""Fields of a Workflow's spec that a role may not hold, and why."""


def problems_of(spec: Spec, project: str) -> list[Problem]:
    """The problems that are known without reading templates."""
    found = [
        *reserved_metadata(spec),
        *_agents(spec),
        *local_only(spec),
        *no_steps(spec),
        *budgets_not_observed(spec),
        *_roles(spec),
    ]
    found += [
        *not_verified(spec),
        *not_followed(spec),
        *_hooks(spec),
        *_queues(spec),
        *git_problems(spec, project),
        *publish_pod.problems_of(spec),
        *_inline_arguments(spec),
    ]
    return found or [*too_large(spec, min(PROJECT_BYTES, OUTPUT_MAX * len(spec.tasks)))]


def _hooks(spec: Spec) -> Iterator[Problem]:
    """A hook is the command of a pod, which a WorkflowTemplate does not say."""
    if spec.hooks is not None:
        yield Problem("spec.hooks", "are not for executor Workflow", "remove it, or use executor Job")


def _agents(spec: Spec) -> Iterator[Problem]:
    """The user's template runs the agent, and nothing there judges its output."""
    if spec.prompt is not None:
        yield Problem("spec.prompt", "is not for executor Workflow", "remove it, or use executor Job")
    for i, role in enumerate(spec.roles):
        if role.agent is not None:
            found = f"{role.agent.type}: executor Workflow runs no agents by name"
            hint = "remove it and run the agent in the template, or use executor Job"
            yield Problem(f"spec.roles[{i}].agent", found, hint)
        if role.fallbacks:
            found = "are not for executor Workflow: nothing there reports the limit of a provider"
            yield Problem(f"spec.roles[{i}].fallbacks", found, "remove it, or use executor Job")
    for i, limit in enumerate(spec.limits):
        if limit.adaptive is not None:
            found = "is not for executor Workflow: nothing there reports the limit of a provider"
            yield Problem(f"spec.limits[{i}].adaptive", found, "remove it, or use executor Job")


def template_problems(spec: Spec, templates: Mapping[TemplateRef, Declared]) -> list[Problem]:
    """The problems with templates: missing ones, and declared arguments without a value."""
    missing = []
    for i, role in enumerate(spec.roles):
        ref = template_of(role)
        if ref is not None and ref not in templates and _tasks_of(spec, role):
            where = "" if ref.is_cluster_wide else " in the namespace of the project"
            found = f"{ref.resource.kind} {quoted(ref.name)} does not exist{where}"
            place = f"spec.roles[{i}].workflowTemplateRef"
            missing.append(Problem(place, found, "create it, or correct the name", "TemplateNotFound"))
    return missing or [
        problem
        for role in spec.roles
        if (ref := template_of(role)) is not None and ref in templates
        for problem in _arguments(spec, role, templates[ref], f"{ref.resource.kind} {ref.name}")
    ]


def _roles(spec: Spec) -> Iterator[Problem]:
    if spec.tasks and not spec.roles:
        hint = "add a role with a workflowTemplateRef or a workflowSpec"
        yield Problem("spec.roles", "is empty: no role defines how a task runs", hint)
    for i, role in enumerate(spec.roles):
        if role.agent is not None:
            continue
        place = f"spec.roles[{i}]"
        given = [name for name in ("workflowTemplateRef", "workflowSpec") if _given(role, name)]
        if not given and _tasks_of(spec, role):
            hint = "add workflowTemplateRef or workflowSpec: executor Workflow does not use podTemplate"
            yield Problem(place, "has no Workflow", hint, "WorkflowRequired")
        elif len(given) > 1:
            yield Problem(f"{place}.workflowSpec", "is given next to workflowTemplateRef", "remove one of the two")
        elif role.workflow_spec is not None:
            if is_deep(role.workflow_spec):
                yield Problem(f"{place}.workflowSpec", f"is nested more than {DEPTH_MAX} deep", "make it flatter")
                continue
            for name in _NOT_INLINE.keys() & inline_spec(role).keys():
                yield Problem(f"{place}.workflowSpec.{name}", f"cannot be set: {_NOT_INLINE[name]}", "remove it")


def _given(role: Role, name: str) -> bool:
    return (role.workflow_spec if name == "workflowSpec" else role.workflow_template_ref) is not None


def _queues(spec: Spec) -> Iterator[Problem]:
    """Kueue admits the pods of Workflows, not Workflows: the label of a queue belongs on those."""
    hint = "remove it, and set the label kueue.x-k8s.io/queue-name in podMetadata of the Workflow or its template"
    given = [("spec", spec.queue_name), *((f"spec.roles[{i}]", role.queue_name) for i, role in enumerate(spec.roles))]
    for place, name in given:
        if name is not None:
            yield Problem(f"{place}.queueName", "does not work with executor Workflow: it queues Jobs", hint)


def _inline_arguments(spec: Spec) -> Iterator[Problem]:
    for i, role in enumerate(spec.roles):
        if role.workflow_spec is not None and not is_deep(role.workflow_spec):
            yield from _arguments(spec, role, declared(inline_spec(role)), f"spec.roles[{i}].workflowSpec")


def _arguments(spec: Spec, role: Role, found: Declared, where: str) -> Iterator[Problem]:
    for i, task in _tasks_of(spec, role):
        for name in lacking(found, task):
            hint = f"add it to the parameters of the task, or give {name} a value in the template"
            text = f"{where} declares the argument {quoted(name)}, and task {task.id} has no value for it"
            yield Problem(f"spec.tasks[{i}].parameters", text, hint, "ArgumentRequired")
    has_instruction = DELIVERY in found.parameters
    if spec.git is not None and not has_instruction and _tasks_of(spec, role):
        text = f"{where} does not declare the argument {quoted(DELIVERY)}, so nothing lands its work"
        yield Problem(
            "spec.git", text, "land the work as manifests/argo/git-workflow-template.yaml does", "GitNotSupported"
        )
    if spec.git is None and DELIVERY in found.unset and _tasks_of(spec, role):
        text = f"{where} declares the argument {quoted(DELIVERY)}, which only projects with spec.git have"
        yield Problem("spec.git", text, "set spec.git, or use another template", "ArgumentRequired")
    if found.artifacts and _tasks_of(spec, role):
        text = f"{where} declares the artifact {quoted(found.artifacts[0])} without a location"
        yield Problem("spec.roles", text, "give it a location in the template: tasks have no artifacts")


def _tasks_of(spec: Spec, role: Role) -> list[tuple[int, Task]]:
    """The tasks that a role runs, each with its place in the spec."""
    usual = spec.defaults.role or (spec.roles[0].name if len(spec.roles) == 1 else None)
    return [(i, task) for i, task in enumerate(spec.tasks) if (task.role or usual) == role.name]
