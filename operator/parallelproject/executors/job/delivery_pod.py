"""The containers that land a task's work: ``prepare`` before the task's container, ``git`` next to it.

Without a repository, ``reader`` in place of ``git`` reads how an agent has ended. Pure. The task's container sees the
checkout, and what runs its command; the private git directory and the credentials are mounted in the two others only.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Any

from parallelproject.executors.base.delivery_instruction import PRIVATE, WORKSPACE, git_problems
from parallelproject.executors.base.own_container import CREDENTIALS_VOLUME, credentials_of, locked_down
from parallelproject.executors.base.pod import (
    OUTPUTS,
    TASK_FOLDER,
    TASK_VOLUME,
    TOOLS,
    WORK_VOLUME,
    Json,
    entries,
    folder,
    joined,
    mapping,
)
from parallelproject.executors.job import setup_pod
from parallelproject.model.podtemplate import PodTemplate
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Git, Spec

PREPARE, GIT, READER = "prepare", "git", "reader"
"""Names of the containers."""
READING = ("prepare-reading", "read")
"""The steps of the two containers where nothing lands."""
DELIVERY_FILE = "delivery.json"
_STATE = "/pproj/state"
_MESSAGE_MAX, _MESSAGES_MAX = 4096, 12_288
"""Bytes that the kubelet keeps of the termination message of a container, and of all of a pod: each gets its share."""
_MESSAGE_MIN = 1024


def problems_of(spec: Spec, project: str) -> list[Problem]:
    """The problems that keep the work of a spec from landing from a cluster."""
    git, found = spec.git, git_problems(spec, project)
    for i, role in enumerate(spec.roles):
        if role.pod_template is not None and (git or role.agent):
            place = f"spec.roles[{i}].podTemplate.spec"
            clashes = (*_clashes(role.pod_template), *_hands_out(role.pod_template, _secrets(git) if git else set()))
            clashes += (*setup_pod.clashes(role.pod_template),) if spec.workspace.setup else ()
            found += [Problem(f"{place}{where}", what, hint) for where, what, hint in clashes]
    return found


def add_delivery(
    pod: Json,
    git: Git | None,
    image: str,
    file: str = DELIVERY_FILE,
    steps: tuple[str, str] = ("prepare", "deliver"),
    setup: list[str] | None = None,
) -> None:
    """Adds the two containers to a pod's spec, and wraps the command of its first one.

    Args:
        pod: The spec of a pod that has the volumes of every task; it is changed.
        git: Where the work lands; None: nowhere.
        image: The image of ``pproj-git``.
        file: Name of the file with its instruction.
        steps: What it is to do in the first and in the second container.
        setup: The command that runs in the workspace before the task's.
    """
    agent = pod["containers"][0]
    agent["command"] = [f"{TOOLS}/pproj-wrap", _STATE, WORKSPACE, *agent["command"]]
    agent["volumeMounts"] = joined([folder(TOOLS, read_only=True), folder(_STATE)], agent["volumeMounts"])
    if git:
        trust_checkout(agent)

    instruction_file = f"{TASK_FOLDER}/{file}"
    result = ["--result", "/dev/termination-log"]
    mounts = [{"name": TASK_VOLUME, "mountPath": TASK_FOLDER, "readOnly": True}, folder(PRIVATE), folder(_STATE)]
    if git and (given := credentials_of(git)):
        mounts.append(given[0])
        pod["volumes"] = joined([given[1]], pod["volumes"])
    common: Json = {"image": image, **locked_down(pod)}
    prepare = {
        "name": PREPARE,
        **common,
        "command": ["pproj-git", steps[0], instruction_file, "--state", _STATE, "--tools", TOOLS, *result],
        "volumeMounts": [*mounts, *([folder(WORKSPACE)] if git else []), folder(TOOLS)],
    }
    work = [folder(WORKSPACE, read_only=True)] if git else []
    git_container = {
        "name": GIT if git else READER,
        **common,
        "command": ["pproj-git", steps[1], instruction_file, "--state", _STATE, *result],
        "volumeMounts": [*mounts, *work, folder(OUTPUTS, read_only=True)],
    }
    # Before the init containers of the template, which may need the checkout.
    pod["initContainers"] = joined([prepare], pod.get("initContainers"))
    if setup:
        command = ["pproj-git", "after-setup", instruction_file, *result]
        after = {**prepare, "command": command, "volumeMounts": [*mounts, folder(WORKSPACE)]}
        setup_pod.add_setup(pod, setup, _STATE, after)
    pod["containers"].append(git_container)


def message_max(pod: Mapping[str, Any], more: int = 0) -> int:
    """Maximum bytes of the termination message of one of our containers.

    Args:
        pod: The spec of the pod.
        more: Number of the containers that are still to be added to it.
    """
    containers = len(entries(pod.get("containers"))) + len(entries(pod.get("initContainers"))) + more
    return max(_MESSAGE_MIN, min(_MESSAGE_MAX, _MESSAGES_MAX // max(1, containers)))


def trust_checkout(container: Json) -> None:
    """Lets git look at the checkout, which may belong to another user than the container's: it would refuse."""
    if not any(entry.get("name") == "GIT_CONFIG_COUNT" for entry in entries(container["env"])):
        trust = (("COUNT", "1"), ("KEY_0", "safe.directory"), ("VALUE_0", WORKSPACE))
        added = [{"name": f"GIT_CONFIG_{key}", "value": value} for key, value in trust]
        container["env"] = joined(added, container["env"])


def _clashes(template: PodTemplate) -> Iterator[tuple[str, str, str]]:
    """What in a template is not compatible with landing: the place, the finding, and the hint."""
    pod = template.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    for field in ("shareProcessNamespace", "hostPID"):
        if pod.get(field):
            yield f".{field}", "would let the task read the git container's credentials", "remove it"
    for container in (*entries(pod.get("initContainers")), *entries(pod.get("containers"))):
        name = container.get("name")
        if name in (PREPARE, GIT, READER):
            found = (
                f"has a container {name}; that name is reserved for a container that lands the work or reads its end"
            )
            yield "", found, "rename it"
        for mount in entries(container.get("volumeMounts")):
            volume, part = mount.get("name"), mount.get("subPath")
            ours = volume == WORK_VOLUME and f"/pproj/{part}" not in (WORKSPACE, OUTPUTS)
            if ours or volume == CREDENTIALS_VOLUME:
                hint = f"mount {WORK_VOLUME} with subPath workspace or outputs"
                yield "", f"mounts {volume} in {name}; a task must not see its content", hint


def _secrets(git: Git) -> set[str]:
    """Names of the Secrets that only our containers may use."""
    forge = git.forge.token_secret_ref if git.forge else None
    return {ref.name for ref in (git.credentials_secret_ref, forge) if ref is not None}


def _hands_out(template: PodTemplate, secrets: Set[str]) -> Iterator[tuple[str, str, str]]:
    """Secrets of the landing that a template gives to its own containers: the place, the finding, and the hint."""
    pod = template.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    named: list[tuple[str, object]] = []
    for i, volume in enumerate(entries(pod.get("volumes"))):
        named.append((f".volumes[{i}]", mapping(volume.get("secret")).get("secretName")))
        for source in entries(mapping(volume.get("projected")).get("sources")):
            named.append((f".volumes[{i}]", mapping(source.get("secret")).get("name")))
    for kind in ("initContainers", "containers"):
        for i, container in enumerate(entries(pod.get(kind))):
            for variable in entries(container.get("env")):
                chosen = mapping(mapping(variable.get("valueFrom")).get("secretKeyRef"))
                named.append((f".{kind}[{i}].env", chosen.get("name")))
            for source in entries(container.get("envFrom")):
                named.append((f".{kind}[{i}].envFrom", mapping(source.get("secretRef")).get("name")))
    for where, name in named:
        if name in secrets:
            hint = "if the task needs a Secret, give it its own, with fewer rights"
            yield where, f"gives the task the Secret {name}, which is only for landing its work", hint
