"""From creation to deletion: what is seen of a project, what is written, and what is left of it."""

import json
import time

import pytest

from parallelproject.kube.client import MERGE_PATCH
from tests.controller.audit import AuditLog, by_user, told, writes
from tests.controller.cluster import SECONDS, Namespace, condition, rows, spec, states, task
from tests.controller.operator_process import USER, OperatorProcess

pytestmark = pytest.mark.cluster

IDLE_SECONDS = 20


def test_a_project_is_deleted_with_all_it_owns_after_its_time(ns: Namespace) -> None:
    ns.create(spec(task("a", hold=True), ttlSecondsAfterFinished=1))
    ns.until(lambda: ns.jobs("a"), "its Job")
    ns.release("a")
    ns.until(lambda: not ns.exists(), "the project to be deleted")
    ns.until(lambda: not ns.jobs() and not ns.pods(), "its Jobs and pods to be deleted")


def test_a_project_that_a_gitops_tool_keeps_is_not_deleted_since_it_would_run_again(ns: Namespace) -> None:
    ns.create(spec(task("a"), ttlSecondsAfterFinished=1), "argo", annotations={"argocd.argoproj.io/tracking-id": "x"})
    ns.create(spec(task("a"), ttlSecondsAfterFinished=1), "flux", labels={"kustomize.toolkit.fluxcd.io/name": "x"})
    ns.create(spec(task("a"), ttlSecondsAfterFinished=1), "mine")
    for name in ("argo", "flux"):
        ns.until(lambda name=name: [m for r, m in ns.events(name) if r == "NotDeleted"], "word of it")
    ns.until(lambda: not ns.exists("mine"), "the project to be deleted")
    assert ns.exists("argo")
    assert ns.exists("flux")
    assert len([r for r, _ in ns.events("argo") if r == "NotDeleted"]) == 1


def test_a_new_project_is_not_taken_for_one_that_is_ready(ns: Namespace) -> None:
    made = ns.create(spec(task("a")))
    assert made["status"] == {"observedGeneration": -1}
    done = ns.wait_end()
    assert done["status"]["observedGeneration"] == done["metadata"]["generation"]
    assert condition(done, "Ready")["status"] == "True"


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_the_jobs_of_a_deleted_project_are_deleted_and_no_more_are_made(ns: Namespace, propagation: str) -> None:
    ns.create(spec(task("a", hold=True), task("b"), task("c", "b"), scheduling="Graph"))
    ns.wait_state("b", "Succeeded")
    ns.delete(propagation=propagation)
    ns.until(lambda: not ns.exists() and not ns.jobs() and not ns.pods(), "all of it to be gone")


def test_a_project_made_again_under_its_name_runs_afresh(ns: Namespace) -> None:
    first = ns.create(spec(task("a"), task("b", "a", hold=True)))
    ns.wait_state("b", "Running")
    ns.delete()
    second = ns.create(spec(task("a"), task("b", "a")))
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    done = ns.wait_end()
    assert states(done) == {"a": "Succeeded", "b": "Succeeded"}
    assert [row["attempts"] for row in rows(done).values()] == [1, 1]
    ns.until(lambda: len(ns.jobs()) == 2, "the first one's Jobs to be deleted")
    assert {j["metadata"]["labels"]["parallelproject.io/project-uid"] for j in ns.jobs()} == {second["metadata"]["uid"]}


def test_events_tell_of_transitions_only(ns: Namespace) -> None:
    tasks = [task("a", fail_attempts=1, seconds=1.5), task("b", "a", fail_attempts=9)]
    ns.create(spec(*tasks, failurePolicy="Continue", backoff=2))
    ns.wait_end()
    wanted = [
        ("Accepted", "2 tasks in 2 levels; next: tasks without dependencies start"),
        ("AttemptFailed", "a: attempt 1 failed (ExitCode 1); next: attempt 2"),
        ("LevelCompleted", "L0 done: 1 of 1 task succeeded; next: L1"),
        ("AttemptFailed", "b: attempt 1 failed (ExitCode 1); next: attempt 2"),
        (
            "TaskFailed",
            "b: failed for good with attempt 2 (ExitCode 1); next: pproj why p b explains it; "
            "pproj retry p b runs it again",
        ),
        ("LevelCompleted", "L1 done: 0 of 1 task succeeded"),
        (
            "TasksFailed",
            "1 of 2 tasks succeeded; 1 failed: b (ExitCode 1, attempts 2); next: pproj why p TASK explains a failure; "
            "pproj retry p runs what failed again",
        ),
    ]
    ns.until(lambda: len(ns.events()) >= len(wanted), "all events")
    assert sorted(ns.events()) == sorted(wanted)


def test_the_log_has_a_line_for_each_start_failure_and_end(ns: Namespace, operator: OperatorProcess) -> None:
    begin = operator.position()
    ns.create(spec(task("a"), task("b", "a", fail_attempts=9), failurePolicy="Continue"))
    ns.wait_end()

    def lines() -> list[tuple[str, str]]:
        found = [json.loads(line) for line in operator.output(begin).splitlines() if line.startswith("{")]
        return [(line["level"], line["message"]) for line in found if line.get("namespace") == ns.name]

    ns.until(lambda: any("TasksFailed" in text for _, text in lines()), "the end in the log")
    found = [(level, text) for level, text in lines() if text != "project found"]
    assert sorted(found) == sorted(
        [
            ("INFO", "accepted: 2 tasks in 2 levels"),
            ("INFO", "a: attempt 1 started"),
            ("INFO", "a: attempt 1 succeeded"),
            ("INFO", "L0 done: 1 of 1 task succeeded"),
            ("INFO", "b: attempt 1 started"),
            ("INFO", "b: attempt 1 failed (ExitCode 1)"),
            ("INFO", "b: attempt 2 started"),
            ("WARNING", "b: failed for good with attempt 2 (ExitCode 1)"),
            ("INFO", "L1 done: 0 of 1 task succeeded"),
            ("WARNING", "TasksFailed: 1 of 2 tasks succeeded; 1 failed: b (ExitCode 1, attempts 2)"),
        ]
    )


def test_kubectl_waits_for_success(ns: Namespace) -> None:
    ns.create(spec(task("a")))
    ns.kubectl("wait", "--for=condition=Succeeded", "pproj/p", "--timeout=180s")
    assert condition(ns.get(), "Succeeded")["reason"] == "AllSucceeded"


def test_kubectl_shows_how_far_it_is(ns: Namespace) -> None:
    ns.create(spec(task("a"), task("b", "a", hold=True)))
    ns.wait(lambda p: states(p).get("b") == "Running" and p["status"]["counts"]["running"] == 1, "b to run")
    head, row = ns.kubectl("get", "pproj").splitlines()
    assert head.split() == ["NAME", "SUCCEEDED", "REASON", "LEVEL", "PROGRESS", "RUNNING", "FAILED", "NEEDS", "AGE"]
    assert row.split()[:7] == ["p", "Unknown", "Running", "L1", "1/2", "1", "0"]
    ns.release("b")
    ns.wait_end()
    assert ns.kubectl("get", "pproj", "--no-headers").split()[:7] == [
        "p",
        "True",
        "AllSucceeded",
        "L1",
        "2/2",
        "0",
        "0",
    ]


def test_an_idle_project_costs_no_writes(ns: Namespace, audit: AuditLog) -> None:
    ns.create(spec(task("a")), "finished")
    ns.create(spec(task("a"), suspend=True), "suspended")
    ns.create(spec(task("a", "b"), task("b", "a")), "refused")
    ns.create(spec(task("a", hold=True), task("b", "a")), "busy")
    ns.wait_end("finished")
    ns.wait(lambda p: condition(p, "Suspended"), "its status", "suspended")
    ns.wait(lambda p: condition(p, "Accepted"), "its status", "refused")
    ns.wait_state("a", "Running", name="busy")

    def written(since: int) -> list[str]:
        lines = (told(event) for event in by_user(writes(audit.events(since)), USER))
        return [line for line in lines if ns.name in line]  # a lease is no project's, and others may be going

    def look_on(seconds: float) -> list[str]:
        since, end = audit.position(), time.monotonic() + seconds
        ns.until(lambda: time.monotonic() > end, "the time to pass", seconds=seconds + SECONDS)
        return written(since)

    ns.until(lambda: look_on(2) == [], "what is on its way")
    assert look_on(IDLE_SECONDS) == []


def test_a_row_of_a_task_that_went_well_is_short(ns: Namespace) -> None:
    ns.create(spec(*(task(f"t{i}") for i in range(5)), parallelism=5))
    for row in rows(ns.wait_end()).values():
        assert len(json.dumps(row, separators=(",", ":"))) <= 130, row


HOLDER = "example.com/backup"


def test_a_deleted_project_that_a_finalizer_keeps_stops_and_says_so(ns: Namespace) -> None:
    tasks = [task("a"), task("b", "a", hold=True), task("c", "b"), task("d", fail_attempts=1)]
    ns.create(spec(*tasks, backoff=3600, scheduling="Graph"), finalizers=[HOLDER])
    ns.wait_state("b", "Running")
    ns.wait_state("d", "Pending", "Backoff")
    ns.delete()
    found = ns.wait(lambda p: condition(p, "Completed")["status"] == "True", "the end")
    assert states(found) == {"a": "Succeeded", "b": "Skipped", "c": "Skipped", "d": "Skipped"}
    told = condition(found, "Terminating")
    assert (told["status"], told["reason"]) == ("True", "Deleted")
    assert HOLDER in told["message"]
    assert [job["metadata"]["labels"]["parallelproject.io/attempt"] for job in ns.jobs()] == ["1"] * 3
    ns.client("PATCH", ns.path("p"), {"metadata": {"finalizers": []}}, content_type=MERGE_PATCH)
    ns.until(lambda: not ns.exists() and not ns.jobs(), "the project and its Jobs to be gone")


def test_a_deleted_project_whose_spec_is_not_accepted_any_more_stops_as_well(ns: Namespace) -> None:
    ns.create(spec(task("a", hold=True)), finalizers=[HOLDER])
    ns.wait_state("a", "Running")
    ns.patch({"tasks": [task("a", "b"), task("b", "a")]})
    ns.wait(lambda p: condition(p, "Accepted")["status"] == "False", "a refusal")
    ns.delete()
    ns.until(lambda: all(job["status"].get("failed") for job in ns.jobs("a")), "its Job to be stopped")
    assert HOLDER in condition(ns.wait(lambda p: condition(p, "Terminating"), "the word"), "Terminating")["message"]
    ns.client("PATCH", ns.path("p"), {"metadata": {"finalizers": []}}, content_type=MERGE_PATCH)
    ns.until(lambda: not ns.exists(), "the project to be gone")
