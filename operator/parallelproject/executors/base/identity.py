"""Which attempt an object belongs to, by its name, its labels and its owner. Pure.

The name is a function of the attempt, so that creating it twice makes only one. Labels alone prove nothing.
"""

from collections.abc import Mapping
from typing import Any

from parallelproject.core.report.status import ATTEMPT_MAX
from parallelproject.executors.base.owner import Owner
from parallelproject.model import names
from parallelproject.model.work import WorkKey, WorkKind

Json = dict[str, Any]

_OF_WORK = (names.LABEL_KIND, names.LABEL_TASK, names.LABEL_STEP)
"""Labels that only some kinds of work have."""


def labels(owner: Owner, key: WorkKey) -> dict[str, str]:
    """The labels of every object of an attempt.

    Those of an attempt at a task name no kind: they are the same in every release.
    """
    found = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_PROJECT: owner.name,
        names.LABEL_PROJECT_UID: owner.uid,
        names.LABEL_ATTEMPT: str(key.attempt),
    }
    if not key.is_task:
        found[names.LABEL_KIND] = key.kind.value
    if key.task:
        found[names.LABEL_TASK] = key.task
    if key.step:
        found[names.LABEL_STEP] = key.step
    return found


def key_of(marks: Mapping[str, str]) -> WorkKey | None:
    """The attempt in the labels; None if they name none.

    Earlier releases labelled publishing as an attempt at the task ""; such Jobs may still run.
    """
    kind, task = marks.get(names.LABEL_KIND), marks.get(names.LABEL_TASK)
    if kind is None and task is None:
        return None
    try:
        attempt = int(marks[names.LABEL_ATTEMPT])
        found = WorkKind(kind) if kind is not None else WorkKind.TASK if task else WorkKind.PUBLISH
    except (KeyError, ValueError):
        return None
    if not 0 < attempt <= ATTEMPT_MAX or (found is WorkKind.TASK and not task):
        return None
    return WorkKey(found, task or "", marks.get(names.LABEL_STEP, ""), attempt)


def metadata(owner: Owner, key: WorkKey, claim: str) -> Json:
    """The metadata of the object that an attempt is.

    Args:
        owner: The project.
        key: The attempt.
        claim: What it holds or publishes, for processes that find it later.
    """
    return {
        "name": names.job_name(owner.name, owner.uid, key),
        "namespace": owner.namespace,
        "labels": labels(owner, key),
        "annotations": {names.ANNOTATION_CLAIM: claim},
        "ownerReferences": [owner.reference],
    }


def is_ours(obj: Mapping[str, Any], owner: Owner, key: WorkKey, uid: str = "") -> bool:
    """Whether an object belongs to this attempt, even if others changed its labels and owner references.

    Its name is a function of the attempt. In addition, the project must control it, or nothing controls it and its
    labels name the project, or its uid is known.

    Args:
        obj: The object.
        owner: The project.
        key: The attempt.
        uid: The uid of the attempt's object, where that is known.
    """
    found = obj.get("metadata") or {}
    if found.get("name") != names.job_name(owner.name, owner.uid, key):
        return False
    controller = controller_of(obj)
    if controller == owner.uid or (uid and found.get("uid") == uid):
        return True
    return not controller and (found.get("labels") or {}).get(names.LABEL_PROJECT_UID) == owner.uid


def controller_of(obj: Mapping[str, Any]) -> str:
    """The uid of an object's controller; empty if it has none."""
    owners = (obj.get("metadata") or {}).get("ownerReferences") or ()
    return next((str(ref.get("uid") or "") for ref in owners if ref.get("controller")), "")


def is_intact(obj: Mapping[str, Any], owner: Owner, key: WorkKey) -> bool:
    """Whether an object still has the labels and the owner by which it is watched and belongs to its project."""
    marks = (obj.get("metadata") or {}).get("labels") or {}
    wanted = {name: value for name, value in labels(owner, key).items() if name not in _OF_WORK}
    is_marked = key_of(marks) == key and all(marks.get(name) == value for name, value in wanted.items())
    return is_marked and controller_of(obj) == owner.uid


def restore_patch(owner: Owner, key: WorkKey, uid: str) -> Json:
    """A strategic merge patch that restores the labels and the owner of an object."""
    marks = dict.fromkeys(_OF_WORK) | labels(owner, key)
    return {"metadata": {"uid": uid, "labels": marks, "ownerReferences": [owner.reference]}}
