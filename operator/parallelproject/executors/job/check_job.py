"""The Job of a run of a check: its pod checks out what has landed, or a part of it, and runs the command. Pure."""

from parallelproject.core.verification.verifying import CheckLaunch
from parallelproject.executors.base.delivery_instruction import WORKSPACE, check_instruction, deadline_of
from parallelproject.executors.base.executor import CheckStart
from parallelproject.executors.base.identity import labels
from parallelproject.executors.base.inherited_metadata import inherited
from parallelproject.executors.job import single_run
from parallelproject.executors.job.delivery_pod import add_delivery, message_max
from parallelproject.executors.job.pod import (
    OUTPUTS,
    TASK_VOLUME,
    WORK_VOLUME,
    Json,
    add_variables,
    child,
    folder,
    harden,
    joined,
    literal,
    theirs,
)
from parallelproject.executors.job.queue import queue_labels
from parallelproject.executors.job.role_template import pod_template
from parallelproject.model import names
from parallelproject.model.spec import Git, Spec

CHECK_FILE = "check.json"
_KEPT_SECONDS = 6 * 3600
"""How long a Job is kept, with its log, if the operator does not remove it."""


def check_manifest(start: CheckStart, git: Git, image: str) -> Json:
    """The Job of a run of a check.

    Args:
        start: The run.
        git: The project's ``git``.
        image: The image of ``pproj-git``.
    """
    owner, spec, launch = start.owner, start.spec, start.launch
    check, role = launch.check, _role_of(spec, launch)
    given = inherited(spec.job_metadata, start.metadata)
    template = pod_template(spec, role)
    metadata, pod = child(template, "metadata"), child(template, "spec")
    container = pod["containers"][0]
    container["command"] = [literal(word) for word in check.command]
    container.pop("args", None)
    ours = {names.ENV_PROJECT: owner.name, names.ENV_RUN: owner.uid, names.ENV_WORKSPACE: WORKSPACE}
    add_variables(container, ours)
    container.setdefault("workingDir", WORKSPACE)
    container["volumeMounts"] = joined([folder(WORKSPACE), folder(OUTPUTS)], container.get("volumeMounts"))
    harden(pod)
    item = {"path": CHECK_FILE, "fieldRef": {"fieldPath": f"metadata.annotations['{names.ANNOTATION_CHECK}']"}}
    volumes = [{"name": TASK_VOLUME, "downwardAPI": {"items": [item]}}, {"name": WORK_VOLUME, "emptyDir": {}}]
    pod["volumes"] = joined(volumes, pod.get("volumes"))
    add_delivery(pod, git, image, CHECK_FILE, ("prepare-check", "report-check"))
    metadata["labels"] = {**given.labels, **theirs(metadata.get("labels")), **labels(owner, start.key)}
    metadata["annotations"] = {
        names.KUBECTL_CONTAINER: container["name"],
        **given.annotations,
        **theirs(metadata.get("annotations")),
        names.ANNOTATION_CONTAINER: container["name"],
        names.ANNOTATION_CHECK: check_instruction(spec, git, owner.name, owner.uid, _what(launch, pod)),
    }
    metadata.pop("name", None)
    described = spec.role(role)
    queue = (described.queue_name if described else None) or spec.queue_name
    deadline = deadline_of(check.active_deadline_seconds or spec.defaults.active_deadline_seconds)
    made = single_run.manifest(
        owner, start.key, start.claim, template, deadline, queue_labels(spec, queue), given, suspend=bool(queue)
    )
    made["spec"]["ttlSecondsAfterFinished"] = _KEPT_SECONDS
    return made


def _role_of(spec: Spec, launch: CheckLaunch) -> str | None:
    """The role whose template a check runs in."""
    return launch.check.role or spec.defaults.role or spec.roles[0].name


def _what(launch: CheckLaunch, pod: Json) -> Json:
    """The fields of ``PodCheck``."""
    fields: Json = {
        "messageMax": message_max(pod),
        "probe": launch.probe.name if launch.probe else "",
        "base": launch.work.base if launch.work else "",
        "tip": launch.work.tip if launch.work else "",
        "since": launch.since,
        "paths": launch.check.paths,
    }
    return {name: value for name, value in fields.items() if value}
