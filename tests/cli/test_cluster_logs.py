"""``pproj logs`` of a project in a cluster: a real API server, which asks a kubelet of this test for the logs."""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from parallelproject.model.names import KUBECTL_CONTAINER, job_name
from parallelproject.model.work import WorkKey
from rig import ControlPlane
from tests.cli.conftest import Pproj, Result
from tests.cli.test_cluster import manifest, task

pytestmark = pytest.mark.cluster


class Kubelet(BaseHTTPRequestHandler):
    """Has the logs of containers; one that is followed gives its second line when it is released."""

    followed: ClassVar[threading.Event] = threading.Event()
    release: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        _, _, _, pod, container = url.path.split("/")
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(f"{container} of {pod}\n".encode())
        self.wfile.flush()
        if "follow" in parse_qs(url.query):
            self.followed.set()
            assert self.release.wait(180)
            self.wfile.write(b"done\n")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def kubelet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Its port."""
    folder: Path = tmp_path_factory.mktemp("kubelet")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kubelet"]
    subprocess.run([*words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Kubelet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def call(pproj: Pproj, control_plane: ControlPlane, namespace: str, kubelet: int) -> Any:
    """``pproj`` on a project of which ``a`` has run twice, ``b`` has failed and ``c`` has no pod any more."""
    node = f"node-{namespace}"
    address = {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}
    create(control_plane, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    endpoint = {"daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet}}}
    patch(control_plane, "node", node, namespace, address | endpoint)
    create(control_plane, manifest("logs", task("a"), task("b"), task("c"), task("s"), task("t")), namespace)
    shown = control_plane.kubectl("get", "pproj", "logs", "-n", namespace, "-o", "json").stdout
    uid = json.loads(shown)["metadata"]["uid"]
    rows = [
        {"id": "a", "state": "Running", "attempts": 2},
        {"id": "b", "state": "Failed", "reason": "ExitCode", "exitCode": 1, "attempts": 1},
        {"id": "c", "state": "Succeeded", "attempts": 1},
        {"id": "s", "state": "Failed", "reason": "SetupFailed", "exitCode": 3, "attempts": 1},
        {"id": "t", "state": "Running", "attempts": 1},
    ]
    patch(control_plane, "pproj", "logs", namespace, {"observedGeneration": 1, "tasks": rows})
    for name, number in (("a", 1), ("a", 2), ("b", 1), ("s", 1), ("t", 1)):
        job = job_name("logs", uid, WorkKey.of_task(name, number))
        metadata = {"name": job, "labels": {"job-name": job}, "annotations": {KUBECTL_CONTAINER: "task"}}
        containers = [{"name": container, "image": "none"} for container in ("git", "task")]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        spec = {"nodeName": node, "containers": containers}
        if name in "st":
            spec["initContainers"] = [{"name": each, "image": "none"} for each in ("setup", "after-setup")]
        create(control_plane, pod | {"spec": spec}, namespace)
        status = {"phase": "Running"} | (setup_ended(3 if name == "s" else 0) if name in "st" else {})
        patch(control_plane, "pod", job, namespace, status)

    def run(command: str, *arguments: object, **more: Any) -> Result:
        return pproj(command, "--kubeconfig", control_plane.kubeconfig, "-n", namespace, *arguments, **more)

    yield run
    control_plane.kubectl("delete", "node", node)


def setup_ended(code: int) -> dict[str, Any]:
    """The status of a pod whose setup has ended."""
    done = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z", "containerID": "x://y"}
    states = {
        "setup": {"terminated": {"exitCode": code, **done}},
        "after-setup": {"waiting": {"reason": "PodInitializing"}} if code else {"terminated": {"exitCode": 0, **done}},
    }
    common = {"ready": False, "restartCount": 0, "image": "x", "imageID": "x"}
    statuses = [{"name": name, "state": state, **common} for name, state in states.items()]
    return {"phase": "Failed" if code else "Running", "initContainerStatuses": statuses}


def create(control_plane: ControlPlane, what: Any, namespace: str = "default") -> None:
    text = what if isinstance(what, str) else json.dumps(what)
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=text)


def patch(control_plane: ControlPlane, kind: str, name: str, namespace: str, status: dict[str, Any]) -> None:
    words = ["patch", kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p"]
    control_plane.kubectl(*words, json.dumps({"status": status}))


def test_the_log_is_that_of_the_container_that_runs_the_latest_attempt(call: Any) -> None:
    found = call("logs", "logs", "a")
    assert found.code == 0, found.err
    assert found.out.startswith("task of logs-a-2-")
    assert call("logs", "logs", "a", "-c", "git").out.startswith("git of logs-a-2-")
    assert call("logs", "logs", "--failed").out.startswith("b | task of logs-b-1-")
    gone = call("logs", "logs", "c")
    assert gone.code == 1
    assert "error: c: attempt 1 has no pod\nits pod was deleted or never created: kubectl" in gone.err


def test_what_setup_has_printed_comes_first_and_alone_where_it_failed(call: Any) -> None:
    failed, ran = call("logs", "logs", "s").out, call("logs", "logs", "t").out
    assert [line.split(" of ")[0] for line in failed.splitlines()] == ["setup"]
    assert [line.split(" of ")[0] for line in ran.splitlines()] == ["setup", "task"]
    assert call("logs", "logs", "t", "-c", "task").out == ran.splitlines(keepends=True)[1]


def test_a_log_is_followed_to_its_end(call: Any) -> None:
    Kubelet.release.clear()
    Kubelet.followed.clear()

    def release() -> None:
        assert Kubelet.followed.wait(180)
        Kubelet.release.set()

    threading.Thread(target=release, daemon=True).start()
    found = call("logs", "logs", "a", "-f")
    assert found.code == 0, found.err
    assert found.out.endswith("\ndone\n")
