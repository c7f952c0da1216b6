"""What is read from an audit log."""

import json
from pathlib import Path
from typing import Any

from bench.recording import AuditLog, Request, is_success, namespace_of

STAMP = "2026-01-01T00:00:{:09.6f}Z"
MIDNIGHT = 1767225600.0


def line(at: float, verb: str, resource: str, name: str, *, code: int = 200, user: str = "u", **more: Any) -> str:
    resource, _, subresource = resource.partition("/")
    event = {
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": user},
        "objectRef": {"resource": resource, "namespace": "n", "name": name, "subresource": subresource},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": STAMP.format(at),
        "stageTimestamp": STAMP.format(at + 0.5),
    }
    return json.dumps(event | more, separators=(",", ":")) + "\n"


def phase(name: str) -> dict[str, Any]:
    return {"requestObject": {"status": {"phase": name}}}


def test_creations_and_successes_are_found_with_their_times(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    file.write_text(line(1, "create", "jobs", "early"))
    log = AuditLog(file)
    since = log.position()
    with file.open("a") as more:
        more.write(line(1, "create", "parallelprojects", "p"))
        more.write(line(2, "create", "jobs", "p-t0", code=201, user="operator"))
        more.write(line(2.1, "create", "jobs", "p-t1", code=409, user="operator"))
        more.write(line(3, "patch", "pods/status", "p-t0-abcde", **phase("Running")))
        more.write(line(4, "patch", "pods/status", "p-t0-abcde", code=409, **phase("Succeeded")))
        more.write(line(5.25, "patch", "pods/status", "p-t0-abcde", **phase("Succeeded")))
        more.write(line(6, "list", "jobs", ""))
        more.write('{"stage":"Resp')  # being written
    found = log.recording(since)
    assert found.projects == {"p": MIDNIGHT + 1}
    assert found.created == {"p-t0": MIDNIGHT + 2}
    assert found.succeeded == {"p-t0": (MIDNIGHT + 5.25, MIDNIGHT + 5.75)}
    assert [r.is_read for r in found.requests].count(True) == 1
    assert [r for r in found.requests if r.user == "operator"] == [Request("operator", "create", "jobs", "n")] * 2


def test_the_log_is_followed_line_by_line_as_it_grows(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    file.write_text(line(1, "patch", "pods/status", "a-xxxxx", **phase("Succeeded")))
    log = AuditLog(file)
    tail = log.tail(log.position())
    assert tail.lines() == []
    running, whole = (line(2, "patch", "pods/status", "b-xxxxx", **phase(p)) for p in ("Running", "Succeeded"))
    with file.open("a") as more:
        more.write(running + whole[:200])
        more.flush()
        assert [is_success(found) for found in tail.lines()] == [False]
        more.write(whole[200:])
    (found,) = tail.lines()
    assert is_success(found)
    assert namespace_of(found) == "n"
    assert tail.lines() == []
