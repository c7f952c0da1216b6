"""The operator, installed as a person installs it: with its chart."""

import json
import os
import subprocess
from dataclasses import dataclass

from e2e.clusters import ROOT, Cluster
from rig.binaries import find_or_build_helm
from rig.images import TARGETS

NAMESPACE, RELEASE = "parallelproject-system", "parallelproject"
_CHART = ROOT / "charts" / "parallelproject"


@dataclass
class Installed:
    """A release of the chart."""

    cluster: Cluster

    def upgrade(self, **values: str) -> None:
        """Install it, or bring it up to date, with these values besides; waits until it is ready."""
        images = {
            "image.repository": f"{self.cluster.prefix}{TARGETS['controller']}",
            "gitImage.repository": f"{self.cluster.prefix}{TARGETS['git']}",
        }
        settings = [f"--set={key}={value}" for key, value in (images | values).items()]
        done = subprocess.run(
            [
                find_or_build_helm(), "upgrade", "--install", RELEASE, _CHART, "--namespace", NAMESPACE,
                "--wait", "--timeout", "90s", *settings,
            ],
            env={**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"helm upgrade\n{done.stdout}{done.stderr}\n{self.describe()}"

    def pods(self) -> list[str]:
        """The names of its pods."""
        chosen = f"--selector=app.kubernetes.io/instance={RELEASE}"
        return self.cluster.kubectl("-n", NAMESPACE, "get", "pods", chosen, "-o", "name").split()

    def describe(self) -> str:
        """How its pods stand, for the report of a story that failed."""
        said = self.cluster.kubectl("-n", NAMESPACE, "describe", "pods", check=False)[-4000:]
        logs = [self.cluster.kubectl("-n", NAMESPACE, "logs", pod, "--tail=20", check=False) for pod in self.pods()]
        return "\n".join([said, *logs])


def install(cluster: Cluster) -> Installed:
    """Install the operator in a namespace that lets in no pod but a restricted one."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
    cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(namespace))
    made = Installed(cluster)
    made.upgrade()
    return made
