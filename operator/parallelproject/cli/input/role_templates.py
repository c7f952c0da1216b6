"""Roles for tasks whose file names no image: pod templates that pass the ``restricted`` Pod Security Standard. Pure."""

from typing import Any

from parallelproject.model.spec import Spec
from parallelproject.sources.selection.roles import default_roles

Json = dict[str, Any]

IMAGE = "busybox:1.37"
_PRINT_TASK = ["cat", "$(PPROJ_TASK_FILE)"]
_USER = 65532  # "nonroot" of most images


def with_roles(manifest: Json, spec: Spec, image: str | None, command: str | None) -> bool:
    """Gives a manifest roles where it has none, and sets image and command where they are given.

    Returns:
        Whether its tasks only print their task files.
    """
    body = manifest["spec"]
    made = bool(spec.tasks) and not spec.roles
    if made:
        if any(task.role is None for task in spec.tasks) and spec.defaults.role is None:
            body["defaults"] = {"role": default_roles().default, **body.get("defaults", {})}
        used = [body.get("defaults", {}).get("role"), *(task.role for task in spec.tasks)]
        names = [name for name in dict.fromkeys(used) if name]
        body["roles"] = [{"name": name, "podTemplate": _template()} for name in names]
        manifest["spec"] = {key: body[key] for key in type(spec).model_json_schema()["properties"] if key in body}
    for role in body.get("roles", []):
        containers = (role.get("podTemplate") or {}).get("spec", {}).get("containers") or [{}]
        if image is not None:
            containers[0]["image"] = image
        if command is not None:
            # In a pod $$ would become $, which a shell has other uses for.
            containers[0]["command"] = ["/bin/sh", "-c", command.replace("$$", "$$$$")]
    return made and command is None


def _template() -> Json:
    return {
        "spec": {
            "containers": [
                {
                    "name": "task",
                    "image": IMAGE,
                    "command": list(_PRINT_TASK),
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "fsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
    }
