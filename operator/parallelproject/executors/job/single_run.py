"""A Job that runs its pod once: the common part of attempts at tasks and at publishing. Pure.

Exactly once rests on: a name that is a function of the attempt, ``backoffLimit: 0`` (the operator counts failures),
``podReplacementPolicy: Failed`` (never two pods of it alive), and Ignore for DisruptionTarget (an eviction is not the
task's fault).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from parallelproject.executors.base.inherited_metadata import NOTHING_INHERITED, Inherited
from parallelproject.executors.base.object_metadata import object_metadata
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.pod import Json
from parallelproject.model import names
from parallelproject.model.work import WorkKey


def manifest(
    owner: Owner,
    key: WorkKey,
    claim: str,
    template: Json,
    deadline: int | None,
    more_labels: Mapping[str, str] = MappingProxyType({}),
    inherited: Inherited = NOTHING_INHERITED,
    finalizers: Sequence[str] = (),
    *,
    suspend: bool = False,
) -> Json:
    """The Job of an attempt.

    Args:
        owner: The project.
        key: The attempt.
        claim: What it holds or publishes, for processes that find it later.
        template: A PodTemplateSpec.
        deadline: Maximum time, in seconds.
        more_labels: Further labels, in addition to those of its identity.
        inherited: Labels and annotations of the project, in addition to ours.
        finalizers: Finalizers that keep it when it is deleted.
        suspend: Whether it starts only when someone resumes it.
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
    if suspend:
        body["suspend"] = True
    if deadline:
        body["activeDeadlineSeconds"] = deadline
    found = object_metadata(owner, key, claim, more_labels, inherited, finalizers)
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": found, "spec": body}


def release_patch(uid: str) -> Json:
    """A strategic merge patch that removes our finalizer from a Job; other finalizers stay."""
    return {"metadata": {"uid": uid, "$deleteFromPrimitiveList/finalizers": [names.FINALIZER_RECORDED]}}
