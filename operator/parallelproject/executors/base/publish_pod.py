"""The pod of an attempt at publishing, and its instruction, for any executor. Pure."""

import json
from itertools import accumulate, takewhile
from typing import NamedTuple

from parallelproject.core.followups import revision as published
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.plan import Plan
from parallelproject.executors.base.delivery_instruction import CREDENTIALS, PRIVATE
from parallelproject.executors.base.own_container import credentials_of, locked_down
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.pod import TASK_FOLDER, TASK_VOLUME, WORK_VOLUME, Json, folder
from parallelproject.model import names
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Git, MergeMode, PullRequest, Spec, is_followed

WAIT_SECONDS = 1800
"""Maximum time that one attempt waits for checks and approvals."""
PUBLISH, FOLLOW = "publish", "follow"
"""Names of the container: of one that publishes, and of one that follows the pull request."""
RESULT_FILE = "/dev/termination-log"
"""Where the container writes its report."""
_FILE = "publish.json"
_TOKEN = "/pproj/token"
DEADLINE_SECONDS = WAIT_SECONDS + 1800
"""Maximum time of an attempt."""
KEPT_SECONDS = 6 * 3600
"""How long an attempt is kept, with its log, after its end; its result is in the status."""
_BYTES_MAX = 200_000
"""Maximum size of an instruction; annotations have 256 KiB."""
_ROW_BYTES, _NAME_BYTES = 120, 3
"""Size of a task's row without ids, and of the separator of each dependency's id."""
_TITLES = ((200, True), (60, True), (60, False), (0, False))
"""Maximum characters of a title, and whether rows have their gates, tried in turn until all rows fit."""


def problems_of(spec: Spec) -> list[Problem]:
    """Too many tasks for an instruction that needs every one: each is published, or decides where a level ends."""
    git = spec.git
    if git is None or git.forge is None or not (git.is_by_task or git.is_by_level):
        return []
    wanted = git.pull_request or PullRequest()
    size = len(_json({"title": wanted.title, "body": wanted.body, "labels": wanted.labels}).encode(errors="replace"))
    for task in spec.tasks:
        needs = task.dependencies if git.is_by_task else ()
        size += len(task.id) + _ROW_BYTES + sum(len(need) + _NAME_BYTES for need in needs)
    if size <= _BYTES_MAX:
        return []
    found = f"the instruction to publish them needs about {size:,} bytes; the maximum is {_BYTES_MAX:,}"
    hint = "use shorter ids, split it into several projects, or use one pull request for all of it"
    return [Problem("spec.tasks", found, hint)]


class PublishPod(NamedTuple):
    """The parts of a pod that publishes, for an object of any kind."""

    container: Json
    volumes: list[Json]
    instruction: str
    """It is read from the annotation ``names.ANNOTATION_PUBLISH`` of the pod: it may be larger than a variable."""


def publish_pod(
    owner: Owner,
    spec: Spec,
    git: Git,
    graph: CompiledGraph,
    plan: Plan,
    image: str,
    name: str = PUBLISH,
    follow: Json | None = None,
) -> PublishPod:
    """The pod that publishes the work of a project.

    Args:
        owner: The project.
        spec: Its spec.
        git: Its ``git``, which has a forge.
        graph: The compiled spec.
        plan: The states of the tasks.
        image: The image that has ``pproj-publish``.
        name: The name of the container.
        follow: The fields of ``FollowRequest``; None: it publishes.
    """
    mounts = [{"name": TASK_VOLUME, "mountPath": TASK_FOLDER, "readOnly": True}, folder(PRIVATE)]
    item = {"path": _FILE, "fieldRef": {"fieldPath": f"metadata.annotations['{names.ANNOTATION_PUBLISH}']"}}
    volumes: list[Json] = [
        {"name": TASK_VOLUME, "downwardAPI": {"items": [item]}},
        {"name": WORK_VOLUME, "emptyDir": {}},
    ]
    if given := credentials_of(git):
        mounts.append(given[0])
        volumes.append(given[1])
    token = git.forge.token_secret_ref if git.forge else None
    if token:
        mounts.append({"name": "pproj-token", "mountPath": _TOKEN, "readOnly": True})
        items = [{"key": token.key, "path": "token"}]
        volumes.append({"name": "pproj-token", "secret": {"secretName": token.name, "items": items}})
    container = {
        "name": name,
        "image": image,
        "command": ["pproj-publish", f"{TASK_FOLDER}/{_FILE}", "--result", RESULT_FILE],
        "volumeMounts": mounts,
        **locked_down({}),
    }
    return PublishPod(container, volumes, instruction(owner, spec, git, graph, plan, follow))


def instruction(
    owner: Owner, spec: Spec, git: Git, graph: CompiledGraph, plan: Plan, follow: Json | None = None
) -> str:
    """The instruction of ``pproj-publish``. A pull request that is followed is merged by who follows it."""
    where: Json = {
        "url": git.url,
        "base": git.base_ref.removeprefix("refs/heads/"),
        "run": owner.uid,
        "private": PRIVATE,
        "waitSeconds": WAIT_SECONDS,
    }
    if git.credentials_secret_ref:
        where["credentials"] = CREDENTIALS
    if git.forge:
        where["forge"] = {"type": git.forge.type.value}
        if git.forge.url:
            where["forge"]["url"] = git.forge.url
        if git.forge.token_secret_ref:
            where["forge"]["token"] = f"{_TOKEN}/token"
    more: Json = {"follow": follow} if follow else {"merge": MergeMode.MANUAL.value} if is_followed(spec) else {}
    for length, has_gates in _TITLES:
        fields = where | published.instruction(graph, spec, plan, owner.name, length) | more
        if not has_gates:
            fields["tasks"] = [{key: row[key] for key in row if key != "gates"} for row in fields["tasks"]]
        text = _json(fields)
        if len(text.encode(errors="replace")) <= _BYTES_MAX:
            return text
    # Failed tasks first, and as many rows as fit.
    rows = sorted(
        ({key: row[key] for key in row if key != "role"} for row in fields.pop("tasks")),
        key=lambda row: "failed" not in row,
    )
    room = _BYTES_MAX - len(_json(fields).encode(errors="replace"))
    kept = takewhile(
        lambda used: used <= room, accumulate(len(_json(row).encode(errors="replace")) + 1 for row in rows)
    )
    return _json(fields | {"tasks": rows[: sum(1 for _ in kept)]})


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
