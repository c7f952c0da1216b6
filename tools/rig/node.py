"""A real node on this machine: a kubelet and containerd, whose pods are real containers.

    with Enclosure() as enclosure:
        with ControlPlane(nodes=0, extra_apiserver_args=enclosure.apiserver_arguments) as cluster:
            with Node(cluster, enclosure) as node:
                node.load(save_images(build_images(), folder))

Pods reach the API server as they do in any cluster, and servers of this machine that listen on ``enclosure.gateway``.
Images are not pulled from anywhere: a pod that names one that was not loaded waits with ErrImagePull.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from rig import containerd
from rig.block import Block
from rig.controlplane import ControlPlane
from rig.deadline import until
from rig.enclosure import Enclosure
from rig.images import build_image, save_images
from rig.packages import find_or_unpack
from rig.process import Process, stop_all

_PACKAGES = ("containerd", "runc", "containernetworking-plugins", "socat", "busybox-static")
_PROGRAMS = ("containerd", "ctr", "runc", "socat", "busybox")
_PLUGINS = "/usr/lib/cni"
_READY_SECONDS = 60
_STOP_SECONDS = 5
_PAUSE = 'FROM scratch\nCOPY busybox /busybox\nUSER 65535:65535\nENTRYPOINT ["/busybox", "sleep", "infinity"]\n'


class Node(Block):
    """A node of one control plane; gone, with all its containers, when the block ends or this process is killed."""

    def __init__(self, cluster: ControlPlane, enclosure: Enclosure, *, name: str = "node") -> None:
        """Describe it; entering the block starts it.

        Args:
            cluster: Whose node it is to be: it was started with ``enclosure.apiserver_arguments``.
            enclosure: Where it lives.
            name: Of the Node object.
        """
        self.name = name
        self._cluster = cluster
        self._enclosure = enclosure
        self._folder = enclosure.folder / name
        self._door: Process | None = None
        self._processes: list[Process] = []

    def _prepare(self) -> None:
        self._unpacked = find_or_unpack("a real node", _PACKAGES, _PROGRAMS)
        self._folder.mkdir()
        self._configuration = containerd.write_containerd(
            self._folder / "containerd", self._unpacked.file(_PLUGINS), self._enclosure
        )
        (self._folder / "kubelet").mkdir()
        self._settings = containerd.write_kubelet(self._folder / "kubelet", self._socket, self._enclosure)
        self._write_kubeconfig()

    def _start(self) -> None:
        self._open_door()
        self._start_containerd()
        self._load_pause()
        self._start_kubelet()
        self.wait_ready()

    def _end(self) -> None:
        self.stop()
        if self._door:
            self._door.stop()

    def _open_door(self) -> None:
        """Pass connections to the service ``kubernetes`` on to the API server, which listens where no pod gets."""
        here = f"TCP-LISTEN:443,bind={self._enclosure.service},fork,reuseaddr,backlog=128"
        there = f"TCP:{urlsplit(self._cluster.url).netloc}"
        log = self._cluster.folder / "socat.log"
        self._door = Process("socat", [self._unpacked["socat"], here, there], log, env=self._unpacked.environment)

    def _write_kubeconfig(self) -> None:
        config = yaml.safe_load(self._cluster.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://{self._enclosure.service}"
        self._kubeconfig = self._folder / "kubelet" / "kubeconfig"
        self._kubeconfig.write_text(yaml.safe_dump(config))

    def _start_containerd(self) -> None:
        argv = [self._unpacked["containerd"], "--config", str(self._configuration)]
        log = self._cluster.folder / "containerd.log"
        process = self._enclosure.start("containerd", argv, log, self._unpacked.environment)
        self._processes.append(process)
        until(lambda: self._ctr("version"), "containerd", seconds=_READY_SECONDS, needs=[process])

    def _start_kubelet(self) -> None:
        # As a service manager does: while containerd finds its containers again, it ends at once.
        argv = [
            "/bin/sh", "-c", 'until "$@"; do sleep 0.2; done', "service",
            str(self._cluster.binaries["kubelet"]), f"--config={self._settings}", f"--kubeconfig={self._kubeconfig}",
            f"--hostname-override={self.name}", f"--node-ip={self._enclosure.address}",
            f"--root-dir={self._folder / 'kubelet'}", f"--cert-dir={self._folder / 'kubelet' / 'pki'}",
        ]  # fmt: skip
        log = self._cluster.folder / "kubelet.log"
        self._processes.append(self._enclosure.start("kubelet", argv, log, self._unpacked.environment))

    def _load_pause(self) -> None:
        image = build_image(_PAUSE, containerd.PAUSE, {"busybox": self.busybox})
        self.load(save_images([image], self._folder))

    @property
    def _socket(self) -> Path:
        return containerd.socket(self._folder / "containerd")

    def _ctr(self, *arguments: str) -> str:
        argv = [self._unpacked["ctr"], "--address", str(self._socket), "--namespace", "k8s.io", *arguments]
        return self._enclosure.run(*argv, environment=self._unpacked.environment)

    # Using it.

    def load(self, files: Iterable[Path]) -> None:
        """Load images from files."""
        for file in files:
            self._ctr("images", "import", str(file))

    @property
    def busybox(self) -> Path:
        """A program that is a shell and the usual small programs, and needs no library."""
        return Path(self._unpacked["busybox"])

    def wait_ready(self) -> None:
        """Wait until it takes pods."""
        until(self._is_ready, f"node {self.name} to be ready", seconds=_READY_SECONDS, needs=self._processes)

    def _is_ready(self) -> bool:
        said = self._cluster.kubectl("get", "node", self.name, "-o", "json", check=False).stdout
        node: dict[str, Any] = json.loads(said) if said else {}
        conditions = node.get("status", {}).get("conditions", ())
        ready = {"type": "Ready", "status": "True"}
        return not node.get("spec", {}).get("taints") and any(ready.items() <= row.items() for row in conditions)

    # Faults.

    def stop(self) -> None:
        """Stop the kubelet and containerd: no component gets events of this node, while its containers still run."""
        stop_all(reversed(self._processes), grace_seconds=_STOP_SECONDS)
        self._processes.clear()

    def start(self) -> None:
        """Start them again; does not wait."""
        self._start_containerd()
        self._start_kubelet()
