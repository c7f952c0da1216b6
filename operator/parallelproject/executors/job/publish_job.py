"""The Job of an attempt at publishing. Pure: builds the manifest, sends nothing."""

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.plan import Plan
from parallelproject.executors.base.identity import labels
from parallelproject.executors.base.inherited_metadata import NOTHING_INHERITED, Inherited
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.pod import Json, entries
from parallelproject.executors.base.publish_pod import DEADLINE_SECONDS, FOLLOW, KEPT_SECONDS, PUBLISH, publish_pod
from parallelproject.executors.job import single_run
from parallelproject.model import names
from parallelproject.model.spec import Git, Spec
from parallelproject.model.work import WorkKey


def publish_manifest(
    owner: Owner,
    spec: Spec,
    git: Git,
    graph: CompiledGraph,
    plan: Plan,
    revision: str,
    number: int,
    image: str,
    inherited: Inherited = NOTHING_INHERITED,
    follow: Json | None = None,
) -> Json:
    """The Job of attempt ``number`` at publishing, or at following the pull request.

    Args:
        owner: The project.
        spec: Its spec.
        git: Its ``git``, which has a forge.
        graph: The compiled spec.
        plan: The states of the tasks.
        revision: What is published.
        number: Of the attempt, of all of this project.
        image: The image that has ``pproj-publish``.
        inherited: Labels and annotations of the project that reach its Jobs and pods.
        follow: The fields of ``FollowRequest``; None: it publishes.
    """
    key = WorkKey.of_following(number) if follow else WorkKey.of_publishing(number)
    name = FOLLOW if follow else PUBLISH
    pod = publish_pod(owner, spec, git, graph, plan, image, name, follow)
    template: Json = {
        "metadata": {
            "labels": {**inherited.labels, **labels(owner, key)},
            "annotations": {
                **inherited.annotations,
                names.KUBECTL_CONTAINER: name,
                names.ANNOTATION_CONTAINER: name,
                names.ANNOTATION_PUBLISH: pod.instruction,
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            **_pull_secrets(spec),
            "containers": [pod.container],
            "volumes": pod.volumes,
        },
    }
    made = single_run.manifest(owner, key, revision, template, DEADLINE_SECONDS, inherited=inherited)
    made["spec"]["ttlSecondsAfterFinished"] = KEPT_SECONDS
    return made


def _pull_secrets(spec: Spec) -> Json:
    """The image pull secrets of the pods of tasks, which also pull our images."""
    found: dict[str, Json] = {}
    for role in spec.roles:
        if role.pod_template is not None:
            pod = role.pod_template.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
            found |= {str(entry.get("name")): dict(entry) for entry in entries(pod.get("imagePullSecrets"))}
    return {"imagePullSecrets": list(found.values())} if found else {}
