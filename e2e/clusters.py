"""The cluster that the stories with real containers run on.

``E2E_KUBECONFIG`` names one that has the images, by names that begin with ``E2E_IMAGE_PREFIX``, and one of agent.sh,
``E2E_AGENT_IMAGE``; its pods reach this machine at ``E2E_HOST``. Otherwise it is made: by kind where docker runs, else
as a real node on this machine.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rig import Binaries, ControlPlane, find_or_build
from rig.enclosure import Enclosure
from rig.errors import RigError
from rig.images import build_image, build_images, save_images
from rig.node import Node
from rig.scratch import Scratch
from tests.controller.audit import AuditLog

ROOT = Path(__file__).parents[1]
_KUBE = ("kubectl",)


@dataclass
class Cluster:
    """A cluster that runs containers."""

    kubeconfig: Path
    folder: Path
    """For files of the stories."""
    host: str
    """The address at which its pods reach this machine."""
    prefix: str
    """What the names of images begin with."""
    binaries: Binaries
    load: Callable[[Path], None] | None
    """Loads an image from a file; None: it has all."""
    control_plane: ControlPlane | None = None
    node: Node | None = None
    audit: AuditLog | None = None

    def add(self, images: list[str]) -> None:
        """Load images that were built here."""
        if self.load is not None:
            for image in images:
                (file,) = save_images([image], self.folder)
                self.load(file)
                file.unlink()

    def kubectl(self, *arguments: str, input: str | None = None, check: bool = True) -> str:
        """Run kubectl as the administrator; what it says."""
        done = subprocess.run(
            [self.binaries["kubectl"], *arguments], input=input, capture_output=True, text=True, check=False,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(self.folder / "kubectl-cache")},
        )  # fmt: skip
        assert done.returncode == 0 or not check, f"kubectl {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def open_cluster() -> Iterator[Cluster]:
    """The cluster, with the project's images."""
    scratch = Scratch()
    try:
        if given := os.environ.get("E2E_KUBECONFIG"):
            prefix, host = os.environ.get("E2E_IMAGE_PREFIX", ""), os.environ.get("E2E_HOST", "")
            yield Cluster(Path(given), scratch.path, host, prefix, find_or_build(_KUBE), None)
            return
        images = build_images("localhost/")
        made = _kind if _docker_runs() else _real_node
        with made(scratch.path) as cluster:
            cluster.add(images)
            yield cluster
    finally:
        scratch.remove()


def _docker_runs() -> bool:
    return bool(shutil.which("docker")) and subprocess.run(["docker", "info"], capture_output=True).returncode == 0


@contextmanager
def _kind(folder: Path) -> Iterator[Cluster]:
    kind = shutil.which("kind")
    if kind is None:
        raise RigError(
            "docker runs here, and there is no `kind` on the PATH to make a cluster with; or set E2E_KUBECONFIG"
        )
    name, kubeconfig = f"pproj-{secrets.token_hex(3)}", folder / "kubeconfig"
    try:
        create = [kind, "create", "cluster", "--name", name, "--kubeconfig", str(kubeconfig), "--wait", "2m"]
        subprocess.run(create, check=True)
        asked = ["docker", "network", "inspect", "kind"]
        networks = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
        gateways = [row.get("Gateway", "") for row in networks[0]["IPAM"]["Config"]]
        (host,) = (gateway for gateway in gateways if "." in gateway)

        def load(file: Path) -> None:
            subprocess.run([kind, "load", "image-archive", file, "--name", name], check=True)

        yield Cluster(kubeconfig, folder, host, "localhost/", find_or_build(_KUBE), load)
    finally:
        with contextlib.suppress(OSError):
            subprocess.run([kind, "delete", "cluster", "--name", name], check=False)


@contextmanager
def _real_node(folder: Path) -> Iterator[Cluster]:
    with (
        Enclosure() as enclosure,
        ControlPlane(nodes=0, audit=True, extra_apiserver_args=enclosure.apiserver_arguments) as control_plane,
        Node(control_plane, enclosure) as node,
    ):
        yield Cluster(
            control_plane.kubeconfig, folder, enclosure.gateway, "localhost/", control_plane.binaries,
            lambda file: node.load([file]), control_plane, node, AuditLog(control_plane.audit_log),
        )  # fmt: skip


_BUSYBOX = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "/bin"]\nENV PATH=/bin\n'
_AGENT = "COPY agent /bin/agent\nUSER 65532:65532\n"


def agent_image(cluster: Cluster, name: str) -> str:
    """Make and load an image with a shell, the usual small programs, and ``agent.sh`` as ``agent``; its name."""
    if cluster.load is None:
        return os.environ["E2E_AGENT_IMAGE"]
    files = {"agent": ROOT / "e2e" / "agent.sh"}
    if cluster.node:
        image = build_image(_BUSYBOX + _AGENT, name, files | {"busybox": cluster.node.busybox})
    else:
        image = build_image("FROM busybox:1.37\n" + _AGENT, name, files)
    cluster.add([image])
    return image


def static_program_image(cluster: Cluster) -> str:
    """Make and load an image that has the program of ``static/`` alone; its name."""
    program, image = cluster.folder / "static", "localhost/parallelproject-static:1"
    env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": ""}
    source = ROOT / "e2e" / "static" / "main.go"
    subprocess.run(["go", "build", "-ldflags=-s -w", "-o", program, source], env=env, check=True)
    build_image("FROM scratch\nCOPY static /static\nUSER 65532:65532\n", image, {"static": program})
    cluster.add([image])
    return image
