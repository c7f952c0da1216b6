"""The operator as its own process, under the ServiceAccount it has in a cluster: started, stopped, killed.

The command is run, nothing of it is imported. It never outlives the Python process that started it.
"""

import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from rig.controlplane import ControlPlane
from rig.deadline import until
from rig.errors import PortTakenError
from rig.ports import free_ports
from rig.process import Process

NAMESPACE, ACCOUNT = "parallelproject-system", "parallelproject"
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
_READY_SECONDS = 180
"""A machine that is busy takes long to load a program; who waits in vain finds that it has ended."""
_ATTEMPTS = 5


class OperatorProcess:
    """``pproj controller`` against one control plane; its log is kept over restarts."""

    def __init__(
        self, cluster: ControlPlane, *, name: str = "operator", patch: str = "", options: Sequence[str] = ()
    ) -> None:
        """Describe it; ``start`` starts it.

        Args:
            cluster: The control plane that it works for.
            name: Of its log file, and in the election.
            patch: Python statements that are executed in it before it starts, to set limits that a test cannot
                wait for. Without them it is the command itself that runs.
            options: Further ones of the command.
        """
        self._cluster = cluster
        self._name = name
        self._patch = patch
        self._options = tuple(options)
        self.log = cluster.folder / f"{name}.log"
        self._kubeconfig = cluster.service_account_kubeconfig(NAMESPACE, ACCOUNT)
        self._process: Process | None = None
        self._port = self._metrics_port = 0

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of its ServiceAccount."""
        return self._kubeconfig

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it is ready; with other ports if somebody has taken one of them meanwhile."""
        for attempt in range(1, _ATTEMPTS + 1):
            self._launch()
            if not wait:
                return
            try:
                self.wait_ready()
                return
            except PortTakenError:
                if attempt == _ATTEMPTS:
                    raise

    def _launch(self) -> None:
        self._port, self._metrics_port = free_ports(2)
        command = [str(Path(sys.executable).with_name("pproj"))]
        if self._patch:
            command = [sys.executable, "-c", f"{self._patch}\nfrom parallelproject.cli.main import main\nmain()"]
        health = ["--health-host", "127.0.0.1", "--health-port", str(self._port)]
        metrics = ["--metrics-host", "127.0.0.1", "--metrics-port", str(self._metrics_port)]
        identity = ["--identity", f"rig-{self._name}"]  # started again it need not wait for its own Lease to run out
        arguments = ["controller", "--kubeconfig", str(self._kubeconfig), *health, *metrics, *identity, *self._options]
        self._process = self._run([*command, *arguments])

    def _run(self, command: Sequence[str]) -> Process:
        return Process("operator", command, self.log)

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

    def metrics(self, accept: str = "text/plain") -> str:
        """The content of ``/metrics``, in the requested format."""
        address = f"http://127.0.0.1:{self._metrics_port}/metrics"
        with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept": accept}), timeout=10) as answer:
            return str(answer.read().decode())

    @property
    def is_started(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    def check(self) -> None:
        """Raise if it has ended by itself."""
        self._running.check()

    def kill(self) -> None:
        """SIGKILL."""
        self._running.kill()
        self._process = None

    def freeze(self) -> None:
        """SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def wait_ended(self) -> int:
        """Wait until it has ended by itself; its exit code."""
        process, self._process = self._running, None
        return process.wait()

    def stop(self) -> None:
        """SIGTERM; nothing if it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def cpu_seconds(self) -> float:
        """Processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rsplit(") ", 1)[1].split()
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
