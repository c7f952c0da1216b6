"""The Job of a run of a hook: the pod template of its role, with the command of the hook. Pure.

With git an init container checks out the branch before, as for a task. Nothing lands: the operator adds no other
container, and the private git directory and the credentials are mounted in the init container only.
"""

from parallelproject.core.hooks.hook_runs import HookLaunch
from parallelproject.executors.base.delivery_instruction import IMAGE, PRIVATE, WORKSPACE, checkout_instruction
from parallelproject.executors.base.hook_environment import hook_environment, hook_role
from parallelproject.executors.base.inherited_metadata import NOTHING_INHERITED, Inherited
from parallelproject.executors.base.own_container import credentials_of, locked_down
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.pod import (
    TASK_FOLDER,
    TASK_VOLUME,
    Json,
    child,
    folder,
    joined,
)
from parallelproject.executors.job import delivery_pod, single_run
from parallelproject.executors.job.command_template import command_template
from parallelproject.model import names
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Git, HookKind, Spec
from parallelproject.model.work import WorkKey

_KEPT_SECONDS = 6 * 3600
"""How long a Job is kept, with its log, after its end; its result is in the status."""


def problems_of(spec: Spec) -> list[Problem]:
    """Hooks whose role is not known, or has no pod template."""
    found = []
    for kind in HookKind:
        hook = spec.hooks.of(kind) if spec.hooks else None
        role = hook_role(spec, hook) if hook else None
        if hook and role is None:
            hint = "name the role whose podTemplate it runs in, or set spec.defaults.role"
            found.append(Problem(f"spec.hooks.{kind}.role", "is missing, and the spec has several roles", hint))
    return found


def hook_manifest(
    owner: Owner,
    spec: Spec,
    launch: HookLaunch,
    claim: str,
    *,
    git_image: str = IMAGE,
    inherited: Inherited = NOTHING_INHERITED,
) -> Json:
    """The Job of a run of a hook.

    Args:
        owner: The project.
        spec: Its spec.
        launch: The run.
        claim: What later processes have to know of it.
        git_image: The image that checks out the branch, if the spec has ``git``.
        inherited: Labels and annotations of the project that reach its Jobs and pods.
    """
    key = WorkKey.of_hook(launch.occasion.step, launch.number)
    ours = hook_environment(owner.name, spec, launch)
    template = command_template(owner, spec, key, hook_role(spec, launch.hook), launch.hook.command, ours, inherited)
    metadata, pod = child(template, "metadata"), child(template, "spec")
    if spec.git:
        text = checkout_instruction(spec, spec.git, owner.name, owner.uid)
        metadata["annotations"][names.ANNOTATION_DELIVERY] = text
        _add_checkout(pod, spec.git, git_image)
    deadline = launch.hook.active_deadline_seconds or spec.defaults.active_deadline_seconds
    held_by = [names.FINALIZER_RECORDED]
    made = single_run.manifest(owner, key, claim, template, deadline, {}, inherited, held_by)
    made["spec"]["ttlSecondsAfterFinished"] = _KEPT_SECONDS
    return made


def _add_checkout(pod: Json, git: Git, image: str) -> None:
    """Adds the container that checks out the branch."""
    delivery_pod.trust_checkout(pod["containers"][0])
    field = f"metadata.annotations['{names.ANNOTATION_DELIVERY}']"
    item = {"path": delivery_pod.DELIVERY_FILE, "fieldRef": {"fieldPath": field}}
    pod["volumes"] = joined([{"name": TASK_VOLUME, "downwardAPI": {"items": [item]}}], pod["volumes"])
    mounts = [{"name": TASK_VOLUME, "mountPath": TASK_FOLDER, "readOnly": True}, folder(PRIVATE), folder(WORKSPACE)]
    if given := credentials_of(git):
        mounts.append(given[0])
        pod["volumes"] = joined([given[1]], pod["volumes"])
    instruction_file = f"{TASK_FOLDER}/{delivery_pod.DELIVERY_FILE}"
    prepare = {
        "name": delivery_pod.PREPARE,
        "image": image,
        **locked_down(pod),
        "command": ["pproj-git", "checkout", instruction_file, "--result", "/dev/termination-log"],
        "volumeMounts": mounts,
    }
    pod["initContainers"] = joined([prepare], pod.get("initContainers"))
