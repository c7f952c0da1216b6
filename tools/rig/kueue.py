"""A real Kueue that admits the Jobs of a control plane, as long as a ``with`` block.

with Kueue(cluster) as kueue:
    kueue.queue("team-a", "team-a", jobs=3)
"""

import base64
from pathlib import Path
from typing import Any

import yaml

from rig.binaries import KUEUE, KUEUE_FILES, Binaries, find_or_build_kueue
from rig.block import Block
from rig.controlplane import ControlPlane
from rig.deadline import until
from rig.ports import free_ports
from rig.process import Process

Json = dict[str, Any]

_START_SECONDS = 120
_STOP_SECONDS = 0.5  # nothing of it is kept
_NAMESPACE, _SERVICE, _SECRET = "kueue-system", "kueue-webhook-service", "kueue-webhook-server-cert"
_KINDS = ("batch-v1-job", "clusterqueue", "cohort", "resourceflavor", "workload")
"""The ends of the paths of the webhooks that are used; the others are for kinds that are not queued here."""
_API = "kueue.x-k8s.io/v1beta2"
_FLAVOR = "default"
RESOURCE = "cpu"


def crd_files(binaries: Binaries) -> list[Path]:
    """The CRDs of Kueue, which a control plane should have from its start."""
    return sorted((binaries[KUEUE_FILES] / "config/components/crd/bases").glob("*.yaml"))


class Kueue(Block):
    """Kueue's controller and its webhooks, with the rights of an administrator. It queues Jobs and nothing else."""

    def __init__(self, cluster: ControlPlane, *, binaries: Binaries | None = None) -> None:
        """Describe it; entering the block starts it.

        Args:
            cluster: A control plane that serves ``crd_files``.
            binaries: The program and its files; found or built if not given.
        """
        self._cluster = cluster
        self._given_binaries = binaries
        self._process: Process | None = None

    def _prepare(self) -> None:
        self._binaries = self._given_binaries or find_or_build_kueue()
        self._home = self._cluster.folder / "kueue"
        self._home.mkdir()

    def _start(self) -> None:
        health, webhook = free_ports(2)
        self._certificates = self._home / "certificates"
        self._certificates.mkdir()
        self._apply(self._objects(webhook))
        self._config = self._home / "config.yaml"
        self._config.write_text(yaml.safe_dump(_config(health, webhook, self._certificates)))
        self.start()
        self._apply([_flavor(_FLAVOR)])

    def start(self) -> None:
        """Start the controller, and wait until it answers."""
        argv = [str(self._binaries[KUEUE]), f"--config={self._config}", "--feature-gates=VisibilityOnDemand=false"]
        env = {"KUBECONFIG": str(self._cluster.kubeconfig)}
        self._process = Process("kueue", argv, self.log, cwd=self._home, env=env)
        until(self._has_certificate, "Kueue's certificate", seconds=_START_SECONDS, needs=[self._process])
        until(self._serves, "Kueue's webhooks", seconds=_START_SECONDS, needs=[self._process])

    def stop(self) -> None:
        """Stop the controller: nothing is admitted, and no Job of a queue can be created."""
        if self._process is not None:
            self._process.stop(grace_seconds=_STOP_SECONDS)
            self._process = None

    def _end(self) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """Its output."""
        return self._home / "kueue.log"

    # Using it.

    def queue(self, name: str, namespace: str, *, jobs: int, local: str = "", **spec: Any) -> None:
        """Make a ClusterQueue and a LocalQueue for it, or change its quota.

        Args:
            name: Of the ClusterQueue.
            namespace: Of the LocalQueue.
            jobs: How many CPUs it has.
            local: The name of the LocalQueue, if it is another one.
            spec: Further fields of the ClusterQueue.
        """
        resource = {"name": RESOURCE, "nominalQuota": str(jobs)}
        group = {"coveredResources": [RESOURCE], "flavors": [{"name": _FLAVOR, "resources": [resource]}]}
        queue = {"namespaceSelector": {}, "resourceGroups": [group], **spec}
        metadata, own = {"name": name}, {"name": local or name, "namespace": namespace}
        self._apply(
            [
                {"apiVersion": _API, "kind": "ClusterQueue", "metadata": metadata, "spec": queue},
                {"apiVersion": _API, "kind": "LocalQueue", "metadata": own, "spec": {"clusterQueue": name}},
            ]
        )  # fmt: skip

    def priority_class(self, name: str, value: int) -> None:
        """Make a WorkloadPriorityClass."""
        body = {"apiVersion": _API, "kind": "WorkloadPriorityClass", "metadata": {"name": name}, "value": value}
        self._apply([body])

    def _apply(self, objects: list[Json]) -> None:
        text = yaml.safe_dump_all(objects)
        self._cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=text)

    def _objects(self, port: int) -> list[Json]:
        """What its installation has next to the CRDs. The API server reaches the Service here by an external name."""
        service = {"name": _SERVICE, "namespace": _NAMESPACE, "port": port}
        made: list[Json] = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}},
            {
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": _SERVICE, "namespace": _NAMESPACE},
                "spec": {"type": "ExternalName", "externalName": "localhost"},
            },
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": _SECRET, "namespace": _NAMESPACE}},
        ]  # fmt: skip
        base = self._binaries[KUEUE_FILES] / "config/components"
        for configuration in yaml.safe_load_all((base / "webhook/manifests.yaml").read_text()):
            kept = [
                each for each in configuration["webhooks"] if each["clientConfig"]["service"]["path"].endswith(_KINDS)
            ]
            for each in kept:
                each["clientConfig"]["service"] |= service
            made.append(configuration | {"webhooks": kept})
            made[-1]["metadata"]["name"] = "kueue-" + made[-1]["metadata"]["name"]
        for file in (base / "crd/patches").glob("webhook_in_*.yaml"):
            patch = yaml.safe_load(file.read_text())
            crd_file = base / "crd/bases" / f"kueue.x-k8s.io_{file.stem.removeprefix('webhook_in_')}.yaml"
            crd = yaml.safe_load(crd_file.read_text())
            patch["spec"]["conversion"]["webhook"]["clientConfig"]["service"] |= service
            if len(crd["spec"]["versions"]) > 1:
                made.append(crd | {"spec": {**crd["spec"], **patch["spec"]}})
        return made

    def _has_certificate(self) -> bool:
        """Whether it has made its certificate. A kubelet would copy that from the Secret to where it reads it."""
        found = self._cluster.kubectl("get", "secret", _SECRET, "-n", _NAMESPACE, "-o", "yaml")
        data = yaml.safe_load(found.stdout).get("data") or {}
        for name, text in data.items():
            (self._certificates / name).write_bytes(base64.b64decode(text))
        return "tls.crt" in data

    def _serves(self) -> bool:
        """Whether its webhooks answer: they check objects also where nothing is written."""
        flavor = yaml.safe_dump(_flavor("probe"))
        return self._cluster.kubectl("create", "--dry-run=server", "-f", "-", input=flavor, check=False).returncode == 0


def _flavor(name: str) -> Json:
    return {"apiVersion": _API, "kind": "ResourceFlavor", "metadata": {"name": name}}


def _config(health: int, webhook: int, certificates: Path) -> Json:
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "namespace": _NAMESPACE,
        "health": {"healthProbeBindAddress": f"127.0.0.1:{health}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"port": webhook, "certDir": str(certificates)},
        "leaderElection": {"leaderElect": False},
        "clientConnection": {"qps": 500, "burst": 1000},
        "integrations": {"frameworks": ["batch/job"]},
    }
