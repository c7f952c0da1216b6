"""The Job of an attempt: one object per attempt, whose name is a function of the attempt.

Pure: builds and checks manifests, sends nothing. The task's text reaches the pod as an annotation and a
downward-API volume, never formatted into a command or into YAML.
"""

import json
from collections.abc import Iterator, Mapping

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.planner.claim import claim_of
from parallelproject.core.planner.inputs import outputs_in_status
from parallelproject.core.planner.outputs import kept
from parallelproject.core.report.trace_context import attempt_context
from parallelproject.executors.base.cluster_checks import (
    budgets_not_observed,
    local_only,
    not_verified,
    reserved_metadata,
    too_large,
)
from parallelproject.executors.base.delivery_instruction import BODY_MAX, IMAGE, WORKSPACE, deadline_of, instruction
from parallelproject.executors.base.identity import labels
from parallelproject.executors.base.inherited_metadata import NOTHING_INHERITED, Inherited
from parallelproject.executors.base.nesting import DEPTH_MAX, is_deep
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.task_file import environment, task_document
from parallelproject.executors.job import agent_pod, delivery_pod, publish_job, single_run
from parallelproject.executors.job.pod import (
    FEEDBACK_FILE,
    OUTPUTS,
    TASK_FILE,
    TASK_FOLDER,
    TASK_VOLUME,
    WORK_VOLUME,
    Json,
    child,
    folder,
    joined,
    mapping,
)
from parallelproject.executors.job.queue import queue_labels
from parallelproject.model import names
from parallelproject.model.conditions import OUTPUT_MAX
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Agent, Spec, Task
from parallelproject.model.work import WorkKey

_TEXT_BYTES, _TEXT_MARGIN, _DEPENDENCY_BYTES = 262_144, 8_192, 80
"""Bytes of all annotations of a pod; of their content without texts; of each dependency without its id."""
_OUTPUT_BYTES, _OUTPUTS_BYTES = 6 * OUTPUT_MAX, 65_536
"""Maximum bytes of an output in JSON; of all outputs of dependencies in a task file."""


FEEDBACK_BYTES = 16_384
"""Maximum bytes of what a task gets about a check that its work breaks."""


def check_for_cluster(spec: Spec, project: str = "x") -> list[Problem]:
    """The problems that keep a valid spec from running in a cluster.

    A role without a template, a first container without a command, and a project too large for one object.
    """
    problems = [*reserved_metadata(spec)]
    if spec.tasks and not spec.roles:
        hint = "add a role with a podTemplate"
        problems.append(Problem("spec.roles", "is empty: no role defines how a task runs", hint))
    problems += [*local_only(spec), *budgets_not_observed(spec), *not_verified(spec)]
    for i, role in enumerate(spec.roles):
        place = f"spec.roles[{i}].podTemplate"
        if role.pod_template is None:
            hint = "give the image that has the agent" if role.agent else "define how a task of this role runs"
            problems.append(Problem(place, "is missing", hint))
        elif role.agent is None and not role.pod_template.spec.containers[0].command:
            hint = "set the command that runs the task; the entry point of an image is not known here"
            where = f"{place}.spec.containers[0].command"
            problems.append(Problem(where, "is missing", hint, "CommandRequired"))
        elif is_deep(role.pod_template):
            problems.append(Problem(place, f"is nested more than {DEPTH_MAX} deep", "give a PodTemplateSpec"))
    problems += agent_pod.problems_of(spec)
    return (
        problems
        or delivery_pod.problems_of(spec, project)
        or publish_job.problems_of(spec)
        or [*_too_much_to_tell(spec)]
        or [*too_large(spec)]
    )  # which reads templates that were checked above


def _text_size(spec: Spec, task: Task) -> int:
    """About how many bytes the annotations of a task's pod need, without the outputs of its dependencies."""
    texts = [task.title, task.description, task.description[:BODY_MAX] if spec.git else ""]
    texts += [*(parameter.value for parameter in task.parameters), *task.files, spec.prompt or ""]
    size = _TEXT_MARGIN + sum(len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) for text in texts)
    size += sum(2 * len(need) + _DEPENDENCY_BYTES for need in task.dependencies)
    size += FEEDBACK_BYTES if spec.verification else 0
    size += sum(2 * _OUTPUT_BYTES for parameter in task.parameters if parameter.value_from)
    return size + (sum(len(when.model_dump_json()) for when in task.when) if task.when else 0)


def _outputs(spec: Spec, graph: CompiledGraph, task: int, records: Mapping[str, Record]) -> dict[str, dict[str, str]]:
    """By task id, the outputs of a task's dependencies, as far as there is space in the annotations of its pod."""
    found: dict[str, dict[str, str]] = {}
    left = min(_OUTPUTS_BYTES, (_TEXT_BYTES - _text_size(spec, graph.tasks[task])) // 2)
    for parent in graph.parents[task]:
        outputs = outputs_in_status(graph, parent, records.get(graph.ids[parent], NEW))
        if outputs:
            held = dict(kept(outputs, left))
            left -= len(json.dumps(held).encode())
            found[graph.ids[parent]] = held
    return found


def _too_much_to_tell(spec: Spec) -> Iterator[Problem]:
    """Tasks whose task file would not fit into the annotations of a pod."""
    of_role = max((len(json.dumps([role.instructions, role.skills]).encode()) for role in spec.roles), default=0)
    for i, task in enumerate(spec.tasks):
        size = of_role + _text_size(spec, task)
        if size > _TEXT_BYTES:
            found = f"its task file needs about {size:,} bytes; the annotations of a pod hold {_TEXT_BYTES:,}"
            hint = "shorten its texts, or put a task between it and its dependencies"
            yield Problem(f"spec.tasks[{i}]", found, hint)


def job_manifest(
    owner: Owner,
    spec: Spec,
    graph: CompiledGraph,
    task: int,
    number: int,
    records: Mapping[str, Record],
    *,
    git_image: str = IMAGE,
    feedback: str = "",
    inherited: Inherited = NOTHING_INHERITED,
    repair: int = 0,
) -> Json:
    """The Job of attempt ``number`` of a task.

    Args:
        owner: The project.
        spec: Its spec.
        graph: The compiled spec.
        task: The task, as its number in the graph.
        number: Of the attempt, from 1.
        records: By task id; at least those of the task's dependencies.
        git_image: The image that lands work, if the spec has ``git``.
        feedback: The feedback of the previous attempt.
        inherited: Labels and annotations of the project that reach its Jobs and pods.
        repair: Number of the repair of what the task has landed; 0: its own work.
    """
    template = pod_template(spec, graph.role[task])
    agent = _agent(spec, graph.role[task])
    key = WorkKey.of_task(graph.ids[task], number)
    level = {names.LABEL_LEVEL: str(graph.level[task])}
    outputs = _outputs(spec, graph, task, records)
    document = task_document(owner.name, graph, task, number, records, outputs, spec.role(graph.role[task]))
    files = {TASK_FILE: (names.ANNOTATION_TASK, json.dumps(document, ensure_ascii=False, separators=(",", ":")))}
    if feedback:
        files[FEEDBACK_FILE] = (names.ANNOTATION_FEEDBACK, feedback)
    if spec.git:
        call = agent_pod.call_of(agent, spec.prompt) if agent else None
        text = instruction(spec, spec.git, owner.name, owner.uid, graph, task, number, call, OUTPUTS, repair)
        files[delivery_pod.DELIVERY_FILE] = (names.ANNOTATION_DELIVERY, text)
    metadata = child(template, "metadata")
    metadata["labels"] = {**inherited.labels, **theirs(metadata.get("labels")), **labels(owner, key), **level}
    pod = child(template, "spec")
    container = pod["containers"][0]
    if agent:
        agent_pod.add_command(pod, agent)
    metadata["annotations"] = {
        names.KUBECTL_CONTAINER: container["name"],
        **inherited.annotations,
        **theirs(metadata.get("annotations")),
        # Our annotation as well: people may change that of kubectl, and the operator reads the pod by its own.
        names.ANNOTATION_CONTAINER: container["name"],
        **dict(files.values()),
    }
    metadata.pop("name", None)
    pod["restartPolicy"] = "Never"
    if "serviceAccountName" not in pod:
        pod.setdefault("automountServiceAccountToken", False)
    ours = environment(owner.name, graph, task, number, records) | {
        names.ENV_RUN: owner.uid,
        names.ENV_TASK_FILE: f"{TASK_FOLDER}/{TASK_FILE}",
        names.ENV_WORKSPACE: WORKSPACE,
        names.ENV_OUTPUTS: OUTPUTS,
        names.ENV_TRACEPARENT: attempt_context(owner.uid, graph.ids[task], number).traceparent,
    }
    if feedback:
        ours[names.ENV_FEEDBACK] = f"{TASK_FOLDER}/{FEEDBACK_FILE}"
    if agent:
        ours[names.ENV_PROMPT_FILE] = agent_pod.PROMPT_PATH
    given = container.get("env")
    if isinstance(given, list):
        given = [entry for entry in given if not (isinstance(entry, dict) and str(entry.get("name")) in ours)]
    container["env"] = joined([{"name": name, "value": literal(value)} for name, value in ours.items()], given)
    container.setdefault("workingDir", WORKSPACE)
    read_only = {"name": TASK_VOLUME, "mountPath": TASK_FOLDER, "readOnly": True}
    container["volumeMounts"] = joined([read_only, folder(WORKSPACE), folder(OUTPUTS)], container.get("volumeMounts"))
    items = [
        {"path": path, "fieldRef": {"fieldPath": f"metadata.annotations['{annotation}']"}}
        for path, (annotation, _) in files.items()
    ]
    volumes = [{"name": TASK_VOLUME, "downwardAPI": {"items": items}}, {"name": WORK_VOLUME, "emptyDir": {}}]
    pod["volumes"] = joined(volumes, pod.get("volumes"))
    deadline = graph.tasks[task].active_deadline_seconds or spec.defaults.active_deadline_seconds
    if spec.git:
        delivery_pod.add_delivery(pod, spec.git, git_image)
        deadline = deadline_of(deadline)
    held_by = [names.FINALIZER_RECORDED]
    claim, queue = claim_of(graph, task).to_json(), queue_labels(spec, graph.queue[task])
    return single_run.manifest(
        owner, key, claim, template, deadline, level | queue, inherited, held_by, suspend=bool(queue)
    )


def stop_patch(why: str) -> Json:
    """A merge patch that ends a Job: its pods are killed, and the Job stays as evidence of its end.

    Deleting it would lose that. A suspended Job ends too: its deadline would never pass, so it is resumed; with a
    parallelism of 0 no pod of it starts in the remaining second.
    """
    ended = {"activeDeadlineSeconds": 1, "parallelism": 0, "suspend": False}
    return {"metadata": {"annotations": {names.ANNOTATION_STOP: why}}, "spec": ended}


def pod_template(spec: Spec, role: str | None) -> Json:
    """The template of a role, as a new object."""
    found = spec.role(role)
    if found is not None and found.pod_template is not None:
        return found.pod_template.model_dump(by_alias=True, exclude_unset=True, mode="json")
    raise LookupError(f"role {role!r} has no podTemplate")  # check_for_cluster refuses such a spec


def _agent(spec: Spec, role: str | None) -> Agent | None:
    found = spec.role(role)
    return found.agent if found else None


def theirs(found: object) -> Json:
    """Labels or annotations of a template, without those that identify pods."""
    return {key: value for key, value in mapping(found).items() if not key.startswith(f"{names.GROUP}/")}


def literal(value: str) -> str:
    """The value of a variable, escaped for the kubelet, which replaces ``$(NAME)``, and ``$$`` by ``$``."""
    return value.replace("$", "$$")
