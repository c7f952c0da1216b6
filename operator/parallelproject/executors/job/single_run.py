"""A Job that runs its pod once: what attempts of tasks and of publishing have in common. Pure.

Exactly once rests on: a name that is a function of the attempt, ``backoffLimit: 0`` (a failure is counted by us),
``podReplacementPolicy: Failed`` (never two pods of it alive), and Ignore for DisruptionTarget (an eviction is not the
task's fault).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from parallelproject.executors.job.inherited_metadata import NOTHING_INHERITED, Inherited
from parallelproject.executors.job.owner import Owner
from parallelproject.executors.job.pod import Json
from parallelproject.model import names


def labels(owner: Owner, task: str, number: int) -> dict[str, str]:
    """The labels of everything made for an attempt; ``task`` is its id, or ``sightings.PUBLISHING``."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_PROJECT: owner.name,
        names.LABEL_PROJECT_UID: owner.uid,
        names.LABEL_TASK: task,
        names.LABEL_ATTEMPT: str(number),
    }


def manifest(
    owner: Owner,
    marks: Mapping[str, str],
    claim: str,
    template: Json,
    deadline: int | None,
    inherited: Inherited = NOTHING_INHERITED,
    finalizers: Sequence[str] = (),
) -> Json:
    """The Job of an attempt.

    Args:
        owner: The project.
        marks: The attempt's ``labels``, which say what it is of.
        claim: What it holds or publishes, for whoever finds it later.
        template: A PodTemplateSpec.
        deadline: Longest time that it may take, in seconds.
        inherited: Labels and annotations that it has besides ours.
        finalizers: What holds it when it is deleted.
    """
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
    if deadline:
        body["activeDeadlineSeconds"] = deadline
    name = names.job_name(owner.name, owner.uid, marks[names.LABEL_TASK], int(marks[names.LABEL_ATTEMPT]))
    metadata: Json = {
        "name": name,
        "namespace": owner.namespace,
        "labels": {**inherited.labels, **marks},
        "annotations": {**inherited.annotations, names.ANNOTATION_CLAIM: claim},
        "ownerReferences": [owner.reference],
    }
    if finalizers:
        metadata["finalizers"] = list(finalizers)
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": body}


def is_ours(job: Mapping[str, Any], owner: Owner, task: str, number: int, uid: str = "") -> bool:
    """Whether a Job is that of this very attempt, whatever others have done to its labels and owner references.

    Its name is a function of the attempt. Besides, the project must control it, or nobody does and its labels name the
    project; or it is known already, by its uid.

    Args:
        job: The Job.
        owner: The project.
        task: Id of the task.
        number: Of the attempt.
        uid: The uid of the attempt's Job, where that is known.
    """
    metadata = job.get("metadata") or {}
    if metadata.get("name") != names.job_name(owner.name, owner.uid, task, number):
        return False
    controller = controller_of(job)
    if controller == owner.uid or (uid and metadata.get("uid") == uid):
        return True
    return not controller and (metadata.get("labels") or {}).get(names.LABEL_PROJECT_UID) == owner.uid


def controller_of(job: Mapping[str, Any]) -> str:
    """The uid of what controls an object; empty where nothing does."""
    owners = (job.get("metadata") or {}).get("ownerReferences") or ()
    return next((str(ref.get("uid") or "") for ref in owners if ref.get("controller")), "")


def is_intact(job: Mapping[str, Any], owner: Owner, task: str, number: int) -> bool:
    """Whether a Job still has the labels and the owner by which it is watched and belongs to its project."""
    marks = (job.get("metadata") or {}).get("labels") or {}
    wanted = labels(owner, task, number)
    return controller_of(job) == owner.uid and all(marks.get(name) == value for name, value in wanted.items())


def restore_patch(owner: Owner, task: str, number: int, uid: str) -> Json:
    """A strategic merge patch that gives a Job back the labels and the owner that others have taken from it."""
    return {"metadata": {"uid": uid, "labels": labels(owner, task, number), "ownerReferences": [owner.reference]}}


def release_patch(uid: str) -> Json:
    """A strategic merge patch that no longer holds a Job; other finalizers stay."""
    return {"metadata": {"uid": uid, "$deleteFromPrimitiveList/finalizers": [names.FINALIZER_RECORDED]}}
