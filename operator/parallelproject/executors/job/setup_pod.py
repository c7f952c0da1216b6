"""``spec.workspace.setup`` in a pod: a container with the image of the task, and after it our own one. Pure.

Both run before the task's container, as init containers: the first has ended when the second one starts. The second one
takes note of what setup has made. Nothing but ours sees the volume with what setup made before.
"""

from collections.abc import Iterator

from parallelproject.executors.base.delivery_instruction import WORKSPACE
from parallelproject.executors.base.pod import TOOLS, Json, entries, folder, joined, literal
from parallelproject.executors.job.agent_pod import SESSIONS_VOLUME
from parallelproject.model.podtemplate import PodTemplate
from parallelproject.model.spec import Workspace

SETUP, AFTER_SETUP = "setup", "after-setup"
"""Names of the containers."""
CACHE_VOLUME = "pproj-setup-cache"
"""The volume of a template that keeps what setup makes, if it has one of this name."""
STATE = "/pproj/setup"
_CACHE = "/pproj/setup-cache"
_COPIED = ("image", "imagePullPolicy", "env", "envFrom", "workingDir", "resources", "securityContext", "volumeDevices")
"""Fields of the task's container that the container of its setup has, too."""


def setup_of(workspace: Workspace, pod: Json) -> Json | None:
    """The fields of ``PodSetup`` for an instruction; None without a setup.

    Args:
        workspace: The settings.
        pod: The spec of the pod.
    """
    if not workspace.setup:
        return None
    fields: Json = {
        "command": workspace.setup,
        "state": STATE,
        "image": pod["containers"][0].get("image"),
        "cacheKey": workspace.cache_key,
        "cache": _CACHE if _has_cache(pod) else None,
    }
    return {name: value for name, value in fields.items() if value}


def add_setup(pod: Json, command: list[str], wrapper_state: str, ours: Json) -> None:
    """Adds the two containers to a pod's spec, after its other init containers.

    Args:
        pod: The spec of the pod, whose first container is the task's, with all of its mounts; it is changed.
        command: The command of the setup.
        wrapper_state: The mount path of what belongs to the wrapper of the task's own command.
        ours: The second container, as ``prepare`` has it: its name and its command are replaced.
    """
    task, (prepare, *others) = pod["containers"][0], pod["initContainers"]
    mounts = [
        mount
        for mount in entries(task["volumeMounts"])
        if mount.get("mountPath") != wrapper_state and mount.get("name") != SESSIONS_VOLUME
    ]
    setup = {
        "name": SETUP,
        **{name: task[name] for name in _COPIED if name in task},
        "command": [f"{TOOLS}/pproj-wrap", STATE, WORKSPACE, *map(literal, command)],
        "volumeMounts": joined([folder(STATE)], mounts),
    }
    after = {**ours, "name": AFTER_SETUP}
    prepare["volumeMounts"] = [*prepare["volumeMounts"], folder(STATE)]
    if _has_cache(pod):
        cache = {"name": CACHE_VOLUME, "mountPath": _CACHE}
        for container in (prepare, after):
            container["volumeMounts"] = [*container["volumeMounts"], cache]
    pod["initContainers"] = [prepare, *others, setup, after]


def clashes(template: PodTemplate) -> Iterator[tuple[str, str, str]]:
    """What in a template is not compatible with a setup: the place, the finding, and the hint."""
    pod = template.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    for container in (*entries(pod.get("initContainers")), *entries(pod.get("containers"))):
        name = container.get("name")
        if name in (SETUP, AFTER_SETUP):
            yield "", f"has a container {name}; that name is reserved for spec.workspace.setup", "rename it"
        for mount in entries(container.get("volumeMounts")):
            if mount.get("name") == CACHE_VOLUME:
                found = f"mounts {CACHE_VOLUME} in {name}; only the containers that land the work may write there"
                yield "", found, "remove the mount: what setup made is copied into the workspace"


def _has_cache(pod: Json) -> bool:
    return any(volume.get("name") == CACHE_VOLUME for volume in entries(pod.get("volumes")))
