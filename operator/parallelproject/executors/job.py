"""The Job of an attempt: one object per attempt, its name a function of what it is for.

Pure: builds and checks manifests, sends nothing. The task's text reaches the pod as an annotation and a
downward-API volume, never formatted into a command or into YAML.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from parallelproject.core.attempt import Record
from parallelproject.core.graph import CompiledGraph
from parallelproject.executors.taskfile import environment, task_document
from parallelproject.model import names
from parallelproject.model.base import Model
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Spec

Json = dict[str, Any]

TASK_FOLDER = "/pproj/task"
WORKSPACE = "/pproj/workspace"
OUTPUTS = "/pproj/outputs"
_TASK_FILE = "task.json"
_DEPTH_MAX = 100  # a PodTemplateSpec needs some 15
_OBJECT_BYTES = 1_400_000
"""etcd takes 1.5 MB a request; the rest is for metadata and the condition messages."""
_ROW_BYTES = 200
"""What a task's row in the status takes, and a little more."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The project that Jobs belong to."""

    name: str
    namespace: str
    uid: str


def check_for_cluster(spec: Spec) -> list[Problem]:
    """What keeps a spec that is valid from running in a cluster.

    A role without a template, a first container without a command, and more than one object can hold.
    """
    problems: list[Problem] = []
    if spec.tasks and not spec.roles:
        mend = "add a role with a podTemplate"
        problems.append(Problem("spec.roles", "is empty: nothing says how a task is run", mend))
    for i, role in enumerate(spec.roles):
        place = f"spec.roles[{i}].podTemplate"
        if role.pod_template is None:
            problems.append(Problem(place, "is missing", "say how a task of this role is run"))
        elif not role.pod_template.spec.containers[0].command:
            mend = "set what runs the task; an image's own entry point is not known here"
            where = f"{place}.spec.containers[0].command"
            problems.append(Problem(where, "is missing", mend, "CommandRequired"))
        elif _is_deep(role.pod_template):
            problems.append(Problem(place, f"is nested more than {_DEPTH_MAX} deep", "give a PodTemplateSpec"))
    if problems:
        return problems
    plain = spec.model_dump(by_alias=True, exclude_defaults=True)
    size = len(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
    size += _ROW_BYTES * len(spec.tasks)
    if size > _OBJECT_BYTES:
        found = f"{size:,} bytes with its status are more than an object can hold ({_OBJECT_BYTES:,})"
        problems.append(Problem("spec", found, "shorten descriptions, or make it several projects"))
    return problems


def labels(owner: Owner, graph: CompiledGraph, task: int, number: int) -> dict[str, str]:
    """The labels of everything made for an attempt."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_PROJECT: owner.name,
        names.LABEL_PROJECT_UID: owner.uid,
        names.LABEL_TASK: graph.ids[task],
        names.LABEL_LEVEL: str(graph.level[task]),
        names.LABEL_ATTEMPT: str(number),
    }


def job_manifest(
    owner: Owner,
    spec: Spec,
    graph: CompiledGraph,
    task: int,
    number: int,
    records: Mapping[str, Record],
) -> Json:
    """The Job of attempt ``number`` of a task.

    Exactly once rests on: ``backoffLimit: 0`` (a failure is counted by us), ``podReplacementPolicy: Failed``
    (never two pods of it alive), and Ignore for DisruptionTarget (an eviction is not the task's fault).
    """
    template = _pod_template(spec, graph.role[task])
    marks = labels(owner, graph, task, number)
    document = task_document(owner.name, graph, task, number, records)
    metadata = _child(template, "metadata")
    metadata["labels"] = {**_strings(metadata.get("labels")), **marks}
    metadata["annotations"] = {
        **_strings(metadata.get("annotations")),
        names.ANNOTATION_TASK: json.dumps(document, ensure_ascii=False, separators=(",", ":")),
    }
    metadata.pop("name", None)
    pod = _child(template, "spec")
    pod["restartPolicy"] = "Never"
    if "serviceAccountName" not in pod:
        pod.setdefault("automountServiceAccountToken", False)
    agent = pod["containers"][0]
    ours = environment(owner.name, graph, task, number) | {
        names.ENV_TASK_FILE: f"{TASK_FOLDER}/{_TASK_FILE}",
        names.ENV_WORKSPACE: WORKSPACE,
        names.ENV_OUTPUTS: OUTPUTS,
    }
    theirs = agent.get("env")
    if isinstance(theirs, list):
        theirs = [entry for entry in theirs if not (isinstance(entry, dict) and str(entry.get("name")) in ours)]
    agent["env"] = _joined([{"name": name, "value": value} for name, value in ours.items()], theirs)
    agent.setdefault("workingDir", WORKSPACE)
    # Two folders of one volume: a volume more takes an API server some 4 % longer for all that happens to a pod.
    mounts: list[Json] = [
        {"name": "pproj-task", "mountPath": TASK_FOLDER, "readOnly": True},
        {"name": "pproj-work", "mountPath": WORKSPACE, "subPath": "workspace"},
        {"name": "pproj-work", "mountPath": OUTPUTS, "subPath": "outputs"},
    ]
    agent["volumeMounts"] = _joined(mounts, agent.get("volumeMounts"))
    field = {"fieldPath": f"metadata.annotations['{names.ANNOTATION_TASK}']"}
    volumes: list[Json] = [
        {"name": "pproj-task", "downwardAPI": {"items": [{"path": _TASK_FILE, "fieldRef": field}]}},
        {"name": "pproj-work", "emptyDir": {}},
    ]
    pod["volumes"] = _joined(volumes, pod.get("volumes"))
    body: Json = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
        },
        "template": template,
    }
    deadline = graph.tasks[task].active_deadline_seconds or spec.defaults.active_deadline_seconds
    if deadline:
        body["activeDeadlineSeconds"] = deadline
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.job_name(owner.name, owner.uid, graph.ids[task], number),
            "namespace": owner.namespace,
            "labels": marks,
            "annotations": {names.ANNOTATION_CLAIM: graph.claim[task]},
            "ownerReferences": [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": names.KIND,
                    "name": owner.name,
                    "uid": owner.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": body,
    }


def stop_patch(why: str) -> Json:
    """A merge patch that ends a Job: its pods are killed, and it stays as evidence of how it ended.

    Deleting it would lose that; ``spec.suspend`` would leave it unfinished.
    """
    return {"metadata": {"annotations": {names.ANNOTATION_STOP: why}}, "spec": {"activeDeadlineSeconds": 1}}


def is_ours(job: Mapping[str, Any], owner: Owner, task_id: str, number: int) -> bool:
    """Whether a Job belongs to this very attempt, by its controller's uid; labels alone prove nothing."""
    metadata = job.get("metadata") or {}
    marks = metadata.get("labels") or {}
    controlled = any(
        ref.get("controller") and ref.get("uid") == owner.uid for ref in metadata.get("ownerReferences") or ()
    )
    return controlled and marks.get(names.LABEL_TASK) == task_id and marks.get(names.LABEL_ATTEMPT) == str(number)


def _pod_template(spec: Spec, role: str | None) -> Json:
    for candidate in spec.roles:
        if candidate.name == role and candidate.pod_template is not None:
            return candidate.pod_template.model_dump(by_alias=True, exclude_unset=True, mode="json")
    raise LookupError(f"role {role!r} has no podTemplate")  # check_for_cluster refuses such a spec


def _is_deep(template: object) -> bool:
    """Whether something in it is nested so deep that it could not be written down; itself without recursion."""
    level = [template]
    for _ in range(_DEPTH_MAX):
        level = [child for node in level for child in _children(node)]
    return bool(level)


def _children(node: object) -> Iterable[object]:
    if isinstance(node, Model):
        return [*vars(node).values(), *(node.model_extra or {}).values()]
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()


def _joined(ours: list[Json], theirs: object) -> object:
    """Our entries and those of the template; what is no list there is left to the API server to refuse."""
    return ours if theirs is None else [*ours, *theirs] if isinstance(theirs, list) else theirs


def _child(parent: Json, key: str) -> Json:
    child = parent.get(key)
    if not isinstance(child, dict):
        child = parent[key] = {}
    return child


def _strings(value: object) -> dict[str, str]:
    return value if isinstance(value, dict) else {}
