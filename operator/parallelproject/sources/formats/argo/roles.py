"""A container or script template of an Argo Workflow as the pod template of a role. Pure."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from parallelproject.model.problem import quoted

Error = Callable[[str, str, str], None]
"""Called with each problem: the path below the template, what was found, and the fix."""

_OF_POD = (
    "affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "hostAliases", "hostNetwork",
    "imagePullSecrets", "nodeSelector", "priorityClassName", "schedulerName", "securityContext", "serviceAccountName",
    "tolerations",
)  # fmt: skip
_READS_SCRIPTS = {
    "ash": "-c", "bash": "-c", "dash": "-c", "sh": "-c", "zsh": "-c", "python": "-c", "python3": "-c", "node": "-e",
    "perl": "-e", "ruby": "-e",
}  # fmt: skip
_OTHERS = ("dag", "steps", "suspend", "resource", "http", "plugin", "data", "containerSet")


def role_name(text: str) -> str:
    """A template's name as the name of a role."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-") or "task"


def pod_template(template: dict[str, Any], spec: dict[str, Any], error: Error) -> dict[str, Any] | None:
    """The PodTemplateSpec of a template; None where it has none.

    Args:
        template: The template.
        spec: The workflow's spec, which has what all its pods share.
        error: Is called with what cannot be expressed.
    """
    container = template.get("container")
    if not isinstance(container, dict):
        container = _of_script(template.get("script"), error)
    if container is None:
        kind = next((key for key in _OTHERS if key in template), None)
        if kind is not None:
            error(
                f".{kind}", "is not a container or script, so it is not a task", "use a template that runs a container"
            )
        elif "script" not in template:
            error("", "has neither a container nor a script", "add one")
        return None
    for key in ("inputs", "outputs"):
        part = template.get(key)
        if isinstance(part, dict) and part.get("artifacts"):
            error(f".{key}.artifacts", "are not passed between tasks here", "let the work land in git")
    outputs = template.get("outputs")
    if isinstance(outputs, dict) and outputs.get("parameters"):
        error(".outputs.parameters", "are not read", "write them to files below $PPROJ_OUTPUTS")
    container = {"name": "main", **container}
    if not container.get("command"):
        error(".container.command", "is missing", "set it; the entry point of an image is not known here")
    pod: dict[str, Any] = {"containers": [container, *_list(template.get("sidecars"))]}
    if template.get("initContainers"):
        pod["initContainers"] = _list(template["initContainers"])
    volumes = [*_list(spec.get("volumes")), *_list(template.get("volumes"))]
    if volumes:
        pod["volumes"] = volumes
    if spec.get("volumeClaimTemplates"):
        error("", "uses volumeClaimTemplates of the workflow, which are not created here", "use an existing claim")
    for key in _OF_POD:
        value = template.get(key, spec.get(key))
        if value is not None:
            pod[key] = value
    metadata = template.get("metadata") if isinstance(template.get("metadata"), dict) else spec.get("podMetadata")
    made: dict[str, Any] = {"spec": pod}
    if isinstance(metadata, dict):
        made["metadata"] = {
            key: metadata[key] for key in ("labels", "annotations") if isinstance(metadata.get(key), dict)
        }
    return made


def _of_script(script: object, error: Error) -> dict[str, Any] | None:
    if not isinstance(script, dict):
        return None
    command, source = script.get("command"), script.get("source")
    container = {key: value for key, value in script.items() if key not in ("source", "command")}
    words = [word for word in command if isinstance(word, str)] if isinstance(command, list) else []
    flag = _READS_SCRIPTS.get(PurePosixPath(words[0]).name) if words else None
    if flag is None:
        shown = quoted(words[0]) if words else "no command"
        error(".script.command", f"{shown}: not known to take a script as an argument", "use sh, bash, python or node")
        return container
    if not isinstance(source, str):
        error(".script.source", "is missing", "write the script")
        source = ""
    # In a pod $(NAME) is replaced and $$ is $; Argo writes scripts as they are.
    kept = source.replace("$$", "$$$$").replace("$(", "$$(")
    return {**container, "command": [*words, flag, kept]}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list) else []
