"""What happened, from outside: the API server's audit log, the same for both sides, in microseconds."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]

_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_READS = frozenset({"get", "list"})
_SUCCEEDED = b'"phase":"Succeeded"'
_NAMESPACE = re.compile(rb'"namespace":"([^"]+)"')


class Request(NamedTuple):
    """One request that was answered."""

    user: str
    verb: str
    resource: str
    namespace: str

    @property
    def is_write(self) -> bool:
        """Whether it asks for a change."""
        return self.verb in _WRITES

    @property
    def is_read(self) -> bool:
        """Whether it reads, other than by a watch."""
        return self.verb in _READS


class Success(NamedTuple):
    """A write that says that a pod has succeeded."""

    asked: float
    """When the request was received: nobody can have known before."""
    done: float
    """When it was answered; who watches may be told a moment before that."""


@dataclass
class Recording:
    """A part of the log. Times are seconds since the epoch."""

    created: dict[str, float] = field(default_factory=dict)
    """By name of the Job: when the request that created it was received."""
    succeeded: dict[str, Success] = field(default_factory=dict)
    """By name of the Job."""
    projects: dict[str, float] = field(default_factory=dict)
    """By name of the ParallelProject: when the request that created it was received."""
    requests: list[Request] = field(default_factory=list)


class AuditLog:
    """The log as it grows."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def position(self) -> int:
        """Where it ends by now."""
        return self._file.stat().st_size

    def tail(self, since: int) -> "Tail":
        """What is written from a position on, as it is."""
        return Tail(self._file, since)

    def recording(self, since: int) -> Recording:
        """What happened since an earlier ``position``."""
        found = Recording()
        for event in self._events(since):
            ref = event.get("objectRef") or {}
            name, what = ref.get("name", ""), "/".join(filter(None, (ref.get("resource"), ref.get("subresource"))))
            found.requests.append(Request(event["user"]["username"], event["verb"], what, ref.get("namespace", "")))
            if event["responseStatus"]["code"] >= 300:
                continue
            if event["verb"] == "create" and what in ("jobs", "parallelprojects"):
                times = found.created if what == "jobs" else found.projects
                times[name] = _seconds(event["requestReceivedTimestamp"])
            elif what == "pods/status":
                said = (event.get("requestObject") or {}).get("status") or {}
                if said.get("phase") == "Succeeded":
                    job = name.rpartition("-")[0]  # the Job controller adds five random characters
                    asked, done = event["requestReceivedTimestamp"], event["stageTimestamp"]
                    found.succeeded.setdefault(job, Success(_seconds(asked), _seconds(done)))
        return found

    def _events(self, since: int) -> Iterator[Json]:
        for line in self.tail(since).lines():
            event = json.loads(line)
            if event["stage"] == "ResponseComplete":
                yield event


class Tail:
    """Follows the log, at no cost to the API server and little to the machine."""

    def __init__(self, file: Path, since: int) -> None:
        self._file = file
        self._read = since

    def lines(self) -> list[bytes]:
        """Those that were written since the last call; one that is being written comes with the next."""
        with self._file.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(newline)
        return [line for line in whole.split(b"\n") if line]


def namespace_of(line: bytes) -> str:
    """The namespace that a request was about; empty where it was about none."""
    found = _NAMESPACE.search(line)
    return found[1].decode() if found else ""


def is_success(line: bytes) -> bool:
    """Whether a request said that a pod has succeeded; one that was refused and made again says so twice."""
    return _SUCCEEDED in line


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
