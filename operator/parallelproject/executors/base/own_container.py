"""What our own containers in a pod have in common: their rights, their resources, and the credentials of git. Pure."""

from collections.abc import Mapping
from typing import Any

from parallelproject.executors.base.delivery_instruction import CREDENTIALS
from parallelproject.executors.base.pod import Json, entries, mapping
from parallelproject.model.spec import Git

CREDENTIALS_VOLUME = "pproj-credentials"
_REQUESTS = {"cpu": "20m", "memory": "64Mi"}


def credentials_of(git: Git) -> tuple[Json, Json] | None:
    """The mount and the volume of git's credentials, for our containers only; None if the spec names none."""
    if git.credentials_secret_ref is None:
        return None
    mount = {"name": CREDENTIALS_VOLUME, "mountPath": CREDENTIALS, "readOnly": True}
    return mount, {"name": CREDENTIALS_VOLUME, "secret": {"secretName": git.credentials_secret_ref.name}}


def locked_down(pod: Mapping[str, Any]) -> Json:
    """Security context and resources of our containers: the minimum that they need.

    They run as the user of the pod's first container if it names one, so that both can access each other's files.
    """
    agent = mapping((entries(pod.get("containers")) or [{}])[0].get("securityContext"))
    whole = mapping(pod.get("securityContext"))
    user = {key: value for key in ("runAsUser", "runAsGroup") if (value := agent.get(key, whole.get(key))) is not None}
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": user.get("runAsUser") != 0,
        "seccompProfile": {"type": "RuntimeDefault"},
        **user,
    }
    return {"securityContext": security, "resources": {"requests": _REQUESTS}}
