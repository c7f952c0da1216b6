"""Paths and volumes of a task's pod, and how to extend a template of any shape. Pure.

A value of the wrong type in a template is not changed: the API server reports it better.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from parallelproject.model.names import GROUP

Json = dict[str, Any]

TASK_FOLDER = "/pproj/task"
"""The folder of the task file."""
TASK_FILE, FEEDBACK_FILE = "task.json", "feedback.txt"
"""Names in it."""
TOOLS = "/pproj/bin"
"""The folder of what runs the command of a task whose work lands."""
OUTPUTS = "/pproj/outputs"
TASK_VOLUME = "pproj-task"
WORK_VOLUME = "pproj-work"
"""One volume for all folders of an attempt, each a subPath of its own: each further volume costs an API server about 4
% more time for every event of a pod."""


def folder(path: str, *, read_only: bool = False) -> Json:
    """The mount of one of the folders of ``WORK_VOLUME``."""
    mount: Json = {"name": WORK_VOLUME, "mountPath": path, "subPath": path.rpartition("/")[2]}
    return mount | {"readOnly": True} if read_only else mount


def joined(ours: Sequence[Json], theirs: object) -> object:
    """Our entries of a list, and after them those of the template."""
    return [*ours] if theirs is None else [*ours, *theirs] if isinstance(theirs, list) else theirs


def theirs(found: object) -> Json:
    """Labels or annotations of a template, without those that identify pods."""
    return {key: value for key, value in mapping(found).items() if not key.startswith(f"{GROUP}/")}


def literal(value: str) -> str:
    """A word of a command or the value of a variable, escaped for the kubelet, which replaces ``$(NAME)``, and ``$$``
    by ``$``."""
    return value.replace("$", "$$")


def add_variables(container: Json, ours: Mapping[str, str]) -> None:
    """Adds our variables to a container, before those of its template and in place of those with the same names."""
    known = container.get("env")
    if isinstance(known, list):
        known = [entry for entry in known if not (isinstance(entry, dict) and str(entry.get("name")) in ours)]
    added = [{"name": name, "value": literal(value)} for name, value in ours.items()]
    container["env"] = joined(added, known)


def harden(pod: Json) -> None:
    """A pod runs once, and without a token of the API server unless its template names an account."""
    pod["restartPolicy"] = "Never"
    if "serviceAccountName" not in pod:
        pod.setdefault("automountServiceAccountToken", False)


def child(parent: Json, key: str) -> Json:
    """A mapping within the template, created if absent."""
    found = parent.get(key)
    if not isinstance(found, dict):
        found = parent[key] = {}
    return found


def mapping(value: object) -> Json:
    """A value that should be a mapping; empty if it is not one."""
    return value if isinstance(value, dict) else {}


def entries(value: object) -> list[Json]:
    """The mappings in a value that should be a list of them."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
