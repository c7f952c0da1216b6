"""What a pod template can do to the pods that are made of it, judged by a real API server and its Pod Security."""

import json
from typing import Any

import pytest

from parallelproject.core.graph.graph import compile_graph
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.pod import Json
from parallelproject.executors.job.task_job import check_for_cluster, job_manifest
from parallelproject.model.project import parse_spec
from rig import ControlPlane
from rig.deadline import until

GIT: Json = {"url": "https://git.example/acme/shop.git", "credentialsSecretRef": {"name": "shop-git"}}
RESTRICTED: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def job(namespace: str, pod: Json | None = None, metadata: Json | None = None, **container: Any) -> Json:
    """The Job of a task whose template has these."""
    agent = {"name": "agent", "image": "x", "command": ["run"], "securityContext": RESTRICTED, **container}
    template = {"metadata": metadata or {}, "spec": {"containers": [agent], **(pod or {})}}
    data = {"roles": [{"name": "r", "podTemplate": template}], "tasks": [{"id": "a"}], "git": GIT}
    spec = parse_spec(data)
    assert check_for_cluster(spec) == []
    return job_manifest(Owner("shop", namespace, "uid-1"), spec, compile_graph(spec), 0, 1, {})


def test_names_of_attempts_are_ours_whatever_the_template_says() -> None:
    names = ("task", "project", "project-uid", "attempt", "level", "task-file", "delivery", "publish", "other")
    evil = {f"parallelproject.io/{name}": "evil" for name in names}
    made = job("agents", metadata={"labels": {**evil, "app": "x"}, "annotations": evil, "name": "evil"})
    metadata = made["spec"]["template"]["metadata"]
    assert {name: metadata["labels"][f"parallelproject.io/{name}"] for name in names[:5]} == {
        "task": "a", "project": "shop", "project-uid": "uid-1", "attempt": "1", "level": "0"
    }  # fmt: skip
    assert metadata["labels"]["app"] == "x"
    assert all(json.loads(metadata["annotations"][f"parallelproject.io/{name}"]) for name in names[5:7])
    assert "evil" not in json.dumps(metadata)
    assert "name" not in metadata


def test_no_variable_of_a_template_reaches_a_container_of_ours() -> None:
    evil = [{"name": name, "value": "evil"} for name in ("PPROJ_GIT", "GIT_SSH_COMMAND", "LD_PRELOAD", "PATH")]
    pod = job("agents", env=evil, envFrom=[{"secretRef": {"name": "x"}}])["spec"]["template"]["spec"]
    ours = [c for c in (*pod["initContainers"], *pod["containers"]) if c["name"] in ("prepare", "git")]
    assert len(ours) == 2
    assert not any(key in container for container in ours for key in ("envFrom", "lifecycle", "livenessProbe"))
    assert not any(container.get("env") for container in ours)


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("pod", "container", "said"),
    [
        ({"volumes": [{"name": "pproj-credentials", "emptyDir": {}}]}, {}, "Duplicate value"),
        ({"volumes": [{"name": "pproj-work", "emptyDir": {}}]}, {}, "Duplicate value"),
        ({"volumes": [{"name": "pproj-task", "emptyDir": {}}]}, {}, "Duplicate value"),
        (
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            {"volumeMounts": [{"name": "v", "mountPath": "/pproj/state"}]},
            "must be unique",
        ),
        ({}, {"volumeMounts": [{"name": "pproj-token", "mountPath": "/t"}]}, "Not found"),
    ],
)
def test_the_place_of_what_is_ours_cannot_be_taken(
    control_plane: ControlPlane, namespace: str, pod: Json, container: Json, said: str
) -> None:
    assert said in create(control_plane, job(namespace, pod, **container))
    assert create(control_plane, job(namespace)) == ""


@pytest.mark.cluster
def test_the_pods_of_a_restricted_template_are_restricted_and_others_are_refused(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    found = ("get", "serviceaccount", "default", "--namespace", namespace)
    until(lambda: control_plane.kubectl(*found, check=False).returncode == 0, "the default account", seconds=90)

    def pod(*arguments: Json, **container: Any) -> str:
        template = job(namespace, *arguments, **container)["spec"]["template"]
        metadata = {**template["metadata"], "name": "p", "namespace": namespace}
        return create(
            control_plane, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        )

    assert pod() == ""
    for wrong, container, said in (
        ({"hostNetwork": True}, {}, "host namespaces"),
        ({"hostIPC": True}, {}, "host namespaces"),
        ({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}, {}, "hostPath"),
        ({}, {"securityContext": {"privileged": True}}, "privileged"),
        ({}, {"securityContext": {**RESTRICTED, "runAsUser": 0}}, "runAsUser=0"),
        ({}, {"securityContext": {**RESTRICTED, "capabilities": {"add": ["SYS_PTRACE"]}}}, "SYS_PTRACE"),
    ):
        refused = pod(wrong, **container)
        assert "violates PodSecurity" in refused
        assert said in refused


def create(cluster: ControlPlane, made: Json) -> str:
    """What the server says when this is created, without it being kept; empty where it accepts it."""
    done = cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(made), check=False)
    return "" if done.returncode == 0 else done.stderr
