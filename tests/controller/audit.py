"""The laws of a run, judged from the API server's audit log: what was done, in the order of etcd's revisions.

Nothing here is taken from the operator: not its status, not its graph, not its view of Jobs and pods. A Job is
alive from its creation until it has finished or is gone; a task is at work from the creation of its Job until its
pod has ended (by other than a disruption, after which its Job goes on) or the Job has.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]

LABEL = "parallelproject.io"
GRACE_SECONDS = 2.0
"""For so long after an edit of the spec a creation may still follow the spec from before."""
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class AuditLog:
    """The log as it grows."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.outages: list[tuple[int, int]] = []
        """From where to where the API server was away and coming back: it refuses what it will allow once it has
        read the roles."""

    def position(self) -> int:
        """Where it ends by now."""
        return self._file.stat().st_size

    def events(self, since: int = 0, mentions: str = "", until: int | None = None) -> list[Json]:
        """The requests that were answered since a position, in the order of their answers.

        Args:
            since: An earlier ``position``.
            mentions: Only requests that mention this text; a namespace, to save time.
            until: Another ``position``, where to end.
        """
        with self._file.open("rb") as file:
            file.seek(since)
            whole, _, _ = file.read(-1 if until is None else until - since).rpartition(b"\n")
        wanted = mentions.encode()
        parsed = (json.loads(line) for line in whole.split(b"\n") if line and wanted in line)
        return [event for event in parsed if event["stage"] == "ResponseComplete"]

    def events_without_outages(self) -> list[Json]:
        """All requests but those of the ``outages``."""
        starts = [0, *(end for _, end in self.outages)]
        ends = [*(start for start, _ in self.outages), None]
        return [event for start, end in zip(starts, ends, strict=True) for event in self.events(start, until=end)]


def by_user(events: Iterable[Json], user: str) -> list[Json]:
    """The requests of one user."""
    return [event for event in events if event["user"]["username"] == user]


def writes(events: Iterable[Json]) -> list[Json]:
    """The requests that ask for a change."""
    return [event for event in events if event["verb"] in _WRITES]


def refusals(events: Iterable[Json], code: int) -> list[str]:
    """What was answered with a code, in words; not what came too late for a namespace that goes."""
    answered = [event for event in events if (event.get("responseStatus") or {}).get("code") == code]
    return [told(e) for e in answered if "being terminated" not in (e["responseStatus"].get("message") or "")]


def told(event: Mapping[str, Any]) -> str:
    """A request in words: ``create jobs team/p-a-1: 201``."""
    ref = event.get("objectRef") or {}
    what = "/".join(filter(None, (ref.get("resource"), ref.get("subresource"))))
    where = "/".join(filter(None, (ref.get("namespace"), ref.get("name"))))
    return (
        f"{event['verb']} {what or event.get('requestURI')} {where}: {(event.get('responseStatus') or {}).get('code')}"
    )


# What happened to one project.


class Happened(NamedTuple):
    """One change, at a place in etcd's order."""

    at: float
    """The revision that it made; of a deletion, whose revision is told to nobody, the earliest that it can have;
    of a creation whose answer was lost, the latest."""
    seconds: float
    kind: str
    """spec, created, stopped, complete, failed, gone; pod-created, pod-succeeded, pod-failed, pod-disrupted, pod-gone."""
    uid: str
    """Of the Job; of the pod for pod-…."""
    value: Json


def history(events: Iterable[Json], project_uid: str) -> list[Happened]:
    """All that happened to a project, its Jobs and their pods, in order."""
    found: list[Happened] = []
    finished: list[tuple[float, float]] = []  # when writes were done, and their revisions
    ours: dict[str, str] = {}  # uid by path, of what is the project's
    # By uid: the creation itself is told as failed when its client was killed before the answer.
    created: set[str] = set()
    for event in events:
        if event["verb"] not in _WRITES or not 200 <= event["responseStatus"]["code"] < 300:
            continue
        ref = event.get("objectRef") or {}
        answer = event.get("responseObject") or {}
        metadata = answer.get("metadata") or {}
        seconds, received = _seconds(event["stageTimestamp"]), _seconds(event["requestReceivedTimestamp"])
        is_object = "uid" in metadata and "resourceVersion" in metadata
        at = float(metadata["resourceVersion"]) if is_object else 0.0
        if is_object:
            finished.append((seconds, at))
        path = f"{ref.get('resource')}/{ref.get('namespace')}/{ref.get('name') or metadata.get('name')}"
        if is_object and ref.get("resource") == "parallelprojects" and metadata["uid"] == project_uid:
            found.append(Happened(at, seconds, "spec", project_uid, answer.get("spec") or {}))
        elif ref.get("resource") in ("jobs", "pods"):
            if is_object and (metadata.get("labels") or {}).get(f"{LABEL}/project-uid") == project_uid:
                ours[path] = metadata["uid"]
                job = _job_of(ref, metadata)
                if job not in created:
                    created.add(job)
                    found.append(Happened(at - 0.1, seconds, "created", job, answer))
                found += [Happened(at, seconds, kind, metadata["uid"], answer) for kind in _kinds(ref, event, answer)]
            if event["verb"] in ("delete", "deletecollection") and not metadata.get("finalizers"):
                earliest = max((rv for done, rv in finished if done <= received), default=0.0) + 0.5
                gone = [path] if ref.get("name") else [p for p in ours if p.startswith(path.rpartition("/")[0] + "/")]
                kind = "gone" if ref["resource"] == "jobs" else "pod-gone"
                found += [Happened(earliest, seconds, kind, ours[p], {}) for p in gone if p in ours]
    return sorted(found, key=lambda happened: happened.at)


def _job_of(ref: Json, metadata: Json) -> str:
    """The uid of the Job that an object is, or that it belongs to."""
    owners = metadata.get("ownerReferences") or ()
    uid: str = metadata["uid"] if ref["resource"] == "jobs" else next((o["uid"] for o in owners), "")
    return uid


def _kinds(ref: Json, event: Json, answer: Json) -> Iterator[str]:
    """What an answer tells of a Job or a pod."""
    metadata, status = answer["metadata"], answer.get("status") or {}
    true = {c["type"] for c in status.get("conditions") or () if c["status"] == "True"}
    is_pod = ref["resource"] == "pods"
    if event["verb"] == "create" and not ref.get("subresource") and is_pod:
        yield "pod-created"
    if is_pod:
        if status.get("phase") == "Succeeded":
            yield "pod-succeeded"
        elif status.get("phase") == "Failed":
            yield "pod-disrupted" if "DisruptionTarget" in true else "pod-failed"
    else:
        if (metadata.get("annotations") or {}).get(f"{LABEL}/stopped-for"):
            yield "stopped"
        if "Complete" in true:
            yield "complete"
        elif "Failed" in true:
            yield "failed"
    if event["verb"] in ("update", "patch") and metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
        yield "pod-gone" if is_pod else "gone"


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


# The laws.


@dataclass
class _Job:
    task: str
    attempt: int
    uid: str
    ended: bool = False
    gone: bool = False
    pod_ended: bool = False
    succeeded: bool = False
    stopped: bool = False

    @property
    def alive(self) -> bool:
        return not self.ended and not self.gone

    @property
    def at_work(self) -> bool:
        return self.alive and not self.pod_ended

    @property
    def name(self) -> str:
        return f"{self.task}#{self.attempt}"


@dataclass
class _World:
    """What is true at one revision."""

    jobs: dict[str, _Job] = field(default_factory=dict)
    by_task: dict[str, list[_Job]] = field(default_factory=lambda: defaultdict(list))
    pods: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By uid, of pods that have not ended: task and uid of the Job."""

    def succeeded(self, task: str) -> bool:
        return any(job.succeeded for job in self.by_task[task])

    def at_work(self) -> set[str]:
        return {job.task for job in self.jobs.values() if job.at_work}


def judge(happened: Sequence[Happened], *, without_job: Iterable[str] = ()) -> list[str]:
    """Every breach of a law, in words; empty where all was well.

    Args:
        happened: The ``history`` of the project.
        without_job: Tasks that failed for good before they had a Job, and so are done without any.
    """
    world = _World()
    specs: list[Happened] = []
    breaches: list[str] = []
    for change in happened:
        if change.kind == "spec":
            if not specs or specs[-1].value != change.value:
                specs.append(change)
        elif change.kind == "created":
            job = _Job(*_attempt(change.value), change.uid)
            breaches += _judge_task(world, job)
            world.jobs[change.uid] = job
            world.by_task[job.task].append(job)
            # The operator may not have seen the last edits: one of the specs it can have seen must allow it.
            seen = [s for s, after in zip_longest(specs, specs[1:]) if _in_force(after, change)]
            judged = [_judge_start(world, job, _Spec(s.value), frozenset(without_job)) for s in seen]
            breaches += min(judged, key=len, default=[f"{job.name} was created without a project"])
        elif change.kind == "pod-created":
            breaches += _judge_pod(world, change)
        else:
            _apply(world, change)
    return [*breaches, *_judge_attempts(world, specs)]


def _in_force(next_spec: Happened | None, change: Happened) -> bool:
    return next_spec is None or change.seconds - next_spec.seconds < GRACE_SECONDS


def _attempt(job: Json) -> tuple[str, int]:
    labels = job["metadata"]["labels"]
    return labels[f"{LABEL}/task"], int(labels[f"{LABEL}/attempt"])


def _apply(world: _World, change: Happened) -> None:
    if change.kind.startswith("pod-"):
        world.pods.pop(change.uid, None)
        owners = (change.value.get("metadata") or {}).get("ownerReferences") or ()
        job = next((world.jobs[o["uid"]] for o in owners if o["uid"] in world.jobs), None)
        if job is not None and change.kind in ("pod-succeeded", "pod-failed"):
            job.pod_ended = True
            job.succeeded |= change.kind == "pod-succeeded"
        return
    job = world.jobs.get(change.uid)
    if job is not None:
        job.stopped |= change.kind == "stopped"
        job.gone |= change.kind == "gone"
        job.ended |= change.kind in ("complete", "failed")
        job.succeeded |= change.kind == "complete"


def _judge_task(world: _World, new: _Job) -> Iterator[str]:
    """What may never be, whatever the spec says."""
    for job in world.by_task[new.task]:
        if job.alive:
            yield f"{new.name} was created while {job.name} was alive"
        if job.attempt == new.attempt:
            yield f"{new.name} was created twice"
    if world.succeeded(new.task):
        yield f"{new.name} was created after {new.task} had succeeded"


def _judge_pod(world: _World, change: Happened) -> Iterator[str]:
    owner = next(o["uid"] for o in change.value["metadata"]["ownerReferences"])
    task, _ = _attempt(change.value)
    for other, job in world.pods.values():
        if other == task:
            name = world.jobs[job].name if job in world.jobs else job
            yield f"a pod of {task} was created while one of {name} was alive"
    world.pods[change.uid] = (task, owner)


class _Spec:
    """What of a spec the laws are about, read anew."""

    def __init__(self, spec: Json) -> None:
        self.tasks: dict[str, Json] = {task["id"]: task for task in spec.get("tasks") or ()}
        self.cap: int = spec.get("parallelism", 4)
        self.by_level = spec.get("scheduling", "Levels") == "Levels"
        self.role_caps = {r["name"]: r.get("maxConcurrent") for r in spec.get("roles") or ()}
        self.serializes = (spec.get("conflicts") or {}).get("onFileOverlap", "Serialize") == "Serialize"
        self._defaults: Json = spec.get("defaults") or {}
        self._forgiven = {r["id"]: r["forgive"] for r in spec.get("retries") or ()}
        self._levels: dict[str, int] = {}
        left = set(self.tasks)
        while free := {task for task in left if not left.intersection(self.parents(task))}:
            for task in free:
                self._levels[task] = max((self._levels.get(p, 0) + 1 for p in self.parents(task)), default=0)
            left -= free
        self.has_cycle = bool(left)

    def role(self, task: str) -> str:
        only = next(iter(self.role_caps), "")
        return self.tasks.get(task, {}).get("role") or self._defaults.get("role") or only

    def parents(self, task: str) -> list[str]:
        return self.tasks[task].get("dependencies") or []

    def level(self, task: str) -> int:
        return self._levels[task]

    def attempts(self, task: str) -> int:
        most: int = self.tasks.get(task, {}).get("maxAttempts") or self._defaults.get("maxAttempts", 2)
        return most + int(self._forgiven.get(task, 0))

    def files(self, task: str) -> list[str]:
        return self.tasks.get(task, {}).get("files") or []


def _judge_start(world: _World, new: _Job, spec: _Spec, without_job: frozenset[str]) -> list[str]:
    """What the spec forbids; ``new`` is among the Jobs already."""
    if new.task not in spec.tasks:
        return [f"{new.name} was created and is no task"]
    if spec.has_cycle:
        return [f"{new.name} was created by a spec with a cycle"]
    breaches = [
        f"{new.name} was created before {parent} had succeeded"
        for parent in spec.parents(new.task)
        if not world.succeeded(parent)
    ]
    working = world.at_work()
    if len(working) > spec.cap:
        breaches.append(f"{new.name} made it {len(working)} tasks at work, over the cap of {spec.cap}")
    role = spec.role(new.task)
    of_role = [task for task in working if spec.role(task) == role]
    cap = spec.role_caps.get(role)
    if cap and len(of_role) > cap:
        breaches.append(f"{new.name} made it {len(of_role)} tasks of role {role} at work, over its cap of {cap}")
    for other in working - {new.task} if spec.serializes else ():
        if _overlap(spec.files(new.task), spec.files(other)):
            breaches.append(f"{new.name} was created while {other}, which writes the same files, was at work")
    if spec.by_level:
        level = spec.level(new.task)
        is_done = _done(world, spec, without_job)
        below = [task for task in spec.tasks if spec.level(task) < level and not is_done(task)]
        breaches += [
            f"{new.name} of level {level} was created before {task} of an earlier one was done" for task in below
        ]
    return breaches


def _done(world: _World, spec: _Spec, without_job: frozenset[str]) -> Callable[[str], bool]:
    """Whether a task has succeeded, failed for good, or will not run because another has failed."""
    failed: dict[str, bool] = {}

    def has_failed(task: str) -> bool:
        if task not in failed:
            jobs = world.by_task[task]
            spent = sum(not job.stopped for job in jobs) >= spec.attempts(task) and not any(job.alive for job in jobs)
            failed[task] = not world.succeeded(task) and (
                spent or task in without_job or any(has_failed(parent) for parent in spec.parents(task))
            )
        return failed[task]

    return lambda task: world.succeeded(task) or has_failed(task)


def _judge_attempts(world: _World, specs: Sequence[Happened]) -> Iterator[str]:
    """At the end: no task had more attempts than any spec allowed; those that we stopped do not count."""
    read = [_Spec(spec.value) for spec in specs]
    for task, jobs in world.by_task.items():
        counted = sum(not job.stopped for job in jobs)
        allowed = max((spec.attempts(task) for spec in read), default=0)
        if counted > allowed:
            yield f"{task} had {counted} attempts, over the {allowed} allowed"


def _overlap(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two lists of files meet; enough for tests: equal, one a glob of the other, or below the other's folder."""
    return any(
        a == b or fnmatchcase(a, b) or fnmatchcase(b, a) or a.startswith(f"{b}/") or b.startswith(f"{a}/")
        for a in some
        for b in others
    )
