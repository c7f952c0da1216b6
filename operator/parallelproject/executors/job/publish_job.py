"""The Job of an attempt at publishing. Pure: builds the manifest, sends nothing."""

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.plan import Plan
from parallelproject.executors.base.inherited_metadata import NOTHING_INHERITED, Inherited
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.pod import Json
from parallelproject.executors.base.publish_pod import DEADLINE_SECONDS, FOLLOW, KEPT_SECONDS, PUBLISH, publish_pod
from parallelproject.executors.job import single_run
from parallelproject.executors.job.own_pod import own_template
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
    pod = publish_pod(owner, spec, git, graph, plan, image, FOLLOW if follow else PUBLISH, follow)
    instruction = (names.ANNOTATION_PUBLISH, pod.instruction)
    template = own_template(owner, spec, key, pod.container, pod.volumes, instruction, inherited)
    made = single_run.manifest(owner, key, revision, template, DEADLINE_SECONDS, inherited=inherited)
    made["spec"]["ttlSecondsAfterFinished"] = KEPT_SECONDS
    return made
