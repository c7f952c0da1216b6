"""The Job of an attempt at publishing. Pure: builds the manifest, sends nothing."""

import json
from itertools import accumulate, takewhile

from parallelproject.core.graph import CompiledGraph
from parallelproject.core.plan import Plan
from parallelproject.core.publishing import task_rows
from parallelproject.executors import once
from parallelproject.executors.delivery_pod import CREDENTIALS, PRIVATE, branch_of, credentials_of, locked_down
from parallelproject.executors.owner import Owner
from parallelproject.executors.pod import TASK_FOLDER, TASK_VOLUME, WORK_VOLUME, Json, folder
from parallelproject.executors.sightings import PUBLISHING
from parallelproject.model import names
from parallelproject.model.spec import Git, MergeMode, PullRequest, Spec
from parallelproject.model.status import TaskState

WAIT_SECONDS = 1800
"""How long one attempt waits for checks and approvals."""
_FILE = "publish.json"
_TOKEN = "/pproj/token"
_MARGIN = 1800
_BYTES_MAX = 200_000
"""Of an instruction; annotations have 256 KiB."""
_TITLES = (200, 60, 0)
"""Characters of a title that are told, tried in turn until all rows have room."""


def publish_manifest(
    owner: Owner, spec: Spec, git: Git, graph: CompiledGraph, plan: Plan, revision: str, number: int, image: str
) -> Json:
    """The Job of attempt ``number`` at publishing.

    Args:
        owner: The project.
        spec: Its spec.
        git: Its ``git``, which has a forge.
        graph: The compiled spec.
        plan: Where the tasks stand.
        revision: What is published.
        number: Of the attempt, of all of this project.
        image: The image that has ``pproj-publish``.
    """
    marks = once.labels(owner, PUBLISHING, number)
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
        "name": "publish",
        "image": image,
        "command": ["pproj-publish", f"{TASK_FOLDER}/{_FILE}", "--result", "/dev/termination-log"],
        "volumeMounts": mounts,
        **locked_down({}),
    }
    template: Json = {
        "metadata": {
            "labels": marks,
            "annotations": {names.ANNOTATION_PUBLISH: instruction(owner, spec, git, graph, plan)},
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "containers": [container],
            "volumes": volumes,
        },
    }
    return once.manifest(owner, marks, revision, template, WAIT_SECONDS + _MARGIN)


def instruction(owner: Owner, spec: Spec, git: Git, graph: CompiledGraph, plan: Plan) -> str:
    """What ``pproj-publish`` is told: it merges only the whole, and only where nothing has failed."""
    wanted = git.pull_request or PullRequest()
    is_whole = plan.completed and all(state is TaskState.SUCCEEDED for state in plan.states)
    told: Json = {
        "url": git.url,
        "base": git.base_ref.removeprefix("refs/heads/"),
        "branch": branch_of(git, owner.name),
        "project": owner.name,
        "run": owner.uid,
        "private": PRIVATE,
        "labels": wanted.labels,
        "draft": wanted.draft,
        "merge": (wanted.merge if is_whole else MergeMode.MANUAL).value,
        "waitSeconds": WAIT_SECONDS,
    }
    if wanted.title:
        told["title"] = wanted.title
    if wanted.body:
        told["body"] = wanted.body
    if git.credentials_secret_ref:
        told["credentials"] = CREDENTIALS
    if git.forge:
        told["forge"] = {"type": git.forge.type.value}
        if git.forge.url:
            told["forge"]["url"] = git.forge.url
        if git.forge.token_secret_ref:
            told["forge"]["token"] = f"{_TOKEN}/token"
    for length in _TITLES:
        rows = task_rows(graph, plan, length)
        text = _json(told | {"tasks": rows})
        if len(text.encode(errors="replace")) <= _BYTES_MAX:
            return text
    # Those that failed first, and of them all as many as there is room for.
    rows = sorted(
        ({key: row[key] for key in row if key != "role"} for row in rows), key=lambda row: "failed" not in row
    )
    room = _BYTES_MAX - len(_json(told).encode(errors="replace"))
    kept = takewhile(
        lambda used: used <= room, accumulate(len(_json(row).encode(errors="replace")) + 1 for row in rows)
    )
    return _json(told | {"tasks": rows[: sum(1 for _ in kept)]})


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
