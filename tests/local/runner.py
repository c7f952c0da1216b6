"""A bench for local runs: starts them as processes, waits for conditions, and looks at what they left."""

import fcntl
import os
import resource
import select
import signal
import termios
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from parallelproject.local.engine.options import RunOptions
from parallelproject.local.start import run_project
from parallelproject.local.state.store import AttemptRow, Store
from parallelproject.local.supervisor import process_tree
from parallelproject.model.names import ENV_RUN
from parallelproject.model.project import ParallelProject, parse_spec

SECONDS = 180
"""Longest time that a test waits for one thing: only a test that fails waits for so long."""


def until(condition: Callable[[], Any], seconds: float = SECONDS, what: str = "") -> Any:
    """The first true value of a condition."""
    began = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - began
        assert waited < seconds, f"not within {seconds} s: {what or condition}"
        time.sleep(min(0.1, max(0.005, waited / 10)))  # to look takes processor time from what is waited for
    return value


class Started:
    """A process made by fork(2): an interpreter that is started anew takes longer than most of these tests."""

    def __init__(self, body: Callable[[], int], terminal: int | None) -> None:
        self._read, write = os.pipe()
        self.returncode: int | None = None
        self._said = b""
        self.pid = os.fork()
        if not self.pid:
            code = 99
            try:
                os.setsid()
                os.dup2(os.open(os.devnull, os.O_RDONLY) if terminal is None else terminal, 0)
                os.dup2(write if terminal is None else terminal, 1)
                os.dup2(1, 2)
                os.closerange(3, 256)
                if terminal is not None:
                    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                code = body()
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(code)
        os.close(write)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self.poll() is None:
            self.signal(signal.SIGKILL)
            until(lambda: self.poll() is not None)
        os.close(self._read)

    def stop_reading(self) -> None:
        os.close(self._read)

    def wait_said(self, text: str) -> None:
        """Waits until it has said something."""
        self._read_until(text.encode(), SECONDS)
        assert text in self.said, f"it ended, and said only: {self.said}"

    def finish(self, code: int | None, seconds: float = SECONDS) -> str:
        """Waits for the end, with this exit code or any, and gives what it said."""
        self._read_until(None, seconds)
        os.close(self._read)
        until(lambda: self.poll() is not None)
        assert code is None or self.returncode == code, self.said
        return self.said

    @property
    def said(self) -> str:
        """What has been read of what it said."""
        return self._said.decode(errors="replace")

    def _read_until(self, text: bytes | None, seconds: float) -> None:
        """Reads until a text has come, or until there is no more."""
        deadline = time.monotonic() + seconds
        while text is None or text not in self._said:
            if not select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))[0]:
                self.kill()
                raise AssertionError(f"no {text or 'end'} within {seconds} s: {self.said[-2000:]}")
            data = os.read(self._read, 65536)
            if not data:
                break
            self._said += data


@dataclass
class Runner:
    """One project in one folder, run as often as a test likes."""

    folder: Path
    spec: dict[str, Any]
    command: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    home: Path = Path()
    """Where workspaces stand that must not be below a repository."""

    def __post_init__(self) -> None:
        self.home = self.folder / "home"

    @property
    def state(self) -> Path:
        return self.folder / ".pproj" / "demo"

    @property
    def journal_file(self) -> Path:
        return self.folder / "journal"

    def start(
        self,
        *,
        before: Callable[[], None] = lambda: None,
        file_limit: int | None = None,
        terminal: int | None = None,
    ) -> Started:
        """Starts a run as a process of its own.

        Args:
            before: What the process does first.
            file_limit: Most bytes that a file may have.
            terminal: The terminal that it runs on; by default it writes to a pipe.
        """

        def body() -> int:
            os.chdir(self.folder)
            os.environ["JOURNAL"] = str(self.journal_file)
            os.environ["XDG_STATE_HOME"] = str(self.home)
            before()
            if file_limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, resource.RLIM_INFINITY))
            out = open(1, "w", closefd=False)  # noqa: SIM115
            options = RunOptions(**{"command": self.command, "view": "plain", **self.options}, stdout=out, stderr=out)
            project = ParallelProject(metadata={"name": "demo"}, spec=parse_spec(self.spec))
            return run_project(project, options)

        return Started(body, terminal)

    def run(self, code: int | None = 0) -> str:
        """Runs to the end within this process, and gives what it said."""
        said = StringIO()
        spec = parse_spec(self.spec)
        options = RunOptions(
            command=self.command, view="plain", stdout=said, stderr=said, state_dir=self.state, **self.options
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("JOURNAL", str(self.journal_file))
            patch.setenv("XDG_STATE_HOME", str(self.home))
            found = run_project(ParallelProject(metadata={"name": "demo"}, spec=spec), options)
        assert code is None or found == code, said.getvalue()
        return said.getvalue()

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

    def guard(self, engine: Started) -> int:
        """The process id of the guard of a run's supervisor."""
        return _child_of(engine.pid, "the guard")

    def supervisor(self, engine: Started) -> int:
        """The process id of a run's supervisor."""
        return _child_of(self.guard(engine), "the supervisor")

    def kill_all(self, engine: Started) -> None:
        """kill -9 of all three, so that none notices the end of another."""
        pids = [engine.pid, self.guard(engine), self.supervisor(engine)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for pid in pids[1:]:
            os.kill(pid, signal.SIGKILL)
        engine.kill()


def _child_of(pid: int, what: str) -> int:
    return int(until(lambda: next((p.pid for p in process_tree.everything() if p.parent == pid), 0), what=what))


def tasks(*ids: str, **common: Any) -> list[dict[str, Any]]:
    """Tasks without dependencies."""
    return [{"id": i, **common} for i in ids]


def chain(*ids: str) -> list[dict[str, Any]]:
    """Tasks that wait for one another."""
    return [{"id": i, "dependencies": [ids[n - 1]] if n else []} for n, i in enumerate(ids)]
