"""Control planes start, stand side by side, stand up again, and leave nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import rig
from rig import Binaries, ControlPlane, RigError, controlplane, ports, scratch
from rig.deadline import until
from tests.processes import has_ended

pytestmark = pytest.mark.cluster

WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.rig.example"},
    "spec": {
        "group": "rig.example",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}

WITH_RIG = {**os.environ, "PYTHONPATH": str(Path(rig.__file__).parents[1])}


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture(scope="module")
def second(binaries: Binaries, taken_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Another control plane, beside the shared one, that did not have an easy start.

    Its API server was first given a port that is taken, and the thread that started it is gone.
    """
    crd = tmp_path_factory.mktemp("crds") / "widgets.yaml"
    crd.write_text(yaml.safe_dump(WIDGETS))
    cluster = ControlPlane(binaries=binaries, nodes=1, audit=True, manifests=[crd])
    picks = iter([[*ports.free_ports(2), taken_port]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controlplane, "free_ports", lambda count: next(picks, None) or ports.free_ports(count))
        starter = threading.Thread(target=cluster.__enter__)
        starter.start()
        starter.join()
    yield cluster
    cluster.__exit__(None, None, None)


def names(cluster: ControlPlane, kind: str) -> set[str]:
    return set(cluster.kubectl("get", kind, "-A", "-o", "name").stdout.split())


def test_two_stand_side_by_side(control_plane: ControlPlane, second: ControlPlane) -> None:
    assert control_plane.url != second.url
    assert names(control_plane, "nodes") == {f"node/node-{index}" for index in range(4)}
    assert names(second, "nodes") == {"node/node-0"}
    second.create_namespace("only-here")
    assert "namespace/only-here" not in names(control_plane, "namespaces")


def test_a_service_account_has_no_rights_of_its_own(control_plane: ControlPlane, namespace: str) -> None:
    kubeconfig = control_plane.service_account_kubeconfig(namespace, "operator")
    who = control_plane.kubectl("--kubeconfig", kubeconfig, "auth", "whoami").stdout
    assert f"system:serviceaccount:{namespace}:operator" in who
    refused = control_plane.kubectl("--kubeconfig", kubeconfig, "get", "jobs", check=False)
    assert refused.returncode != 0
    assert "Forbidden" in refused.stderr


def test_a_user_has_the_rights_that_rbac_gives(control_plane: ControlPlane, namespace: str) -> None:
    def alice(*arguments: str) -> str:
        done = control_plane.kubectl("--kubeconfig", kubeconfig, "-n", namespace, *arguments, check=False)
        return done.stdout + done.stderr

    kubeconfig = control_plane.kubeconfig_for("alice")
    assert "Forbidden" in alice("get", "jobs")
    control_plane.kubectl("create", "rolebinding", "-n", namespace, "alice", "--clusterrole=view", "--user=alice")
    until(lambda: "No resources found" in alice("get", "jobs"), "the rights to be known", seconds=60)
    with pytest.raises(RigError, match="no user 'eve'"):
        control_plane.kubeconfig_for("eve")


def test_kubectl_says_why_it_failed(control_plane: ControlPlane) -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        control_plane.kubectl("get", "nonsense")
    assert "nonsense" in "".join(raised.value.__notes__)


def test_the_audit_log_has_the_bodies_of_writes_to_jobs(second: ControlPlane) -> None:
    second.kubectl("create", "job", "audited", "--image=none")
    events = [json.loads(line) for line in second.audit_log.read_text().splitlines()]
    (created,) = [
        event
        for event in events
        if event["verb"] == "create" and event["objectRef"].get("resource") == "jobs" and "responseObject" in event
    ]
    assert created["responseObject"]["metadata"]["name"] == "audited"
    assert all("responseObject" not in event for event in events if event["verb"] in {"get", "list", "watch"})


def test_what_a_custom_resource_owns_is_collected_although_its_crd_is_new(second: ControlPlane) -> None:
    second.kubectl("apply", "-f", "-", input="{apiVersion: rig.example/v1, kind: Widget, metadata: {name: owner}}")
    uid = second.kubectl("get", "widget", "owner", "-o", "jsonpath={.metadata.uid}").stdout
    owner = {"apiVersion": "rig.example/v1", "kind": "Widget", "name": "owner", "uid": uid}
    owned = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "ownerReferences": [owner]}}
    second.kubectl("apply", "-f", "-", input=json.dumps(owned))
    second.kubectl("delete", "widget", "owner")
    second.kubectl("wait", "--for=delete", "configmap/owned", "--timeout=120s")


def test_pods_and_controllers_live_on_after_a_crash_of_the_api_server(second: ControlPlane) -> None:
    url = second.url
    variable = {"name": "PPROJ_PARAM_HOLD_ATTEMPTS", "value": "1"}
    task = {"name": "task", "image": "none", "env": [variable]}
    spec = {"restartPolicy": "Never", "containers": [task]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "survivor"}, "spec": spec}
    second.kubectl("create", "-f", "-", input=json.dumps(pod))
    second.kubectl("wait", "pod/survivor", "--for=jsonpath={.status.phase}=Running", "--timeout=120s")
    second.kill_apiserver()
    assert second.kubectl("get", "pods", check=False).returncode != 0
    second.start_apiserver()
    assert second.url == url
    second.kubectl("annotate", "pod/survivor", "rig.parallelproject.io/release=true")
    second.kubectl("wait", "pod/survivor", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
    second.restart_apiserver()
    second.kubectl("create", "job", "later", "--image=none")
    second.kubectl("wait", "job/later", "--for=condition=Complete", "--timeout=120s")


def test_a_component_that_fails_shows_its_log(binaries: Binaries) -> None:
    plane = ControlPlane(binaries=binaries, controllers=False, extra_apiserver_args=["--no-such-flag"])
    with (
        pytest.raises(RigError, match=r"(?s)kube-apiserver ended with exit code 1.*unknown flag: --no-such-flag"),
        plane,
    ):
        pass
    assert plane.pids == {}
    assert not plane.folder.exists()


def test_a_port_that_is_taken_is_replaced(second: ControlPlane, taken_port: int) -> None:
    log = (second.folder / "kube-apiserver.log").read_text()
    assert f"listen tcp 127.0.0.1:{taken_port}: bind: address already in use" in log
    assert second.kubectl("get", "--raw", "/readyz").stdout == "ok"


def test_it_outlives_the_thread_that_started_it(second: ControlPlane) -> None:
    assert set(second.pids) == {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"}
    assert not any(has_ended(pid) for pid in second.pids.values())


def test_nothing_outlives_a_killed_process(binaries: Binaries) -> None:
    script = (
        "import json, sys, signal\n"
        "from pathlib import Path\n"
        "from rig import Binaries, ControlPlane\n"
        "with ControlPlane(binaries=Binaries(Path(sys.argv[1])), controllers=False) as plane:\n"
        "    print(json.dumps([list(plane.pids.values()), str(plane.folder)]), flush=True)\n"
        "    signal.pause()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, binaries.folder], stdout=subprocess.PIPE, text=True, env=WITH_RIG
    )
    assert parent.stdout is not None
    with parent.stdout:
        pids, folder = json.loads(parent.stdout.readline())
    assert len(pids) == 2
    assert not any(has_ended(pid) for pid in pids)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: all(has_ended(pid) for pid in pids), "its processes to end", seconds=60)

    os.utime(folder, (0, 0))
    scratch.Scratch().remove()
    assert not Path(folder).exists()


def test_the_development_cluster_says_how_to_use_it_and_cleans_up(binaries: Binaries) -> None:
    command = [sys.executable, "-m", "rig", "up", "--nodes", "1"]
    up = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=WITH_RIG)
    assert up.stdout is not None
    with up.stdout:
        kubeconfig = next(line.partition("KUBECONFIG=")[2].strip() for line in up.stdout if "KUBECONFIG=" in line)
        asked: list[str | Path] = [binaries["kubectl"], "--kubeconfig", kubeconfig, "get", "nodes", "-o", "name"]
        assert subprocess.check_output(asked, text=True) == "node/node-0\n"
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=180) == 0
    assert not Path(kubeconfig).parent.exists()


def test_the_folder_of_one_that_lives_is_left_alone() -> None:
    mine = scratch.Scratch()
    os.utime(mine.path, (0, 0))
    scratch.Scratch().remove()
    assert mine.path.exists()
    mine.remove()
    assert not mine.path.exists()
