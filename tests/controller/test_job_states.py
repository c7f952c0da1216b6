"""What others may do to the Jobs of a project: suspend and edit them. No law is broken, and it is reported."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parallelproject.kube.client import MERGE_PATCH
from tests.controller.cluster import Json, Namespace, condition, role, rows, spec, states, task

pytestmark = pytest.mark.cluster

Breaches = Callable[[Json], list[str]]


def job_of(ns: Namespace, name: str) -> str:
    found: str = ns.until(lambda: ns.jobs(name), f"the Job of {name}")[-1]["metadata"]["name"]
    return found


def change(ns: Namespace, job: str, patch: Json, content_type: str = MERGE_PATCH) -> Json:
    path = f"/apis/batch/v1/namespaces/{ns.name}/jobs/{job}"
    return ns.client("PATCH", path, patch, content_type=content_type)


def wait_for_pod(ns: Namespace, name: str) -> None:
    ns.until(lambda: [p for p in ns.pods(name) if p["status"].get("phase") == "Running"], f"a running pod of {name}")


def wait_without_pods(ns: Namespace, name: str) -> None:
    ns.until(lambda: not ns.pods(name), f"the pods of {name} to be gone")


@pytest.mark.parametrize("how", [{"suspend": True}, {"parallelism": 0}], ids=["suspend", "parallelism"])
def test_a_suspended_job_keeps_slot_role_and_files(ns: Namespace, breaches: Breaches, how: Json) -> None:
    roles = [role("coder", maxConcurrent=1), role("writer")]
    tasks = [
        task("a", hold=True, files=["src/**"], role="coder"),
        task("same-files", files=["src/x"], role="writer"),
        task("same-role", role="coder"),
        task("other", hold=True, role="writer"),
        task("no-slot", role="writer"),
    ]
    made = ns.create(spec(*tasks, roles=roles, parallelism=2))
    job = job_of(ns, "a")
    wait_for_pod(ns, "a")
    change(ns, job, {"spec": how})
    wait_without_pods(ns, "a")
    ns.wait_state("a", "Running", "JobSuspended")
    ns.wait_state("other", "Running")
    waiting = {name: row.get("reason") for name, row in rows(ns.get()).items() if row["state"] == "Pending"}
    assert waiting == {
        "same-files": "WaitingForFiles",
        "same-role": "WaitingForRole",
        "no-slot": "WaitingForSlot",
    }
    events = ns.until(lambda: [e for e in ns.events() if e[0] == "JobSuspended"], "its event")
    hint = "next: pproj why p a has the command that resumes it"
    assert events == [("JobSuspended", f"a: attempt 1 ({job}) is suspended; it keeps its slot and its files; {hint}")]
    assert f"kubectl patch -n {ns.name} job {job} --type merge" in ns.why("a")
    change(ns, job, {"spec": {"suspend": False, "parallelism": 1}})
    ns.release("a", "other")
    done = ns.wait_end()
    assert set(states(done).values()) == {"Succeeded"}
    assert rows(done)["a"]["attempts"] == 1
    assert breaches(made) == []


def test_stop_ends_a_suspended_job_and_no_pod_starts(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(task("a", hold=True), task("b", "a")))
    job = job_of(ns, "a")
    wait_for_pod(ns, "a")
    change(ns, job, {"spec": {"suspend": True}})
    wait_without_pods(ns, "a")
    ns.wait_state("a", "Running", "JobSuspended")
    pods = watched_pods(ns)
    ns.patch({"stop": True})
    done = ns.wait_end()
    assert states(done) == {"a": "Skipped", "b": "Skipped"}
    assert "failures" not in rows(done)["a"]
    assert condition(ns.jobs("a")[0], "Failed")["status"] == "True"
    assert next(pods) == 0
    assert breaches(made) == []


def watched_pods(ns: Namespace) -> Iterator[int]:
    """How many pods were created from the first call to the second."""
    path = f"/api/v1/namespaces/{ns.name}/events"

    def created() -> int:
        found = ns.client("GET", path)["items"]
        return sum(e["reason"] == "SuccessfulCreate" for e in found if e["involvedObject"]["kind"] == "Job")

    before = created()

    def later() -> Iterator[int]:
        yield created() - before

    return later()


@pytest.fixture
def queued(ns: Namespace) -> Namespace:
    """Jobs of the namespace are created suspended, as a queue such as Kueue has them."""
    mutation = "Object{spec: Object.spec{suspend: true}}"
    policy(ns, mutation)
    return ns


def policy(ns: Namespace, mutation: str) -> None:
    """Has each Job that is created in the namespace changed by a policy."""
    group = "/apis/admissionregistration.k8s.io/v1"
    rule = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns.name}}}
    body: Json = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": ns.name},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [rule], **here},
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": mutation}}],
        },
    }
    ns.client("POST", f"{group}/mutatingadmissionpolicies", body)
    binding: Json = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": ns.name},
        "spec": {"policyName": ns.name, "matchResources": here},
    }
    ns.client("POST", f"{group}/mutatingadmissionpolicybindings", binding)
    probe = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "probe", "namespace": ns.name},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "none"}]}}},
    }
    path = f"/apis/batch/v1/namespaces/{ns.name}/jobs?dryRun=All"

    def is_in_force() -> bool:
        made = ns.client("POST", path, probe)["spec"]
        return bool(made.get("suspend") or "ttlSecondsAfterFinished" in made)

    ns.until(is_in_force, "the policy")


def test_a_job_that_is_created_suspended_waits_and_can_be_stopped(queued: Namespace, breaches: Breaches) -> None:
    ns = queued
    made = ns.create(spec(task("a", activeDeadlineSeconds=1), task("b", "a")))
    ns.wait_state("a", "Running", "JobSuspended")
    assert ns.pods() == []
    ns.patch({"stop": True})
    done = ns.wait_end()
    assert states(done) == {"a": "Skipped", "b": "Skipped"}
    assert ns.pods() == []
    assert breaches(made) == []


def test_a_job_that_a_queue_lets_go_runs_however_long_it_waited(queued: Namespace) -> None:
    ns = queued
    ns.create(spec(task("a", activeDeadlineSeconds=2, maxAttempts=1), task("after", seconds=3)))
    for name in ("after", "a"):  # the one that is let go last has waited for longer than its deadline
        ns.wait_state(name, "Running", "JobSuspended")
    change(ns, job_of(ns, "after"), {"spec": {"suspend": False}})
    ns.wait_state("after", "Succeeded")
    ns.wait_state("a", "Running", "JobSuspended")
    change(ns, job_of(ns, "a"), {"spec": {"suspend": False}})
    assert states(ns.wait_end()) == {"a": "Succeeded", "after": "Succeeded"}


def test_the_deadline_of_a_suspended_attempt_passes_by_our_clock(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(task("a", hold=True, activeDeadlineSeconds=10), defaults={"maxAttempts": 1}))
    job = job_of(ns, "a")
    wait_for_pod(ns, "a")
    change(ns, job, {"spec": {"suspend": True}})
    ns.wait_state("a", "Running", "JobSuspended")
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["reason"], row["failures"]) == ("Failed", "DeadlineExceeded", 1)
    assert breaches(made) == []


def test_a_queue_that_suspends_again_does_not_keep_a_job_from_its_stop(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(task("a", hold=True)))
    job = job_of(ns, "a")
    wait_for_pod(ns, "a")
    change(ns, job, {"metadata": {"annotations": {"parallelproject.io/stopped-for": "Stopped"}}})
    change(ns, job, {"spec": {"suspend": True}})
    wait_without_pods(ns, "a")
    ns.patch({"stop": True})
    done = ns.wait_end()
    assert states(done) == {"a": "Skipped"}
    assert "failures" not in rows(done)["a"]
    ns.until(lambda: not ns.jobs("a"), "its Job to go")
    assert breaches(made) == []


TAKEN: dict[str, Json] = {
    "all labels": {"labels": None},
    "managed-by": {"labels": {"app.kubernetes.io/managed-by": "Helm"}},
    "task": {"labels": {"parallelproject.io/task": "b"}},
    "project": {"labels": {"parallelproject.io/project": "other"}},
    "owner": {"ownerReferences": None},
    "labels and owner": {"labels": None, "ownerReferences": None},
    "claim": {"annotations": None},
}


@pytest.mark.parametrize("what", TAKEN)
def test_a_job_stays_that_of_its_attempt_whatever_is_taken_from_it(
    ns: Namespace, breaches: Breaches, what: str
) -> None:
    made = ns.create(spec(task("a", hold=True, files=["x"]), task("b", files=["x"]), parallelism=2))
    job = job_of(ns, "a")
    before = ns.jobs("a")[0]["metadata"]
    wait_for_pod(ns, "a")
    ns.wait_state("a", "Running")
    change(ns, job, {"metadata": TAKEN[what]})

    def is_restored() -> bool:
        now = next(j["metadata"] for j in everything(ns, "jobs") if j["metadata"]["name"] == job)
        wanted = {k: v for k, v in before["labels"].items() if k != "parallelproject.io/level"}
        return now.get("labels", {}).items() >= wanted.items() and [
            o["uid"] for o in now.get("ownerReferences") or ()
        ] == [made["metadata"]["uid"]]

    ns.until(is_restored, "labels and owner to be back")
    assert states(ns.get()) == {"a": "Running", "b": "Pending"}
    ns.release("a")
    done = ns.wait_end()
    assert states(done) == {"a": "Succeeded", "b": "Succeeded"}
    assert rows(done)["a"]["attempts"] == 1
    assert breaches(made) == []


def everything(ns: Namespace, plural: str) -> list[Any]:
    found: list[Any] = json.loads(ns.kubectl("get", plural, "-o", "json"))["items"]
    return found
