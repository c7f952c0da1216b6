"""Pods that somebody else has put containers into: those of ours are known by name, wherever they stand."""

import json

import pytest

from tests.controller.admission import mutation
from tests.controller.cluster import Json, Namespace, rows, spec, task

pytestmark = pytest.mark.cluster

GIT: Json = {"url": "https://git.example/acme/shop.git"}
PROXY = """[JSONPatch{op: "add", path: "/spec/containers/0", value: Object.spec.containers{
  name: "proxy", image: "none",
  env: [Object.spec.containers.env{name: "PPROJ_PARAM_HOLD_ATTEMPTS", value: "99"}]}}]"""


def running_pod(ns: Namespace, number: int) -> Json:
    """The pod of an attempt of a, as it runs."""

    def found() -> Json | None:
        of_attempt = (p for p in ns.pods("a") if p["metadata"]["labels"]["parallelproject.io/attempt"] == str(number))
        return next((p for p in of_attempt if p["status"]["phase"] == "Running"), None)

    pod = ns.until(found, f"the pod of attempt {number}")
    assert pod
    return pod


def ends(ns: Namespace, pod: Json, phase: str, codes: dict[str, int], said: Json) -> None:
    """What a kubelet says of a pod whose containers have ended with these codes; git says something in JSON."""
    statuses = []
    for status in pod["status"]["containerStatuses"]:
        ended: Json = {"exitCode": codes.get(status["name"], 0), "finishedAt": "2026-01-01T00:00:00Z"}
        if status["name"] == "git":
            ended["message"] = json.dumps(said)
        statuses.append(status | {"state": {"terminated": ended}, "ready": False})
    patch = json.dumps({"status": {"phase": phase, "containerStatuses": statuses}})
    ns.kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge", "-p", patch)


def injects(ns: Namespace) -> bool:
    body = {"metadata": {"name": "try"}, "spec": {"containers": [{"name": "x", "image": "none"}]}}
    made = ns.client("POST", f"/api/v1/namespaces/{ns.name}/pods?dryRun=All", body)
    return bool(made["spec"]["containers"][0]["name"] == "proxy")


def test_a_proxy_that_is_put_first_and_killed_hides_no_conflict_and_no_exit_code(ns: Namespace) -> None:
    with mutation(ns, "", "pods", PROXY):
        ns.until(lambda: injects(ns), "the policy to be in force")
        ns.create(spec(task("a"), git=GIT, defaults={"maxAttempts": 2}))
        pod = running_pod(ns, 1)
        assert [c["name"] for c in pod["spec"]["containers"]] == ["proxy", "agent", "git"]
        assert pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] == "agent"
        ends(ns, pod, "Failed", {"proxy": 137, "git": 20}, {"outcome": "Conflict", "paths": ["shop.py"]})
        again = running_pod(ns, 2)
        row = ns.wait(lambda p: rows(p)["a"]["attempts"] == 2 and rows(p)["a"]["state"] == "Running", "attempt 2")
        assert (rows(row)["a"]["conflicts"], rows(row)["a"].get("failures")) == (1, None)
        assert "shop.py" in again["metadata"]["annotations"]["parallelproject.io/feedback"]
        ends(ns, again, "Failed", {"proxy": 1, "agent": 42}, {})
        row = ns.wait(lambda p: rows(p)["a"]["attempts"] == 3 and rows(p)["a"].get("failures") == 1, "attempt 3")
        assert (rows(row)["a"]["failure"], rows(row)["a"]["exitCode"]) == ("ExitCode", 42)
        last = running_pod(ns, 3)
        ends(ns, last, "Succeeded", {}, {"outcome": "Landed", "commit": "0123456789abcdef"})
        assert rows(ns.wait_end())["a"]["commit"] == "0123456789"
