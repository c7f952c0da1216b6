"""Two namespaces with users of their own: none sees, adopts or stops what is the other's, whatever its labels say."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from parallelproject.model.names import job_name
from parallelproject.model.work import WorkKey
from rig import ControlPlane
from tests.controller.cluster import LABEL, Json, Namespace, rows, spec, states, task
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

User = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def teams(cluster: ControlPlane, ns: Namespace) -> dict[str, tuple[Namespace, User]]:
    """Alice may edit one namespace and Bob the other, by the roles that everybody has."""
    found = {}
    for user, end in (("alice", "a"), ("bob", "b")):
        name = f"{ns.name}-{end}"
        cluster.create_namespace(name)
        cluster.kubectl("-n", name, "create", "rolebinding", user, "--clusterrole=edit", f"--user={user}")
        team = Namespace(cluster, ns.client, name)

        run = _as(cluster, cluster.kubeconfig_for(user))
        team.until(lambda run=run, name=name: run("-n", name, "get", "pproj").returncode == 0, "the rights")
        found[user] = (team, run)
    return found


def _as(cluster: ControlPlane, config: Path) -> User:
    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return cluster.kubectl("--kubeconfig", str(config), *arguments, check=False, **options)

    return run


def apply(run: User, namespace: str, body: Json) -> subprocess.CompletedProcess[str]:
    return run("-n", namespace, "apply", "--server-side", "-f", "-", input=yaml.safe_dump(body))


def forged(mine: Json, kind: str, namespace: str) -> Json:
    """A Job as the operator would make it for the other team's task, here."""
    own = mine["metadata"]
    marks = {
        "app.kubernetes.io/managed-by": "parallelproject",
        f"{LABEL}/project": own["name"],
        f"{LABEL}/project-uid": own["uid"],
        f"{LABEL}/task": "b",
        f"{LABEL}/attempt": "1",
    }
    owner = {
        "apiVersion": mine["apiVersion"],
        "kind": mine["kind"],
        "name": own["name"],
        "uid": own["uid"],
        "controller": True,
    }
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none", "command": ["true"]}]}
    name = job_name(own["name"], own["uid"], WorkKey.of_task("b", 1))
    return {
        "apiVersion": "batch/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": marks, "ownerReferences": [owner]},
        "spec": {"template": {"metadata": {"labels": marks}, "spec": pod}},
    }


def test_users_see_and_stop_what_is_their_own_and_nothing_else(
    teams: dict[str, tuple[Namespace, User]], operator: OperatorProcess
) -> None:
    (a, alice), (b, bob) = teams["alice"], teams["bob"]
    b.create(spec(task("a", hold=True)))
    b.wait_state("a", "Running")
    for arguments in (
        ("get", "pproj"),
        ("get", "jobs"),
        ("patch", "pproj", "p", "--type=merge", "-p", '{"spec": {"stop": true}}'),
        ("delete", "pproj", "p"),
        ("create", "job", "x", "--image=none"),
    ):
        assert "orbidden" in alice("-n", b.name, *arguments).stderr
    assert "orbidden" in alice("get", "pproj", "--all-namespaces").stderr
    assert "orbidden" in alice("annotate", "namespace", a.name, f"{LABEL}/max-concurrent-tasks=99").stderr
    own = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "mine"}}
    made = apply(alice, a.name, own | {"spec": spec(task("a"))})
    assert made.returncode == 0, made.stderr
    assert states(a.wait_end("mine")) == {"a": "Succeeded"}
    assert rows(b.get())["a"]["state"] == "Running"
    assert bob("-n", b.name, "delete", "pproj", "p").returncode == 0
    assert "orbidden" in alice("-n", a.name, "patch", "pproj", "mine", "--subresource=status", "--type=merge",
                               "-p", '{"status": {"progress": "9/9"}}').stderr  # fmt: skip


def test_a_job_that_says_it_is_another_namespace_s_changes_nothing_there(
    teams: dict[str, tuple[Namespace, User]], operator: OperatorProcess
) -> None:
    (a, alice), (b, _) = teams["alice"], teams["bob"]
    mine = b.create(spec(task("a", hold=True), task("b", "a")))
    b.wait_state("a", "Running")
    made = apply(alice, a.name, forged(mine, "Job", a.name))  # its pod succeeds at once
    assert made.returncode == 0, made.stderr
    # Its pod succeeds, unless it is collected first: there is no such owner in its namespace.
    a.until(lambda: not a.jobs() or [pod for pod in a.pods() if pod["status"]["phase"] == "Succeeded"], "its end")
    b.create(spec(task("c")), "later")
    b.wait_end("later")  # so that the operator has seen what came before
    assert b.jobs("b") == []
    b.release("a")
    end = b.wait_end()
    assert states(end) == {"a": "Succeeded", "b": "Succeeded"}
    assert [job["metadata"]["namespace"] for job in b.jobs("b")] == [b.name]
    assert rows(end)["b"]["startTime"] >= rows(end)["a"]["completionTime"]
