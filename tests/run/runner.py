"""A bench for local runs: starts them as processes, waits for conditions, and looks at what they left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parallelproject.executors import process_tree
from parallelproject.executors.local_store import AttemptRow, Store
from parallelproject.executors.process_children import ENV_RUN

DRIVER = Path(__file__).parent / "driver.py"


def until(condition: Callable[[], Any], seconds: float = 20, what: str = "") -> Any:
    """The first true value of a condition."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.005)
    return value


@dataclass
class Runner:
    """One project in one folder, run as often as a test likes."""

    folder: Path
    spec: dict[str, Any]
    command: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    file_limit: int | None = None

    @property
    def state(self) -> Path:
        return self.folder / ".pproj" / "demo"

    @property
    def journal_file(self) -> Path:
        return self.folder / "journal"

    def start(self, **popen: Any) -> subprocess.Popen[str]:
        order = {
            "name": "demo",
            "spec": self.spec,
            "options": {"command": self.command, "view": "plain", **self.options},
            "file_limit": self.file_limit,
        }
        file = self.folder / "order.json"
        file.write_text(json.dumps(order))
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if "stdout" not in popen else {}
        return subprocess.Popen(
            [sys.executable, str(DRIVER), str(file)],
            cwd=self.folder,
            env=os.environ | {"JOURNAL": str(self.journal_file)},
            text=True,
            **streams,
            **popen,
        )

    def run(self, code: int | None = 0, seconds: float = 30) -> str:
        """Runs to the end, and gives what it said."""
        process = self.start()
        output, _ = process.communicate(timeout=seconds)
        assert code is None or process.returncode == code, output
        return output

    def journal(self) -> list[str]:
        """What the tasks wrote, a line each."""
        return self.journal_file.read_text().splitlines() if self.journal_file.exists() else []

    def attempts(self) -> list[AttemptRow]:
        with closing(Store(self.state / "state.db")) as store:
            return store.attempts()

    def processes(self) -> list[int]:
        """What is left of the run's tasks, zombies aside."""
        if not (self.state / "state.db").exists():
            return []
        with closing(Store(self.state / "state.db")) as store:
            return [p.pid for p in process_tree.marked(ENV_RUN, store.run_id) if p.state not in "ZX"]

    def supervisor(self, engine: subprocess.Popen[str]) -> int:
        """The process id of a run's supervisor."""

        def find() -> int:
            below = [p for p in process_tree.everything() if p.parent == engine.pid]
            return next((p.pid for p in below if p.session == p.pid), 0)

        return int(until(find, what="the supervisor"))

    def finish(self, process: subprocess.Popen[str], code: int, seconds: float = 30) -> str:
        output, _ = process.communicate(timeout=seconds)
        assert process.returncode == code, output
        return output


def kill(process: subprocess.Popen[str]) -> None:
    """kill -9, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def tasks(*ids: str, **common: Any) -> list[dict[str, Any]]:
    """Tasks without dependencies."""
    return [{"id": i, **common} for i in ids]


def chain(*ids: str) -> list[dict[str, Any]]:
    """Tasks that wait for one another."""
    return [{"id": i, "dependencies": [ids[n - 1]] if n else []} for n, i in enumerate(ids)]
