"""What was done to a project, read from the API server's audit log, in the order of etcd's revisions.

Nothing here is taken from the operator. ``laws`` judges what was done.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]

LABEL = "parallelproject.io"
_CHUNK = 64 * 1024
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class AuditLog:
    """The log as it grows."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.outages: list[tuple[int, int]] = []
        """From where to where the API server was away and coming back: it refuses what it will allow once it has
        read the roles."""

    def position(self) -> int:
        """Where its last line ends by now: another may be half written."""
        with self._file.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                begin = max(0, end - _CHUNK)
                file.seek(begin)
                found = file.read(end - begin).rfind(b"\n")
                if found >= 0:
                    return begin + found + 1
                end = begin
        return 0

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


def is_release(event: Json) -> bool:
    """Whether a request lets an object go whose result is written down, and changes nothing else: it follows that
    write."""
    sent = event.get("requestObject") or {}
    keys = RELEASE_KEYS.get(event["objectRef"]["resource"])
    return event["verb"] == "patch" and sent.keys() == {"metadata"} and sent["metadata"].keys() == keys


def is_restore(event: Json) -> bool:
    """Whether a request restores the labels and the owner that others took from an object, and changes nothing else."""
    sent = event.get("requestObject") or {}
    keys = {"uid", "labels", "ownerReferences"}
    return event["verb"] == "patch" and sent.keys() == {"metadata"} and sent["metadata"].keys() == keys


RELEASE_KEYS = {
    "jobs": {"uid", "$deleteFromPrimitiveList/finalizers"},
    "workflows": {"uid", "resourceVersion", "finalizers", "annotations"},
}


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
    """spec, created, stopped, complete, failed, gone; pod- with created, succeeded, failed, disrupted, gone."""
    uid: str
    """Of the Job or the Workflow; of the pod for pod-…."""
    value: Json


def history(events: Iterable[Json], project_uid: str) -> list[Happened]:
    """All that happened to a project, its Jobs and their pods, in order."""
    found: list[Happened] = []
    finished: list[tuple[float, float]] = []  # when writes were done, and their revisions
    ours: dict[str, str] = {}  # uid by path, of what is the project's
    # By uid: the creation itself is told as failed when its client was killed before the answer.
    created: set[str] = set()
    owners: dict[str, str] = {}  # by path of a pod, the uid of its Job
    shown: dict[str, float] = {}  # by uid, the newest revision of a Job or a pod that an answer has shown
    ended: set[str] = set()
    for event in events:
        ref = event.get("objectRef") or {}
        if event["verb"] not in _WRITES or not 200 <= event["responseStatus"]["code"] < 300:
            path = f"{ref.get('resource')}/{ref.get('namespace')}/{ref.get('name')}"
            if event["responseStatus"]["code"] >= 500 and path in ours:
                # etcd may have done it, and died, or its client, before it could say so: whoever watches is told.
                received = _seconds(event["requestReceivedTimestamp"])
                earliest = max((rv for done, rv in finished if done <= received), default=0.0) + 0.5
                value = {"metadata": {"ownerReferences": [{"uid": owners.get(path)}]}}
                found += [Happened(earliest, received, kind, ours[path], value) for kind in _lost(ref, event)]
            continue
        answer = event.get("responseObject") or {}
        metadata = answer.get("metadata") or {}
        seconds, received = _seconds(event["stageTimestamp"]), _seconds(event["requestReceivedTimestamp"])
        is_object = "uid" in metadata and "resourceVersion" in metadata
        at = float(metadata["resourceVersion"]) if is_object else 0.0
        if is_object:
            finished.append((seconds, at))
        path = f"{ref.get('resource')}/{ref.get('namespace')}/{ref.get('name') or metadata.get('name')}"
        if is_object and ref.get("resource") == "parallelprojects" and metadata["uid"] == project_uid:
            if "spec" in answer:  # the garbage collector gets metadata only
                found.append(Happened(at, seconds, "spec", project_uid, answer["spec"]))
        elif ref.get("resource") in ("jobs", "pods", "workflows"):
            if is_object and (metadata.get("labels") or {}).get(f"{LABEL}/project-uid") == project_uid:
                ours[path] = metadata["uid"]
                job = _job_of(ref, metadata)
                if ref["resource"] == "pods":
                    owners[path] = job
                if job not in created:
                    created.add(job)
                    found.append(Happened(at - 0.1, seconds, "created", job, answer))
                for kind in _kinds(ref, event, answer):
                    # An API server that is killed may have written an end, and not that it has: it is in no line, and
                    # the next answer shows it. It was written after the answer before.
                    is_lost = kind in _ENDS and metadata["uid"] not in ended and ref.get("subresource") != "status"
                    is_lost = is_lost and ref["resource"] != "workflows"  # those have no subresource
                    when = min(at, shown.get(metadata["uid"], at) + 0.5) if is_lost else at
                    found.append(Happened(when, seconds, kind, metadata["uid"], answer))
                    ended |= {metadata["uid"]} if kind in _ENDS else set()
                shown[metadata["uid"]] = max(at, shown.get(metadata["uid"], 0.0))
            if event["verb"] in ("delete", "deletecollection") and not metadata.get("finalizers"):
                earliest = max((rv for done, rv in finished if done <= received), default=0.0) + 0.5
                gone = [path] if ref.get("name") else [p for p in ours if p.startswith(path.rpartition("/")[0] + "/")]
                kind = "pod-gone" if ref["resource"] == "pods" else "gone"
                found += [Happened(earliest, seconds, kind, ours[p], {}) for p in gone if p in ours]
    return sorted(found, key=lambda happened: happened.at)


def waits_after_failures(happened: Iterable[Happened]) -> list[float]:
    """Seconds from the end of each pod that failed to the creation of the next Job; of a project with one task.

    The end is the one that the pod's status gives, in whole seconds, as the operator reads it; it may be written later.
    """
    failed: dict[str, float] = {}
    created = []
    for change in happened:
        if change.kind == "created":
            created.append(change.seconds)
        elif change.kind == "pod-failed":
            containers = change.value["status"]["containerStatuses"]
            end = max(_seconds(each["state"]["terminated"]["finishedAt"]) for each in containers)
            failed.setdefault(change.uid, end)
    return [start - end for start, end in zip(created[1:], failed.values(), strict=False)]


_ENDS = frozenset(("complete", "failed", "pod-succeeded", "pod-failed", "pod-disrupted"))
"""Each is written by way of the subresource ``status``."""


def _lost(ref: Json, event: Json) -> list[str]:
    """The ends that a write was to tell of whose answer was lost."""
    wanted: Json = {"metadata": {}, "status": (event.get("requestObject") or {}).get("status")}
    return [] if event["verb"] == "create" else list(_kinds(ref, event, wanted))


def _job_of(ref: Json, metadata: Json) -> str:
    """The uid of the Job that an object is, or that it belongs to."""
    owners = metadata.get("ownerReferences") or ()
    uid: str = next((o["uid"] for o in owners), "") if ref["resource"] == "pods" else metadata["uid"]
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
        if "Complete" in true or status.get("phase") == "Succeeded":
            yield "complete"
        elif "Failed" in true or status.get("phase") in ("Failed", "Error"):
            yield "failed"
    if event["verb"] in ("update", "patch") and metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
        yield "pod-gone" if is_pod else "gone"


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
