"""The laws of a run that is edited: those of ``laws`` for each project that had the name, and what edits add to them.

Roles and files are judged here and not by ``laws``: by what each attempt was started with, since an edit that takes a
task's role or files away does not take them from a running attempt. The other laws get their grace after an edit, and
as much more as the fault keeps the operator from hearing of it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rig.deadline import until
from rig.operator import USER
from tests.controller.audit import LABEL, Happened, Json, by_user, history, is_release, refusals, told, writes
from tests.controller.laws import GRACE_SECONDS, judge, overlap
from tests.faults.lab import Run
from tests.faults.plan import KILLS, Action, Fault
from tests.faults.scenario import has_ended

_RESTART_SECONDS = 3.0
_PROJECTS = "parallelprojects"


def grace_of(faults: Sequence[Fault]) -> float:
    """How long an edit may take to be heard of."""
    more = 0.0
    for fault in faults:
        if fault.on.endswith("-projects") or fault.action in KILLS:
            more = max(more, _RESTART_SECONDS + (fault.seconds if fault.action in (Action.DELAY, Action.OLD) else 0))
    return GRACE_SECONDS + more


def verdict(run: Run, made: Sequence[Json], last: Json, grace: float) -> list[str]:
    """Every breach of a law by any of the projects."""
    events: list[Json] = []

    def is_logged() -> bool:
        nonlocal events
        events = run.events()
        wanted = last["metadata"]["resourceVersion"]
        return any(_version(event) == int(wanted) for event in reversed(events))

    until(is_logged, "the audit log", seconds=60)
    asked = by_user(events, USER)
    breaches = [f"refused: {line}" for code in (400, 403, 422) for line in refusals(asked, code)]
    breaches += _written_after_end(events)
    deletions = [event for event in writes(events) if event["verb"] == "delete" and _is_project(event)]
    for i, project in enumerate(made):
        happened = history(events, project["metadata"]["uid"])
        found = judge([_without_room(change) for change in happened], grace=grace)
        found += [*_judge_room(happened), *_judge_brakes(happened, grace)]
        if i < len(deletions):
            found += _judge_deleted(happened, _seconds(deletions[i]), grace)
        breaches += [f"{line} (project {i + 1} of {len(made)})" for line in found]
    return breaches


def _is_project(event: Json) -> bool:
    return bool(event["objectRef"]["resource"] == _PROJECTS and not event["objectRef"].get("subresource"))


def _version(event: Json) -> int:
    return int(((event.get("responseObject") or {}).get("metadata") or {}).get("resourceVersion") or 0)


def _written_after_end(events: Sequence[Json]) -> Iterator[str]:
    """What the operator wrote between an end and the next edit."""
    done = [event for event in writes(events) if 200 <= event["responseStatus"]["code"] < 300]
    places, newest = [], 0
    for event in done:
        newest = _version(event) or newest
        places.append(newest)
    ended = False
    for _, event in sorted(zip(places, done, strict=True), key=lambda pair: pair[0]):
        ref, is_operator = event["objectRef"], event["user"]["username"] == USER
        if not is_operator:
            ended = ended and ref["resource"] != _PROJECTS
        elif ref["resource"] not in ("leases", "events"):
            if ended and not is_release(event):
                yield f"written after the end: {told(event)}"
            ended = ended or (ref.get("subresource") == "status" and has_ended(event.get("responseObject") or {}))


def _judge_deleted(happened: Sequence[Happened], deleted: float, grace: float) -> Iterator[str]:
    """What was begun for a project that is deleted."""
    tasks: dict[str, str] = {}  # by uid of the Job
    ended: set[str] = set()
    gone: set[str] = set()
    for change in happened:
        if change.kind in ("complete", "failed"):
            ended.add(change.uid)
        elif change.kind == "gone":
            gone.add(change.uid)
        elif change.kind == "created":
            marks = change.value["metadata"]["labels"]
            name, late = f"{marks.get(f'{LABEL}/task', '')}#{marks[f'{LABEL}/attempt']}", change.seconds - deleted
            again = [uid for uid in gone - ended if tasks[uid] == marks[f"{LABEL}/task"]]
            tasks[change.uid] = marks[f"{LABEL}/task"]
            if late > 0 and again:
                yield f"{name} was created {late:.1f} s after the project's deletion, which took the attempt before"
            elif late > grace:
                yield f"{name} was created {late:.1f} s after the project's deletion"


def _judge_brakes(happened: Sequence[Happened], grace: float) -> Iterator[str]:
    """What was started while the project was suspended or stopped."""
    since: float | None = None
    for change in happened:
        if change.kind == "spec":
            is_braked = bool(change.value.get("suspend") or change.value.get("stop"))
            since = (since or change.seconds) if is_braked else None
        elif change.kind == "created" and since is not None and change.seconds > since + grace:
            name = _held(change.value).name
            yield f"{name} was created {change.seconds - since:.1f} s after the project was suspended or stopped"


@dataclass
class _Held:
    """An attempt, and what it was started with."""

    name: str
    role: str
    files: list[str]
    running: bool = True


def _judge_room(happened: Sequence[Happened]) -> Iterator[str]:
    """Running attempts at once of one role, or of the same files."""
    held: dict[str, _Held] = {}
    caps: dict[str, int | None] = {}
    for change in happened:
        if change.kind == "spec":
            caps = {each["name"]: each.get("maxConcurrent") for each in change.value["roles"]}
        elif change.kind == "created":
            new = held[change.uid] = _held(change.value)
            working = [other for other in held.values() if other.running]
            of_role = [other.name for other in working if other.role == new.role]
            cap = caps.get(new.role)
            if cap and len(of_role) > cap:
                yield f"{', '.join(of_role)} were running, over the cap of {cap} of role {new.role}"
            for other in working:
                if other is not new and overlap(new.files, other.files):
                    yield f"{new.name} was created while {other.name}, which writes the same files, was running"
        elif change.kind in ("complete", "failed", "gone") and change.uid in held:
            held[change.uid].running = False
        elif change.kind in ("pod-succeeded", "pod-failed"):
            for owner in change.value["metadata"].get("ownerReferences") or ():
                if owner["uid"] in held:
                    held[owner["uid"]].running = False


def _held(made: Json) -> _Held:
    """From a Job, or from its pod."""
    pod = made["spec"].get("template") or made
    marks = made["metadata"]["labels"]
    document = json.loads(pod["metadata"]["annotations"][f"{LABEL}/task-file"])
    name = f"{marks.get(f'{LABEL}/task', '')}#{marks[f'{LABEL}/attempt']}"
    return _Held(name, document["role"], document["task"].get("files") or [])


def _without_room(change: Happened) -> Happened:
    """A spec without roles' caps and files."""
    if change.kind != "spec":
        return change
    roles = [{k: v for k, v in each.items() if k != "maxConcurrent"} for each in change.value["roles"]]
    tasks = [{k: v for k, v in each.items() if k != "files"} for each in change.value["tasks"]]
    return change._replace(value=change.value | {"roles": roles, "tasks": tasks})


def _seconds(event: Json) -> float:
    return datetime.fromisoformat(event["stageTimestamp"]).timestamp()
