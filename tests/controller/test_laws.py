"""Each law of the audit catches a log in which it is broken, and only then."""

from pathlib import Path
from typing import Any

import pytest

from tests.controller.audit import AuditLog, Json, history
from tests.controller.cluster import role, spec, task
from tests.controller.laws import judge

PROJECT = "uid-of-the-project"


class Log:
    """An audit log, made up line by line."""

    def __init__(self, spec: Json) -> None:
        self.events: list[Json] = []
        self._revision = 100
        self._seconds = 0.0
        self.edit(spec)

    def edit(self, spec: Json) -> "Log":
        return self._write("parallelprojects", "patch", "p", PROJECT, {"spec": spec}, labels={})

    def wait(self, seconds: float) -> "Log":
        self._seconds += seconds
        return self

    def job(self, task: str, attempt: int = 1, *, uid: str = "") -> "Log":
        name = f"{task}-{attempt}"
        return self._write("jobs", "create", name, uid or f"job-{name}", {}, _labels(task, attempt))

    def job_ended(self, task: str, attempt: int = 1, *, how: str = "Complete", stopped: bool = False) -> "Log":
        status = {"status": {"conditions": [{"type": how, "status": "True"}]}}
        notes = {"annotations": {"parallelproject.io/stopped-for": "Stopped"}} if stopped else {}
        name, uid = f"{task}-{attempt}", f"job-{task}-{attempt}"
        return self._write("jobs", "update", name, uid, status, _labels(task, attempt), sub="status", **notes)

    def job_deleted(self, task: str, attempt: int = 1) -> "Log":
        return self._write("jobs", "delete", f"{task}-{attempt}", "", {"kind": "Status"}, {})

    def pod(self, task: str, attempt: int = 1, *, number: int = 0) -> "Log":
        return self._pod("create", task, attempt, number, {})

    def pod_ended(self, task: str, attempt: int = 1, *, how: str = "Succeeded", evicted: bool = False) -> "Log":
        conditions = [{"type": "DisruptionTarget", "status": "True"}] if evicted else []
        return self._pod("patch", task, attempt, 0, {"status": {"phase": how, "conditions": conditions}}, "status")

    def run(self, task: str, attempt: int = 1, *, fails: bool = False) -> "Log":
        self.job(task, attempt).pod(task, attempt).pod_ended(task, attempt, how="Failed" if fails else "Succeeded")
        return self.job_ended(task, attempt, how="Failed" if fails else "Complete")

    def breaches(self) -> list[str]:
        return judge(history(self.events, PROJECT))

    def _pod(self, verb: str, task: str, attempt: int, number: int, body: Json, sub: str = "") -> "Log":
        name = f"{task}-{attempt}-{number}"
        owners = [{"uid": f"job-{task}-{attempt}"}]
        return self._write("pods", verb, name, f"pod-{name}", body, _labels(task, attempt), sub, ownerReferences=owners)

    def _write(
        self, resource: str, verb: str, name: str, uid: str, body: Json, labels: Json, sub: str = "", **metadata: Any
    ) -> "Log":
        self._revision += 1
        self._seconds += 0.01
        answer = dict(body)
        if uid:
            answer["metadata"] = {"name": name, "uid": uid, "labels": labels, "resourceVersion": str(self._revision)}
            answer["metadata"] |= metadata
        minutes, seconds = divmod(self._seconds, 60)
        at = f"2026-01-01T00:{int(minutes):02}:{seconds:09.6f}Z"
        event = {
            "stage": "ResponseComplete",
            "verb": verb,
            "user": {"username": "u"},
            "objectRef": {"resource": resource, "namespace": "n", "name": name, "subresource": sub},
            "responseStatus": {"code": 200},
            "responseObject": answer,
            "stageTimestamp": at,
            "requestReceivedTimestamp": at,
        }
        self.events.append(event)
        return self


def _labels(task: str, attempt: int) -> Json:
    prefix = "parallelproject.io"
    return {f"{prefix}/project-uid": PROJECT, f"{prefix}/task": task, f"{prefix}/attempt": str(attempt)}


def log(*tasks: Json, **fields: Any) -> Log:
    return Log(spec(*tasks, **fields))


TWO_LEVELS = (task("a"), task("x"), task("b", "a"))
CHAIN = (task("a"), task("b", "a"), task("c", "b"))

SOUND = {
    "a run in order": log(*TWO_LEVELS).run("a").run("x").run("b"),
    "a retry after the Job has failed": log(task("a")).run("a", fails=True).run("a", 2),
    "a retry after the Job was deleted": log(task("a")).job("a").job_deleted("a").run("a", 2),
    "a dependent released by the pod": log(task("a"), task("b", "a")).job("a").pod("a").pod_ended("a").job("b"),
    "a slot freed by the pod": log(task("a"), task("b"), parallelism=1).job("a").pod("a").pod_ended("a").job("b"),
    "a slot freed by the Job": log(task("a"), task("b"), parallelism=1).job("a").job_ended("a").job("b"),
    "a level after one that failed": log(*TWO_LEVELS, task("c", "x"), failurePolicy="Continue")
    .run("a", fails=True).run("a", 2, fails=True).run("x").run("c"),
    "more attempts where some were stopped": log(task("a", maxAttempts=1))
    .job("a").job_ended("a", how="Failed", stopped=True).run("a", 2),
    "an attempt more for a failure forgiven": log(task("a", maxAttempts=1), retries=[{"id": "a", "forgive": 1}])
    .run("a", fails=True).run("a", 2),
    "a start by a spec changed a moment ago": log(task("a"), task("b"), parallelism=2)
    .job("a").edit(spec(task("a"), task("b"), parallelism=1)).job("b"),
    "a second pod after an eviction": log(task("a")).job("a").pod("a").pod_ended("a", how="Failed", evicted=True)
    .pod("a", number=1),
    "a task after a skipped one": log(*CHAIN, skip=["b"], scheduling="Graph").run("a").job("c"),
    "a level after a skipped task": log(*TWO_LEVELS, skip=["x"]).run("a").job("b"),
    "what a failed task was skipped for": log(task("a"), task("b", "a"))
    .run("a", fails=True).run("a", 2, fails=True).edit(spec(task("a"), task("b", "a"), skip=["a"])).wait(5).job("b"),
    "a level after what a failure keeps from running, by way of a skipped task": log(
        *CHAIN, task("x"), task("y", "x"), task("z", "y"), task("last", "z"), skip=["b"], failurePolicy="Continue"
    ).run("a", fails=True).run("a", 2, fails=True).run("x").run("y").run("z").job("last"),
    "files of different folders": log(task("a", files=["x/**"]), task("b", files=["y/f"])).job("a").job("b"),
}  # fmt: skip

BROKEN = {
    "a#2 was created while a#1 was alive": log(task("a")).job("a").job("a", 2),
    "a#1 was created twice": log(task("a")).job("a").job_deleted("a").job("a", uid="another"),
    "a#2 was created after a had succeeded": log(task("a")).run("a").run("a", 2),
    "a pod of a was created while one of a#1 was alive": log(task("a")).job("a").pod("a").job_ended("a", how="Failed")
    .job("a", 2).pod("a", 2),
    "a had 3 attempts, over the 2 allowed": log(task("a")).run("a", fails=True).run("a", 2, fails=True).run("a", 3),
    "b#1 was created before a had succeeded": log(task("a"), task("b", "a"), scheduling="Graph").job("a").job("b"),
    "b#1 of level 1 was created before x of an earlier one was done": log(*TWO_LEVELS).run("a").job("x").job("b"),
    "c#1 of level 1 was created before a of an earlier one was done": log(*TWO_LEVELS, task("c", "x"))
    .run("x").run("a", fails=True).run("c"),
    "b#1 made it 2 running tasks, over the cap of 1": log(task("a"), task("b"), parallelism=1)
    .job("a").pod("a").job("b"),
    "c#1 made it 2 running tasks, over the cap of 1": log(task("a"), task("c"), parallelism=1)
    .job("a").pod("a").pod_ended("a", how="Failed", evicted=True).job("c"),
    "d#1 made it 2 running tasks, over the cap of 1": log(task("a"), task("d"), parallelism=2)
    .job("a").edit(spec(task("a"), task("d"), parallelism=1)).wait(5).job("d"),
    "b#1 made it 2 tasks of role coder running, over its cap of 1": log(
        task("a"), task("b"), roles=[role(maxConcurrent=1)]
    ).job("a").job("b"),
    "b#1 was created while a, which writes the same files, was running": log(
        task("a", files=["src/**"]), task("b", files=["src/f.py"])
    ).job("a").job("b"),
    "b#1 was created although b is skipped": log(*CHAIN, skip=["b"]).run("a").job("b"),
    "c#1 was created before a had succeeded": log(*CHAIN, skip=["b"], scheduling="Graph").job("a").job("c"),
    "c#1 was created while b, which is skipped, was running": log(*CHAIN, scheduling="Graph")
    .run("a").job("b").edit(spec(*CHAIN, skip=["b"], scheduling="Graph")).wait(5).job("c"),
    "z#1 was created and is no task": log(task("a")).job("z"),
    "a#1 was created by a spec with a cycle": log(task("a"), task("b", "c"), task("c", "b")).job("a"),
}  # fmt: skip


@pytest.mark.parametrize("made", SOUND.values(), ids=SOUND.keys())
def test_a_sound_run_has_no_breach(made: Log) -> None:
    assert made.breaches() == []


@pytest.mark.parametrize("breach", BROKEN)
def test_each_law_can_be_broken(breach: str) -> None:
    assert BROKEN[breach].breaches() == [breach]


def test_a_job_without_a_project_is_a_breach() -> None:
    made = log(task("a")).job("a")
    del made.events[0]
    assert made.breaches() == ["a#1 was created without a project", "a had 1 attempts, over the 0 allowed"]


def test_a_job_whose_creation_was_cut_off_is_known_by_its_pod() -> None:
    made = log(task("a"), task("b"), parallelism=1).job("a").pod("a").job("b")
    made.events[1] = {**made.events[1], "responseStatus": {"code": 504}, "responseObject": {"kind": "Status"}}
    assert made.breaches() == ["b#1 made it 2 running tasks, over the cap of 1"]


@pytest.mark.parametrize(("ended", "then"), [("pod_ended", "b"), ("job_ended", "a")])
def test_an_end_whose_answer_was_lost_may_have_been_written(ended: str, then: str) -> None:
    made = log(task("a"), task("b"), parallelism=1).job("a").pod("a")
    getattr(made, ended)("a", how="Failed")
    status = made.events[-1]["responseObject"]["status"]
    lost = {**made.events[-1], "responseStatus": {"code": 504}, "responseObject": {"kind": "Status"}}
    made.events[-1] = lost | {"requestObject": {"status": status}}
    made.job(then, 2 if then == "a" else 1)
    assert made.breaches() == []
    made.events[-2] = lost
    assert len(made.breaches()) == 1


def test_an_end_that_a_killed_api_server_has_written_and_not_logged_is_known_by_the_next_answer() -> None:
    def made(*, is_shown: bool, is_late: bool = False) -> Log:
        found = log(task("a")).job("a").pod("a").pod_ended("a", how="Failed").job_ended("a", how="Failed")
        end = found.events.pop()
        found.job("a", 2)
        if is_late:  # written, and logged, after the next attempt was created
            found.job_ended("a", how="Failed")
        status = end["responseObject"]["status"] if is_shown else {}
        return found._write("jobs", "patch", "a-1", "job-a-1", {"status": status}, _labels("a", 1))

    assert made(is_shown=True).breaches() == []
    assert made(is_shown=False).breaches() == ["a#2 was created while a#1 was alive"]
    assert made(is_shown=True, is_late=True).breaches() == ["a#2 was created while a#1 was alive"]


@pytest.mark.parametrize("half", [b"", b'{"half', b'{"' + b"x" * 200_000])
def test_a_position_in_the_audit_log_is_no_place_within_a_line(tmp_path: Path, half: bytes) -> None:
    file = tmp_path / "audit.log"
    file.write_bytes(b'{"stage": "ResponseComplete", "n": 1}\n' + half)
    audit = AuditLog(file)
    since = audit.position()
    file.write_bytes(file.read_bytes().removesuffix(half) + b'{"stage": "ResponseComplete", "n": 2}\n')
    assert [event["n"] for event in audit.events(since)] == [2]
    (tmp_path / "empty").write_bytes(half)
    assert AuditLog(tmp_path / "empty").position() == 0


def test_order_is_that_of_revisions_not_of_lines() -> None:
    made = log(task("a"), task("b", "a"), scheduling="Graph").run("a").job("b")
    made.events.reverse()
    assert made.breaches() == []


def test_what_a_dead_operator_asked_for_takes_no_slot_but_runs_once_and_in_its_turn() -> None:
    two = log(task("a"), task("b"), parallelism=1).job("a").job("b")
    assert judge(history(two.events, PROJECT), uninvited={"b#1"}) == []
    assert judge(history(two.events, PROJECT), uninvited={"c#1"}) != []
    early = log(task("a"), task("b", "a"), scheduling="Graph").job("a").job("b")
    assert judge(history(early.events, PROJECT), uninvited={"b#1"}) == ["b#1 was created before a had succeeded"]
    again = log(task("a")).run("a").run("a", 2)
    assert judge(history(again.events, PROJECT), uninvited={"a#2"}) == ["a#2 was created after a had succeeded"]
