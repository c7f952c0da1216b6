"""A namespace of one story, and what a person does there: with the commands of the README, in a shell."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.clusters import ROOT, Cluster
from rig.deadline import until

Json = dict[str, Any]
SECURITY: Json = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
LOCKED: Json = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


UNTIL_TOLD = "until test -e /pproj/outputs/go; do sleep 0.2; done"
"""In ``run`` of a task: it waits there until ``Room.tell``."""


def task(name: str, *needs: str, run: str = "", seconds: float = 0, **fields: Any) -> Json:
    """A task of the stand-in for an agent.

    Args:
        name: Its id.
        needs: What it depends on.
        run: What its shell does in the checkout, before it writes its file.
        seconds: How long it takes besides.
        fields: Further ones of the task.
    """
    given = {"run": run, "seconds": str(seconds) if seconds else ""}
    parameters = [{"name": key, "value": value} for key, value in given.items() if value]
    return {"id": name, "dependencies": list(needs), "parameters": parameters, **fields}


@dataclass
class Room:
    """A namespace."""

    cluster: Cluster
    namespace: str
    image: str
    """That of the tasks."""
    kubeconfig: Path

    def sh(self, command: str, *, check: bool = True, seconds: float = 240) -> str:
        """Run a command with ``pproj`` and ``kubectl`` on the PATH, in this namespace; what it says."""
        tools = f"{Path(sys.executable).parent}:{self.cluster.binaries.folder}"
        env = os.environ | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.cluster.folder / "kubectl-cache"),
            "NO_COLOR": "1",
        }
        run = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, check=False,
            timeout=seconds,
        )  # fmt: skip
        assert run.returncode == 0 or not check, f"{command}\n{run.stdout}\n{run.stderr}"
        return run.stdout

    def kubectl(self, *arguments: str, input: str | None = None, check: bool = True) -> str:
        """Run kubectl in this namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, input=input, check=check)

    def post(self, path: str, body: Json) -> None:
        """Create what kubectl has no command for."""
        self.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(body))

    def get(self, what: str) -> Json:
        """An object, or a list of such."""
        found: Json = json.loads(self.kubectl("get", *what.split(), "-o", "json"))
        return found

    def items(self, what: str) -> list[Json]:
        """The objects of a kind."""
        found: list[Json] = self.get(what)["items"]
        return found

    def apply(self, manifest: Json) -> None:
        """Apply a manifest as the README does."""
        self.kubectl("apply", "--server-side", "-f", "-", input=yaml.safe_dump(manifest))

    def project(self, name: str, tasks: list[Json], *, container: Json | None = None, **spec: Any) -> str:
        """Make a project whose tasks the stand-in for an agent runs, in pods that pass ``restricted``; its name."""
        agent = {
            "name": "agent",
            "image": self.image,
            "command": ["agent"],
            "securityContext": LOCKED,
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            **(container or {}),
        }
        pod = {"securityContext": SECURITY, "terminationGracePeriodSeconds": 2, "containers": [agent]}
        roles = [{"name": "coder", "podTemplate": {"spec": pod}}]
        self.apply(
            {
                "apiVersion": "parallelproject.io/v1alpha1",
                "kind": "ParallelProject",
                "metadata": {"name": name},
                "spec": {"scheduling": "Graph", "roles": roles, "tasks": tasks, **spec},
            }
        )
        return name

    def wait(self, name: str, condition: str = "Succeeded", seconds: int = 120) -> None:
        """Wait for a condition of a project; where it does not come, say how everything stands."""
        waited = f"kubectl wait --for=condition={condition} --timeout={seconds}s pproj/{name}"
        try:
            self.sh(waited)
        except AssertionError as error:
            error.add_note(self.describe(name))
            raise

    def describe(self, name: str) -> str:
        """How a project stands, for the report of a story that failed."""
        asked = (f"kubectl get pproj {name} -o yaml", "kubectl describe pods", "kubectl get events")
        return "\n".join(self.sh(command, check=False)[-6000:] for command in asked)

    def rows(self, name: str) -> dict[str, Json]:
        """The rows of a project's status, by the ids of its tasks."""
        status = self.get(f"pproj {name}").get("status", {})
        return {row["id"]: row for row in status.get("tasks", ())}

    def pods(self, name: str, task: str) -> list[Json]:
        """The pods of a task."""
        labels = f"parallelproject.io/project={name},parallelproject.io/task={task}"
        return self.items(f"pods --selector {labels}")

    def why(self, name: str, task: str) -> str:
        """What ``pproj why`` says."""
        return self.sh(f"pproj why {name} {task}")

    def tell(self, pod: Json) -> None:
        """Have a task that waits ``UNTIL_TOLD`` go on."""
        self.kubectl("exec", pod["metadata"]["name"], "-c", "agent", "--", "touch", "/pproj/outputs/go")

    def until_state(self, name: str, task: str, state: str, seconds: float = 60) -> Json:
        """Wait until a task is in a state; its row."""

        def row() -> Json | None:
            found = self.rows(name).get(task)
            return found if found and found["state"] == state else None

        found = until(row, f"{task} of {name} to be {state}", seconds=seconds)
        assert found
        return found

    def until_runs(self, name: str, task: str, seconds: float = 60) -> Json:
        """Wait until a task's own container runs; its pod."""

        def running() -> Json | None:
            for pod in self.pods(name, task):
                for status in pod["status"].get("containerStatuses", ()):
                    if status["name"] == "agent" and "running" in status["state"]:
                        return pod
            return None

        found = until(running, f"the container of {task} of {name}", seconds=seconds)
        assert found
        return found


@contextmanager
def make_room(cluster: Cluster, image: str, folder: Path) -> Iterator[Room]:
    """A namespace that lets in no pod but a restricted one; at the end it is deleted without waiting for that.

    Args:
        cluster: Where.
        image: That of its tasks.
        folder: Where its kubeconfig is written.
    """
    name = f"story-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    config = folder / f"{name}.kubeconfig"
    config.write_text(cluster.kubeconfig.read_text())
    cluster.kubectl("--kubeconfig", str(config), "config", "set-context", "--current", "--namespace", name)
    yield Room(cluster, name, image, config)
    cluster.kubectl("delete", "namespace", name, "--wait=false")
