"""The Job of a run of a check: its pod checks out what has landed, or a part of it, and runs the command. Pure."""

from parallelproject.core.verification.check_run import CheckLaunch
from parallelproject.executors.base.delivery_instruction import check_instruction, deadline_of
from parallelproject.executors.base.executor import CheckStart
from parallelproject.executors.base.inherited_metadata import inherited
from parallelproject.executors.base.pod import (
    TASK_VOLUME,
    Json,
    child,
    joined,
)
from parallelproject.executors.job import single_run
from parallelproject.executors.job.command_template import command_template
from parallelproject.executors.job.delivery_pod import add_delivery, message_max
from parallelproject.executors.job.queue import queue_labels
from parallelproject.executors.job.setup_pod import setup_of
from parallelproject.model import names
from parallelproject.model.spec import Git

CHECK_FILE = "check.json"
KEPT_SECONDS = 6 * 3600
"""How long a Job is kept, with its log, if the operator does not remove it."""


def check_manifest(start: CheckStart, git: Git, image: str) -> Json:
    """The Job of a run of a check.

    Args:
        start: The run.
        git: The project's ``git``.
        image: The image of ``pproj-git``.
    """
    owner, spec, launch = start.owner, start.spec, start.launch
    check = launch.check
    given = inherited(spec.job_metadata, start.metadata)
    template = command_template(
        owner, spec, start.key, start.role, check.command, {names.ENV_PROJECT: owner.name}, given
    )
    metadata, pod = child(template, "metadata"), child(template, "spec")
    item = {"path": CHECK_FILE, "fieldRef": {"fieldPath": f"metadata.annotations['{names.ANNOTATION_CHECK}']"}}
    pod["volumes"] = joined([{"name": TASK_VOLUME, "downwardAPI": {"items": [item]}}], pod["volumes"])
    setup = setup_of(spec.workspace, pod)
    add_delivery(pod, git, image, CHECK_FILE, ("prepare-check", "report-check"), spec.workspace.setup)
    what = check_instruction(spec, git, owner.name, owner.uid, _what(launch, pod), setup)
    metadata["annotations"][names.ANNOTATION_CHECK] = what
    queue = start.queue
    deadline = deadline_of(check.active_deadline_seconds or spec.defaults.active_deadline_seconds)
    made = single_run.manifest(
        owner, start.key, start.claim, template, deadline, queue_labels(spec, queue), given, suspend=bool(queue)
    )
    made["spec"]["ttlSecondsAfterFinished"] = KEPT_SECONDS
    return made


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
