"""The operator as its own process, under the ServiceAccount it has in a cluster: started, stopped, killed.

The command is run, nothing of it is imported. It never outlives the Python process that started it.
"""

import sys
import urllib.error
import urllib.request
from pathlib import Path

from rig.controlplane import ControlPlane
from rig.deadline import until
from rig.ports import free_ports
from rig.process import Process

NAMESPACE, ACCOUNT = "parallelproject-system", "parallelproject"
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
_READY_SECONDS = 30


class OperatorProcess:
    """``pproj controller`` against one control plane; its log is kept over restarts."""

    def __init__(self, cluster: ControlPlane, *, name: str = "operator", patch: str = "") -> None:
        """Describe it; ``start`` starts it.

        Args:
            cluster: The control plane that it works for.
            name: Of its log file.
            patch: Python statements that are executed in it before it starts, to set limits that a test cannot
                wait for. Without them it is the command itself that runs.
        """
        self._cluster = cluster
        self._patch = patch
        self.log = cluster.folder / f"{name}.log"
        self._kubeconfig = cluster.service_account_kubeconfig(NAMESPACE, ACCOUNT)
        self._process: Process | None = None
        self._port = 0

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of its ServiceAccount."""
        return self._kubeconfig

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it is ready."""
        (self._port,) = free_ports(1)
        command = [str(Path(sys.executable).with_name("pproj"))]
        if self._patch:
            command = [sys.executable, "-c", f"{self._patch}\nfrom parallelproject.cli.main import main\nmain()"]
        health = ["--health-host", "127.0.0.1", "--health-port", str(self._port)]
        arguments = ["controller", "--kubeconfig", str(self._kubeconfig), *health]
        self._process = Process("operator", [*command, *arguments], self.log)
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until it says so."""
        until(lambda: self.probe("readyz") == 200, "the operator", seconds=_READY_SECONDS, needs=[self._running])

    def probe(self, path: str) -> int:
        """The HTTP status of ``healthz`` or ``readyz``; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def check(self) -> None:
        """Raise if it has ended by itself."""
        self._running.check()

    def kill(self) -> None:
        """SIGKILL."""
        self._running.kill()
        self._process = None

    def stop(self) -> None:
        """SIGTERM; nothing if it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def cpu_seconds(self) -> float:
        """Processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def output(self, since: int = 0) -> str:
        """Its log from a byte on."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace")

    def position(self) -> int:
        """The length of its log by now, for ``output``."""
        return self.log.stat().st_size if self.log.exists() else 0

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("the operator was not started")
        return self._process
