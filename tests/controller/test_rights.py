"""The rights that the operator is given are those that it uses: none is missing, none is there for nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rig import ControlPlane
from tests.controller.audit import AuditLog, Json, by_user, refusals
from tests.controller.cluster import Namespace, role, rows, spec, states, task
from tests.controller.operator_process import NAMESPACE, USER, OperatorProcess

pytestmark = pytest.mark.cluster

INSTALLED = Path(__file__).parents[2] / "manifests" / "install.yaml"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/parallelproject"
WITHOUT_REQUEST = {("parallelproject.io", "parallelprojects/finalizers", "update")}
"""Asked for by an admission plugin that the API server of these tests has on, as those of OpenShift have: who sets
blockOwnerDeletion needs it on the owner."""

Right = tuple[str, str, str]


def granted() -> Iterator[Right]:
    """Group, resource and verb of every rule for the operator."""
    for part in yaml.safe_load_all(INSTALLED.read_text()):
        if part["kind"] in ("ClusterRole", "Role") and part["metadata"]["name"] == "parallelproject":
            for rule in part["rules"]:
                for group in rule["apiGroups"]:
                    yield from ((group, resource, verb) for resource in rule["resources"] for verb in rule["verbs"])


def used(events: list[Json]) -> set[Right]:
    """The same of what was asked for."""
    found = set()
    for event in events:
        ref = event.get("objectRef") or {}
        resource = "/".join(filter(None, (ref.get("resource"), ref.get("subresource"))))
        if resource:
            found.add((ref.get("apiGroup", ""), resource, event["verb"]))
    return found


def of_project(ns: Namespace, name: str) -> list[Json]:
    """The Jobs of a project."""
    return [job for job in ns.jobs() if job["metadata"]["labels"]["parallelproject.io/project"] == name]


def test_every_right_is_used_and_none_is_missing(
    cluster: ControlPlane, ns: Namespace, operator: OperatorProcess, audit: AuditLog
) -> None:
    operator.stop()
    ns.client("DELETE", LEASE)
    since = audit.position()
    operator.start()  # lists and watches, and makes the Lease
    ns.create(spec(task("a", hold=True), task("b")))
    ns.wait_state("a", "Running")
    operator.kill()
    job = ns.jobs("a")[0]["metadata"]["name"]
    ns.client("DELETE", f"/apis/batch/v1/namespaces/{ns.name}/jobs/{job}", {"propagationPolicy": "Background"})
    operator.start()  # renews the Lease, reads the project, and looks up the Job that is gone
    ns.wait(lambda p: rows(p)["a"]["attempts"] == 2, "a to be run again")
    ns.patch({"stop": True})
    assert states(ns.wait_end())["a"] == "Skipped"
    ns.create(spec(task("a"), jobHistoryLimit=0), "without-history")
    ns.wait_end("without-history")
    ns.until(lambda: not of_project(ns, "without-history"), "a finished Job to be removed")
    ns.create(spec(task("a"), ttlSecondsAfterFinished=0), "short")
    ns.until(lambda: not ns.exists("short"), "the project to be deleted after its time")
    broken = role()
    broken["podTemplate"]["spec"]["containers"][0]["env"] = "A=1"
    ns.create(spec(task("a"), roles=[broken]), "broken")  # whose template is tried
    assert rows(ns.wait_end("broken"))["a"]["reason"] == "InvalidPodTemplate"
    asked = by_user(audit.events(since), USER)
    assert refusals(asked, 403) == []
    ours = {right for right in used(asked) if right[1] != "subjectaccessreviews"}
    assert ours | WITHOUT_REQUEST == set(granted())
