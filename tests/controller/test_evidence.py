"""A Job is held until its result is written down, and is in nobody's way after that, nor when its project goes."""

from collections.abc import Callable

import pytest

from tests.controller.cluster import Json, Namespace, rows, spec, states, task
from tests.controller.operator_process import OperatorProcess
from tests.controller.test_job_states import change, job_of, policy, wait_for_pod

pytestmark = pytest.mark.cluster

Breaches = Callable[[Json], list[str]]


def finalizers(ns: Namespace) -> list[str]:
    return [name for job in ns.jobs() for name in job["metadata"].get("finalizers") or ()]


def has_ended(ns: Namespace, name: str) -> bool:
    conditions = [c for job in ns.jobs(name) for c in job["status"].get("conditions") or ()]
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


@pytest.mark.parametrize("fails", [0, 1], ids=["succeeded", "failed"])
def test_a_result_outlives_a_policy_that_removes_its_job_while_no_operator_runs(
    ns: Namespace, operator: OperatorProcess, breaches: Breaches, fails: int
) -> None:
    policy(ns, "Object{spec: Object.spec{ttlSecondsAfterFinished: 0}}")
    made = ns.create(spec(task("a", hold=1, fail_attempts=fails or None), task("b", "a")))
    wait_for_pod(ns, "a")
    operator.kill()
    ns.release("a")
    ns.until(lambda: "deletionTimestamp" in ns.jobs("a")[0]["metadata"], "its Job to be deleted")
    operator.start()
    done = ns.wait_end()
    assert states(done) == {"a": "Succeeded", "b": "Succeeded"}
    assert rows(done)["a"]["attempts"] == 1 + fails
    assert rows(done)["a"].get("failures", 0) == fails
    ns.until(lambda: not ns.jobs() and not ns.pods(), "the Jobs to be gone")
    assert breaches(made) == []


def test_a_result_outlives_the_deletion_of_its_job_by_hand(
    ns: Namespace, operator: OperatorProcess, breaches: Breaches
) -> None:
    made = ns.create(spec(task("a", hold=True)))
    wait_for_pod(ns, "a")
    operator.kill()
    ns.release("a")
    ns.until(lambda: has_ended(ns, "a"), "its end")
    ns.delete_job("a")
    operator.start()
    done = ns.wait_end()
    assert (states(done), rows(done)["a"]["attempts"]) == ({"a": "Succeeded"}, 1)
    ns.until(lambda: not ns.jobs(), "its Job to be gone")
    assert breaches(made) == []


def test_nothing_is_held_once_all_is_written_down(ns: Namespace) -> None:
    ns.create(spec(task("a", fail_attempts=1), task("b", fail_attempts=9), defaults={"maxAttempts": 2}))
    ns.wait_end()
    ns.until(lambda: not finalizers(ns), "all Jobs to be let go")
    assert len(ns.jobs()) == 4


def test_an_operator_lets_go_what_the_one_before_had_recorded_and_not_let_go(
    ns: Namespace, operator: OperatorProcess
) -> None:
    ns.create(spec(task("a")))
    ns.wait_end()
    ns.until(lambda: not finalizers(ns), "its Job to be let go")
    operator.kill()
    change(ns, job_of(ns, "a"), {"metadata": {"finalizers": ["parallelproject.io/recorded"]}})
    operator.start()
    ns.until(lambda: not finalizers(ns), "its Job to be let go")


def test_jobs_that_nobody_watches_are_let_go_at_the_next_start(ns: Namespace, operator: OperatorProcess) -> None:
    ns.create(spec(task("a", hold=True), task("b", hold=True), task("c", hold=True)))
    for name in ("a", "b", "c"):
        wait_for_pod(ns, name)
    found = {name: job_of(ns, name) for name in ("a", "b", "c")}
    # One stays: a Job without any gets those of its pods.
    labels = {**dict.fromkeys(ns.jobs("a")[0]["metadata"]["labels"]), "example.com/team": "x"}
    operator.kill()
    # a: a person makes a copy, under another name. b loses its labels. c loses its labels and its owner.
    original = ns.jobs("a")[0]
    kept = {field: original["metadata"][field] for field in ("finalizers", "labels", "annotations", "ownerReferences")}
    body = {**original["spec"], "suspend": True, "selector": None}
    body["template"]["metadata"]["labels"] = None
    copied = {"metadata": {**kept, "name": "copied"}, "spec": body}
    ns.client("POST", f"/apis/batch/v1/namespaces/{ns.name}/jobs", {"apiVersion": "batch/v1", "kind": "Job", **copied})
    change(ns, found["b"], {"metadata": {"labels": labels}})
    change(ns, found["c"], {"metadata": {"labels": labels, "ownerReferences": None}})
    operator.start()
    ns.until(lambda: not held(ns, "copied") and not held(ns, found["c"]), "the two to be let go")
    assert held(ns, found["a"])
    assert held(ns, found["b"])
    ns.delete()
    ns.until(lambda: not ns.exists(), "the project to be gone")
    ns.until(lambda: not finalizers(ns), "all Jobs to be let go")


def held(ns: Namespace, name: str) -> bool:
    job = next(job for job in ns.jobs() if job["metadata"]["name"] == name)
    return "parallelproject.io/recorded" in (job["metadata"].get("finalizers") or ())


def test_other_finalizers_stay(ns: Namespace) -> None:
    ns.create(spec(task("a", hold=True)))
    wait_for_pod(ns, "a")
    names = ["parallelproject.io/recorded", "example.com/archive"]
    change(ns, job_of(ns, "a"), {"metadata": {"finalizers": names}})
    ns.release("a")
    ns.wait_end()
    ns.until(lambda: finalizers(ns) == ["example.com/archive"], "its Job to be let go by us alone")
    change(ns, job_of(ns, "a"), {"metadata": {"finalizers": None}})


def test_a_job_that_is_deleted_while_it_runs_goes_at_once_and_its_task_runs_again(
    ns: Namespace, breaches: Breaches
) -> None:
    made = ns.create(spec(task("a", hold=1)))
    wait_for_pod(ns, "a")
    uid = ns.jobs("a")[0]["metadata"]["uid"]
    ns.delete_job("a")
    ns.until(lambda: uid not in [job["metadata"]["uid"] for job in ns.jobs("a")], "the Job to be gone")
    done = ns.wait_end()
    assert (states(done), rows(done)["a"]["attempts"], rows(done)["a"]["failures"]) == ({"a": "Succeeded"}, 2, 1)
    assert breaches(made) == []


@pytest.mark.parametrize("propagation", ["Background", "Foreground", "Orphan"])
def test_jobs_of_a_project_that_is_deleted_while_no_operator_runs_are_let_go(
    ns: Namespace, operator: OperatorProcess, propagation: str
) -> None:
    ns.create(spec(task("a", hold=True), task("b")))
    wait_for_pod(ns, "a")
    ns.wait_state("b", "Succeeded")
    operator.kill()
    ns.delete(propagation=propagation)
    operator.start()
    ns.until(lambda: not ns.exists(), "the project to be gone")
    ns.until(lambda: not finalizers(ns), "its Jobs to be let go")
    if propagation != "Orphan":
        ns.until(lambda: not ns.jobs() and not ns.pods(), "all of it to be gone")


def test_a_namespace_with_running_tasks_can_be_deleted(ns: Namespace) -> None:
    ns.create(spec(*(task(f"t{i}", hold=True) for i in range(4))))
    for i in range(4):
        wait_for_pod(ns, f"t{i}")
    ns.client("DELETE", f"/api/v1/namespaces/{ns.name}")
    ns.until(lambda: ns.is_gone(f"/api/v1/namespaces/{ns.name}"), "the namespace to be gone")
