"""A real node: what it runs are containers, and nothing of it is left, however it ends."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rig
from rig import ControlPlane
from rig.deadline import until
from rig.enclosure import Enclosure
from rig.images import build_image, save_images
from rig.node import Node

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: hello}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: hello
        image: localhost/parallelproject-test:1
        command: [/busybox, sh, -c, "echo from $HOSTNAME; /busybox nc -w 5 $KUBERNETES_SERVICE_HOST 443 </dev/null"]
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
"""
KILLED = """
import os, signal
from rig.enclosure import Enclosure
with Enclosure() as enclosure:
    enclosure.start("orphan", ["/bin/sleep", "987654"], enclosure.folder / "orphan.log")
    print(os.getpid(), enclosure.gateway, flush=True)
    signal.pause()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[ControlPlane]:
    with (
        Enclosure() as enclosure,
        ControlPlane(nodes=0, extra_apiserver_args=enclosure.apiserver_arguments) as control_plane,
        Node(control_plane, enclosure) as node,
    ):
        image = build_image(
            "FROM scratch\nCOPY busybox /busybox\n", "localhost/parallelproject-test:1", {"busybox": node.busybox}
        )
        node.load(save_images([image], enclosure.folder))
        yield control_plane


def test_a_job_runs_under_the_strictest_standard_and_reaches_the_api_server(cluster: ControlPlane) -> None:
    cluster.kubectl("label", "namespace", "default", "pod-security.kubernetes.io/enforce=restricted")
    cluster.kubectl("apply", "-f", "-", input=JOB)
    cluster.kubectl("wait", "--for=condition=Complete", "--timeout=180s", "job/hello")
    assert "from hello-" in cluster.kubectl("logs", "job/hello").stdout


def test_nothing_is_left_of_an_enclosure_whose_process_was_killed() -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(rig.__file__).parents[1])}
    owner = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, env=env)
    assert owner.stdout is not None
    with owner, owner.stdout:
        pid, gateway = owner.stdout.readline().split()
        assert gateway in addresses()
        owner.kill()
    until(lambda: gateway not in addresses(), "its network device to go", seconds=30)
    until(lambda: not running("sleep\x00987654"), "its processes to go", seconds=30)
    with Enclosure():
        assert not [*Path("/sys/fs/cgroup").glob(f"**/pproj-node-{pid}")]


def addresses() -> str:
    return subprocess.run(["ip", "address"], check=True, capture_output=True, text=True).stdout


def running(command: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_text()
        except OSError:
            continue
        if command in line:
            found.append(line)
    return found
