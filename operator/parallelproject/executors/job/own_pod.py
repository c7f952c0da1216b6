"""The pod of a Job whose only container is our own, without the template of a role: it publishes, or reverts. Pure."""

from collections.abc import Sequence

from parallelproject.executors.base.identity import labels
from parallelproject.executors.base.inherited_metadata import Inherited
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.pod import Json, entries
from parallelproject.model import names
from parallelproject.model.spec import Spec
from parallelproject.model.work import WorkKey


def own_template(
    owner: Owner,
    spec: Spec,
    key: WorkKey,
    container: Json,
    volumes: Sequence[Json],
    instruction: tuple[str, str],
    inherited: Inherited,
) -> Json:
    """The template of such a pod.

    Args:
        owner: The project.
        spec: Its spec.
        key: The attempt.
        container: The container.
        volumes: The volumes of the pod.
        instruction: The name and the text of the annotation with its instruction.
        inherited: Labels and annotations of the project that reach its pods.
    """
    annotation, text = instruction
    return {
        "metadata": {
            "labels": {**inherited.labels, **labels(owner, key)},
            "annotations": {
                **inherited.annotations,
                names.KUBECTL_CONTAINER: container["name"],
                names.ANNOTATION_CONTAINER: container["name"],
                annotation: text,
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            **_pull_secrets(spec),
            "containers": [container],
            "volumes": list(volumes),
        },
    }


def _pull_secrets(spec: Spec) -> Json:
    """The image pull secrets of the pods of tasks, which also pull our images."""
    found: dict[str, Json] = {}
    for role in spec.roles:
        if role.pod_template is not None:
            pod = role.pod_template.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
            found |= {str(entry.get("name")): dict(entry) for entry in entries(pod.get("imagePullSecrets"))}
    return {"imagePullSecrets": list(found.values())} if found else {}
