"""A Job that runs its pod once: what attempts of tasks and of publishing have in common. Pure.

Exactly once rests on: a name that is a function of the attempt, ``backoffLimit: 0`` (a failure is counted by us),
``podReplacementPolicy: Failed`` (never two pods of it alive), and Ignore for DisruptionTarget (an eviction is not the
task's fault).
"""

from collections.abc import Mapping
from typing import Any

from parallelproject.executors.inherited import NOTHING_INHERITED, Inherited
from parallelproject.executors.owner import Owner
from parallelproject.executors.pod import Json
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
) -> Json:
    """The Job of an attempt.

    Args:
        owner: The project.
        marks: The attempt's ``labels``, which say what it is of.
        claim: What it holds or publishes, for whoever finds it later.
        template: A PodTemplateSpec.
        deadline: Longest time that it may take, in seconds.
        inherited: Labels and annotations that it has besides ours.
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
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "labels": {**inherited.labels, **marks},
            "annotations": {**inherited.annotations, names.ANNOTATION_CLAIM: claim},
            "ownerReferences": [owner.reference],
        },
        "spec": body,
    }


def is_ours(job: Mapping[str, Any], owner: Owner, task: str, number: int) -> bool:
    """Whether a Job belongs to this very attempt, by its controller's uid; labels alone prove nothing."""
    metadata = job.get("metadata") or {}
    marks = metadata.get("labels") or {}
    controlled = any(
        ref.get("controller") and ref.get("uid") == owner.uid for ref in metadata.get("ownerReferences") or ()
    )
    return controlled and marks.get(names.LABEL_TASK) == task and marks.get(names.LABEL_ATTEMPT) == str(number)
