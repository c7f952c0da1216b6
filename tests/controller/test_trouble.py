"""Pods that do not begin: told within seconds, and ended where nothing else would.

What a kubelet says of such a pod is written into its status, since the nodes are fake; what the scheduler says is real.
"""

import json

import pytest

from tests.controller.cluster import Json, Namespace, role, rows, spec, states, task

pytestmark = pytest.mark.cluster

GIT: Json = {"url": "https://git.example/acme/shop.git"}


def kubelet_says(ns: Namespace, name: str, state: Json, number: int = 1) -> None:
    """The first container of the pod of an attempt is in this state."""

    def running() -> Json | None:
        of_attempt = (p for p in ns.pods(name) if p["metadata"]["labels"]["parallelproject.io/attempt"] == str(number))
        return next((p for p in of_attempt if p["status"]["phase"] == "Running"), None)

    pod = ns.until(running, "its pod")
    assert pod
    statuses = pod["status"]["containerStatuses"]
    agent = pod["spec"]["containers"][0]["name"]
    said = [status | ({"state": state, "ready": False} if status["name"] == agent else {}) for status in statuses]
    patch = json.dumps({"status": {"containerStatuses": said}})
    ns.kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge", "-p", patch)


def test_a_pod_that_no_node_takes_is_told(ns: Namespace) -> None:
    picky = role()
    picky["podTemplate"]["spec"]["nodeSelector"] = {"made-of": "unobtainium"}
    ns.create(spec(task("a"), roles=[picky]))
    ns.wait_state("a", "Running", "Unschedulable")
    said = ns.why("a")
    assert "a: Running, Unschedulable" in said
    assert "no node accepts its pod" in said
    job = ns.jobs("a")[0]["metadata"]["name"]
    assert f"kubectl describe pod -n {ns.name}" in said
    assert f"-l job-name={job}" in said


def test_an_image_that_cannot_be_pulled_is_told_until_it_can(ns: Namespace) -> None:
    ns.create(spec(task("a", hold=True)))
    for reason in ("ErrImagePull", "ImagePullBackOff"):
        kubelet_says(ns, "a", {"waiting": {"reason": reason, "message": "not found"}})
        row = ns.wait_state("a", "Running", "ImagePullBackOff")
    assert row["attempts"] == 1
    kubelet_says(ns, "a", {"waiting": {"reason": "CreateContainerConfigError"}})
    ns.wait_state("a", "Running", "CreateContainerConfigError")
    kubelet_says(ns, "a", {"running": {"startedAt": "2026-01-01T00:00:00Z"}})
    ns.wait(lambda p: "reason" not in rows(p)["a"], "no trouble")


def test_a_command_that_cannot_be_started_is_a_failure_although_git_waits_for_it(ns: Namespace) -> None:
    ns.create(spec(task("a", hold=True), git=GIT, defaults={"maxAttempts": 2}))
    for number in (1, 2):
        kubelet_says(ns, "a", {"terminated": {"reason": "StartError", "exitCode": 128}}, number)
    done = ns.wait_end()
    row = rows(done)["a"]
    assert (row["state"], row["reason"], row["failures"], row["attempts"]) == ("Failed", "StartError", 2, 2)
    assert states(done) == {"a": "Failed"}


def test_a_job_whose_pods_are_refused_is_told_and_goes_on_when_they_are_not(ns: Namespace) -> None:
    ns.kubectl("create", "quota", "none", "--hard=pods=0")
    ns.until(lambda: "0" in ns.kubectl("get", "quota", "none", "-o", "jsonpath={.status.hard}"), "the quota")
    ns.create(spec(task("a")))
    ns.wait_state("a", "Running", "PodNotCreated")
    job = ns.jobs("a")[0]["metadata"]["name"]
    said = ns.why("a")
    assert f"kubectl describe job -n {ns.name} {job}" in said
    assert " pod " not in said.split("next: ")[1], "it does not exist"
    assert "exceeded quota: none" in ns.kubectl("describe", "job", job)
    ns.kubectl("delete", "quota", "none")
    assert states(ns.wait_end()) == {"a": "Succeeded"}
