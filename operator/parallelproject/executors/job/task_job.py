"""The Job of an attempt: one object per attempt, whose name is a function of the attempt.

Pure: builds and checks manifests, sends nothing. The task's text reaches the pod as an annotation and a
downward-API volume, never formatted into a command or into YAML.
"""

import json
from collections.abc import Mapping

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.planner.claim import claim_of
from parallelproject.core.planner.inputs import outputs_in_status
from parallelproject.core.planner.outputs import kept
from parallelproject.core.planner.step_at import NO_STEPS, StepAt
from parallelproject.executors.base import publish_pod
from parallelproject.executors.base.agent_session import AgentSession
from parallelproject.executors.base.cluster_checks import (
    budgets_not_observed,
    local_only,
    no_steps,
    not_followed,
    not_verified,
    reserved_metadata,
    too_large,
    too_many_hooks,
)
from parallelproject.executors.base.delivery_instruction import (
    IMAGE,
    WORKSPACE,
    deadline_of,
    instruction,
    reading_instruction,
)
from parallelproject.executors.base.identity import labels
from parallelproject.executors.base.inherited_metadata import NOTHING_INHERITED, Inherited
from parallelproject.executors.base.nesting import DEPTH_MAX, is_deep
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.pod import (
    FEEDBACK_FILE,
    OUTPUTS,
    TASK_FILE,
    TASK_FOLDER,
    TASK_VOLUME,
    WORK_VOLUME,
    Json,
    add_variables,
    child,
    folder,
    harden,
    joined,
    theirs,
)
from parallelproject.executors.base.task_file import described_by, environment, task_document
from parallelproject.executors.job import agent_pod, delivery_pod, hook_job, revert_job, setup_pod, single_run
from parallelproject.executors.job.annotation_size import cut_feedback, space_for_outputs, too_much
from parallelproject.executors.job.queue import queue_labels
from parallelproject.executors.job.role_template import pod_template
from parallelproject.git.plumbing.delivery import ConflictMerge
from parallelproject.model import names
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Agent, Spec
from parallelproject.model.trace_context import attempt_context
from parallelproject.model.work import WorkKey

_OWN_FOLDER = ".own"
"""On a volume of sessions, the folder of the own work of a task next to those of its steps: no step has this name."""


def check_for_cluster(spec: Spec, project: str = "x") -> list[Problem]:
    """The problems that keep a valid spec from running in a cluster.

    A role without a template, a first container without a command, and a project too large for one object.
    """
    problems = [*reserved_metadata(spec)]
    if spec.tasks and not spec.roles:
        hint = "add a role with a podTemplate"
        problems.append(Problem("spec.roles", "is empty: no role defines how a task runs", hint))
    problems += [*local_only(spec), *no_steps(spec), *budgets_not_observed(spec)]
    problems += [*not_verified(spec), *not_followed(spec)]
    problems += [*too_many_hooks(spec), *hook_job.problems_of(spec), *revert_job.problems_of(spec)]
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
        or publish_pod.problems_of(spec)
        or [*too_much(spec)]
        or [*too_large(spec)]
    )  # which reads templates that were checked above


def _outputs(
    spec: Spec, graph: CompiledGraph, task: int, records: Mapping[str, Record], role: str | None
) -> dict[str, dict[str, str]]:
    """By task id, the outputs of a task's dependencies, as far as there is space in the annotations of the pod of an
    attempt in a role."""
    found: dict[str, dict[str, str]] = {}
    left = space_for_outputs(spec, graph.tasks[task], spec.role(role))
    for parent in graph.parents[task]:
        outputs = outputs_in_status(graph, parent, records.get(graph.ids[parent], NEW))
        if outputs:
            held = dict(kept(outputs, left))
            left -= len(json.dumps(held).encode())
            found[graph.ids[parent]] = held
    return found


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
    fallback: str | None = None,
    inherited: Inherited = NOTHING_INHERITED,
    repair: int = 0,
    at: StepAt = NO_STEPS,
    before: AgentSession | None = None,
    merging: ConflictMerge | None = None,
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
        fallback: The role that runs it in place of the role of the task.
        inherited: Labels and annotations of the project that reach its Jobs and pods.
        repair: Number of the repair of what the task has landed; 0: its own work.
        at: The step of the task that it is at.
        before: The session of the agent of the previous attempt.
        merging: The conflict of the branch that it resolves, if it does.
    """
    role = fallback or graph.role_at(task, at.name)
    # A step that only its command runs is at home where the task is.
    template = pod_template(spec, role or graph.role[task])
    agent = None if at.command else _agent(spec, role)
    key = WorkKey.of_task(graph.ids[task], number, at.name)
    level = {names.LABEL_LEVEL: str(graph.level[task])}
    outputs = _outputs(spec, graph, task, records, role)
    described = described_by(spec, graph.role_at(task, at.name), fallback)
    document = task_document(owner.name, graph, task, number, records, outputs, described, fallback)
    document |= {"role": role} | at.described()
    files = {TASK_FILE: (names.ANNOTATION_TASK, json.dumps(document, ensure_ascii=False, separators=(",", ":")))}
    session = agent_pod.resumed(agent, template["spec"], before) if agent else None
    call = agent_pod.call_of(agent, spec.prompt, session) if agent else None
    if call and not spec.git:
        text = reading_instruction(spec, call, OUTPUTS)
        files[delivery_pod.DELIVERY_FILE] = (names.ANNOTATION_DELIVERY, text)
    if spec.git:
        setup = setup_pod.setup_of(spec.workspace, template["spec"])
        most = delivery_pod.message_max(template["spec"], more=4 if setup else 2)
        text = instruction(
            spec, spec.git, owner.name, owner.uid, graph, task, number, call, OUTPUTS, repair, setup, at, most, merging
        )
        files[delivery_pod.DELIVERY_FILE] = (names.ANNOTATION_DELIVERY, text)
    metadata = child(template, "metadata")
    metadata["labels"] = {**inherited.labels, **theirs(metadata.get("labels")), **labels(owner, key), **level}
    pod = child(template, "spec")
    container = pod["containers"][0]
    if agent:
        place = f"{owner.uid}/{graph.ids[task]}/{at.name or _OWN_FOLDER}"
        agent_pod.add_command(pod, agent, place, resumes=session is not None)
    if at.command:
        container["command"] = list(at.command)
        container.pop("args", None)
    metadata["annotations"] = {
        names.KUBECTL_CONTAINER: container["name"],
        **inherited.annotations,
        **theirs(metadata.get("annotations")),
        # Our annotation as well: people may change that of kubectl, and the operator reads the pod by its own.
        names.ANNOTATION_CONTAINER: container["name"],
        **dict(files.values()),
    }
    if feedback:
        feedback = cut_feedback(feedback, names.ANNOTATION_FEEDBACK, metadata["annotations"])
        metadata["annotations"][names.ANNOTATION_FEEDBACK] = feedback
        files[FEEDBACK_FILE] = (names.ANNOTATION_FEEDBACK, feedback)
    metadata.pop("name", None)
    harden(pod)
    ours = environment(owner.name, graph, task, number, records, fallback) | {
        names.ENV_ROLE: role or "",
        names.ENV_STEP: at.name,
        names.ENV_ROUND: str(at.standing.round),
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
    if session:
        ours[names.ENV_SESSION] = session.id
    add_variables(container, ours)
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
    deadline = (at.step.deadline_seconds if at.step else None) or deadline
    if spec.git or agent:
        steps = ("prepare", "deliver") if spec.git else delivery_pod.READING
        delivery_pod.add_delivery(pod, spec.git, git_image, steps=steps, setup=spec.workspace.setup)
        deadline = deadline_of(deadline)
    held_by = [names.FINALIZER_RECORDED]
    claim, queue = (
        claim_of(graph, task, fallback, at.name).to_json(),
        queue_labels(spec, graph.queue[task]),
    )
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


def _agent(spec: Spec, role: str | None) -> Agent | None:
    found = spec.role(role)
    return found.agent if found else None
