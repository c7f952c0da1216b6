"""What goes wrong with tasks, Jobs and pods, and what is made of it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from parallelproject.kube.client import MERGE_PATCH
from parallelproject.model.names import job_name
from parallelproject.model.work import WorkKey
from tests.controller.audit import AuditLog, history, waits_after_failures
from tests.controller.cluster import Json, Namespace, condition, role, rows, spec, states, task
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

Breaches = Callable[[Json], list[str]]


def test_a_task_that_waits_after_a_failure_tells_of_it(ns: Namespace) -> None:
    ns.create(spec(task("a", fail_attempts=1, exit_code=3), backoff=600))
    waiting = ns.wait_state("a", "Pending", "Backoff")
    assert (waiting["attempts"], waiting["failures"]) == (1, 1)
    assert (waiting["failure"], waiting["exitCode"]) == ("ExitCode", 3)
    ns.delete()


def test_a_failed_attempt_is_followed_by_another_after_a_growing_wait(
    ns: Namespace, audit: AuditLog, breaches: Breaches
) -> None:
    since = audit.position()
    made = ns.create(spec(task("a", fail_attempts=2, exit_code=3, maxAttempts=3), backoff=2))
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row["failures"]) == ("Succeeded", 3, 2)
    assert "exitCode" not in row
    first, second = waits_after_failures(history(audit.events(since, ns.name), made["metadata"]["uid"]))
    # How late it may be, only a quiet machine can tell.
    assert first >= 2
    assert second >= 4
    assert breaches(made) == []


def test_a_task_that_failed_for_good_tells_its_exit_code(ns: Namespace) -> None:
    ns.create(spec(task("a", fail_attempts=9, exit_code=42), defaults={"maxAttempts": 2}))
    done = ns.wait_end()
    row = rows(done)["a"]
    assert (row["state"], row["reason"], row["exitCode"], row["attempts"]) == ("Failed", "ExitCode", 42, 2)
    assert condition(done, "Succeeded")["status"] == "False"
    assert condition(done, "Succeeded")["reason"] == "TasksFailed"
    assert "a (ExitCode 42, attempts 2)" in condition(done, "Succeeded")["message"]


def test_an_evicted_pod_is_not_the_task_s_fault(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(task("a", hold=True), defaults={"maxAttempts": 1}))
    pod = ns.until(ns.held, "a running pod")[0]
    ns.kubectl("annotate", "pod", pod["metadata"]["name"], "rig.parallelproject.io/evict=true")
    ns.until(lambda: not ns.held(), "the eviction")
    ns.release("a")  # its next pod comes 10 s later
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row.get("failures")) == ("Succeeded", 1, None)
    assert len(ns.jobs()) == 1
    assert len(ns.pods()) == 2
    assert breaches(made) == []


def test_an_attempt_over_its_deadline_fails(ns: Namespace) -> None:
    ns.create(spec(task("a", hold=True, activeDeadlineSeconds=1, maxAttempts=1), task("b")))
    done = ns.wait_end()
    assert (rows(done)["a"]["state"], rows(done)["a"]["reason"]) == ("Failed", "DeadlineExceeded")
    assert rows(done)["b"]["state"] == "Succeeded"


def test_a_project_over_its_deadline_is_stopped(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(task("a"), task("b", hold=True), task("c", "b"), activeDeadlineSeconds=86_400))
    ns.wait_state("a", "Succeeded")
    started = datetime.fromisoformat(ns.wait(lambda p: states(p)["b"] == "Running", "b to run")["status"]["startTime"])
    ns.patch({"activeDeadlineSeconds": int((datetime.now(UTC) - started).total_seconds()) + 3})
    done = ns.wait_end()
    assert states(done) == {"a": "Succeeded", "b": "Skipped", "c": "Skipped"}
    assert condition(done, "Succeeded")["reason"] == "DeadlineExceeded"
    assert ns.jobs("b")[0]["metadata"]["annotations"]["parallelproject.io/stopped-for"] == "DeadlineExceeded"
    assert breaches(made) == []


POLICIES = {
    "FinishLevel": {"bad": "Failed", "slow": "Succeeded", "after-slow": "Skipped", "after-bad": "Skipped"},
    "Continue": {"bad": "Failed", "slow": "Succeeded", "after-slow": "Succeeded", "after-bad": "Skipped"},
    "FailFast": {"bad": "Failed", "slow": "Skipped", "after-slow": "Skipped", "after-bad": "Skipped"},
}


@pytest.mark.parametrize("policy", POLICIES)
def test_the_failure_policy_says_what_else_runs(ns: Namespace, breaches: Breaches, policy: str) -> None:
    tasks = [
        task("bad", fail_attempts=9),
        task("slow", hold=True),
        task("after-slow", "slow"),
        task("after-bad", "bad"),
    ]
    made = ns.create(spec(*tasks, failurePolicy=policy, defaults={"maxAttempts": 1}))
    ns.wait_state("bad", "Failed")
    if policy != "FailFast":
        ns.release("slow")
    done = ns.wait_end()
    assert states(done) == POLICIES[policy]
    assert rows(done)["after-bad"]["reason"] == "DependencyFailed"
    assert condition(done, "Succeeded")["reason"] == "TasksFailed"
    assert breaches(made) == []


def test_a_job_deleted_by_hand_is_a_lost_attempt_and_the_next_follows(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(task("a", hold=1)))
    ns.wait_state("a", "Running")
    ns.delete_job("a")
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row["failures"]) == ("Succeeded", 2, 1)
    assert breaches(made) == []


def test_a_job_deleted_while_the_operator_was_away_is_a_lost_attempt(
    ns: Namespace, operator: OperatorProcess, breaches: Breaches
) -> None:
    made = ns.create(spec(task("a", hold=1), task("b", "a")))
    ns.wait_state("a", "Running")
    operator.kill()
    ns.delete_job("a")  # its pod runs until an operator lets the Job go
    operator.start()
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row["failures"]) == ("Succeeded", 2, 1)
    assert breaches(made) == []


def test_a_status_tampered_with_while_the_operator_was_away_does_not_stop_it(
    ns: Namespace, operator: OperatorProcess
) -> None:
    ns.create(spec(task("a", hold=True), task("b", "a")))
    ns.wait_state("a", "Running")
    operator.kill()
    garbage = {
        "startTime": "0001-01-01T00:00:00+14:00",
        "conditions": [],
        "tasks": [{"id": "a", "state": "Running", "attempts": 2**53 - 1, "startTime": "9999-12-31T23:59:59-14:00"}],
    }
    ns.client("PATCH", f"{ns.path('p')}/status", {"status": garbage}, content_type=MERGE_PATCH)
    operator.start()
    ns.release("a")
    assert states(ns.wait_end()) == {"a": "Succeeded", "b": "Succeeded"}


def test_a_foreign_job_in_the_way_fails_the_task_and_is_left_alone(ns: Namespace) -> None:
    made = ns.create(spec(task("a"), task("b"), suspend=True))
    name = job_name("p", made["metadata"]["uid"], WorkKey.of_task("a", 1))
    ns.kubectl("create", "job", name, "--image=none")
    ns.patch({"suspend": False})
    done = ns.wait_end()
    assert (rows(done)["a"]["state"], rows(done)["a"]["reason"]) == ("Failed", "NameConflict")
    assert rows(done)["b"]["state"] == "Succeeded"
    foreign = json.loads(ns.kubectl("get", "job", name, "-o", "json"))
    assert "ownerReferences" not in foreign["metadata"]
    assert any(reason == "NameConflict" and name in message for reason, message in ns.events())


def test_labels_alone_do_not_make_a_job_or_a_pod_ours(ns: Namespace) -> None:
    made = ns.create(spec(task("a"), suspend=True))
    uid = made["metadata"]["uid"]
    labels = {
        "app.kubernetes.io/managed-by": "parallelproject",
        "parallelproject.io/project": "p",
        "parallelproject.io/project-uid": uid,
        "parallelproject.io/task": "a",
        "parallelproject.io/attempt": "1",
    }
    pod = {"restartPolicy": "Never", "containers": [{"name": "x", "image": "none"}]}
    metadata = {"name": "false", "namespace": ns.name, "labels": labels}
    ns.client("POST", f"/api/v1/namespaces/{ns.name}/pods", {"metadata": metadata, "spec": pod})
    template = {"metadata": {"labels": labels}, "spec": pod}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}
    ns.client("POST", f"/apis/batch/v1/namespaces/{ns.name}/jobs", job)
    ns.kubectl("wait", "--for=condition=Complete", "job/false", "--timeout=180s")
    ns.kubectl("delete", "job/false", "pod/false")
    ns.patch({"suspend": False})
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row.get("failures")) == ("Succeeded", 1, None)


ODD_TEMPLATES: dict[str, Callable[[Json], object]] = {
    "env is text": lambda pod: pod["containers"][0].update(env="A=1"),
    "env names an object": lambda pod: pod["containers"][0].update(env=[{"name": {"a": 1}}]),
    "volumes is a map": lambda pod: pod.update(volumes={"a": {}}),
    "a mount of no volume": lambda pod: pod["containers"][0].update(volumeMounts=[{"name": "x", "mountPath": "/x"}]),
    "our volume again": lambda pod: pod.update(volumes=[{"name": "pproj-task", "emptyDir": {}}]),
    "a number for text": lambda pod: pod.update(nodeSelector={"a": 1}),
}


def test_an_invalid_pod_template_fails_its_tasks_alone_and_the_reason_is_told(ns: Namespace) -> None:
    good = role("good")
    roles, tasks = [good], [task("ok", role="good")]
    for number, damage in enumerate(ODD_TEMPLATES.values()):
        odd = role(f"odd-{number}")
        damage(odd["podTemplate"]["spec"])
        roles.append(odd)
        tasks.append(task(f"t{number}", role=f"odd-{number}"))
    ns.create(spec(*tasks, roles=roles, parallelism=20))
    done = ns.wait_end()
    assert rows(done)["ok"]["state"] == "Succeeded"
    for number, what in enumerate(ODD_TEMPLATES):
        row = rows(done)[f"t{number}"]
        assert (row["state"], row.get("reason"), row["attempts"]) == ("Failed", "InvalidPodTemplate", 1), what
    told = [message for reason, message in ns.events() if reason == "InvalidPodTemplate"]
    assert len(told) == len(ODD_TEMPLATES)
    assert any("t0: " in message and "env" in message for message in told)


def test_a_role_without_a_command_is_refused_with_its_place(ns: Namespace) -> None:
    without = role()
    del without["podTemplate"]["spec"]["containers"][0]["command"]
    ns.create(spec(task("a"), roles=[without]))
    accepted = condition(ns.wait(lambda p: condition(p, "Accepted"), "a verdict"), "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "CommandRequired")
    assert "spec.roles[0].podTemplate.spec.containers[0].command" in accepted["message"]
    assert ns.jobs() == []


def test_a_quota_that_forbids_jobs_holds_the_run_up_until_it_is_lifted(forbidden_ns: Namespace) -> None:
    ns = forbidden_ns
    path = f"/api/v1/namespaces/{ns.name}/resourcequotas"
    ns.client("POST", path, {"metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}})
    ns.until(lambda: ns.client("GET", f"{path}/none").get("status", {}).get("hard"), "the quota")
    ns.create(spec(*(task(f"t{i}") for i in range(4))))
    ns.until(lambda: [m for r, m in ns.events() if r == "FailedCreate"], "word of it")
    row = ns.wait_state("t0", "Pending", "WaitingForQuota")
    assert (row["state"], row["reason"]) == ("Pending", "WaitingForQuota")
    ns.client("DELETE", f"{path}/none")
    assert set(states(ns.wait_end()).values()) == {"Succeeded"}
    told = [m for r, m in ns.events() if r == "FailedCreate"]
    assert len(told) == 1, "told once, not at each try"
    assert "exceeded quota" in told[0]


def test_a_status_that_somebody_else_wrote_is_written_over(ns: Namespace) -> None:
    ns.create(spec(task("a", hold=True), task("b", "a")))
    ns.wait_state("a", "Running")
    garbage = {
        "startTime": "0001-01-01T00:00:00+14:00",
        "conditions": [],
        "tasks": [{"id": "a", "state": "Failed", "attempts": 2**53 - 1, "failures": 2**53 - 1}],
    }
    ns.client("PATCH", f"{ns.path('p')}/status", {"status": garbage}, content_type=MERGE_PATCH)
    ns.wait(lambda p: condition(p, "Accepted") and states(p)["a"] == "Running", "the status again")
    ns.release("a")
    assert states(ns.wait_end()) == {"a": "Succeeded", "b": "Succeeded"}
