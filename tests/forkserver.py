"""Processes that are forked from one that has loaded the code: to load it takes a second and more of processor time.

From a server of their own: a process of pytest has threads, which a fork would not take along.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "parallelproject.cli.main",
        "parallelproject.cli.commands.controller",
        "parallelproject.cli.commands.why",
        "parallelproject.cli.commands.rerun",
        "parallelproject.forge.publishing.publisher",
        "parallelproject.forge.clients.gitea",
    ]
)  # what a forked process needs of the tests it loads itself
_PR_SET_PDEATHSIG = 1


class ForkedCommand:
    """``pproj``, forked: what the tests use of a ``subprocess.Popen``."""

    def __init__(self, command: Sequence[str], output: Path, errors: Path) -> None:
        """Starts it.

        Args:
            command: Its arguments, the first one is its name.
            output: Where its output is appended.
            errors: Where its errors are appended.
        """
        given = (list(command), output, errors, dict(os.environ))
        self._process = PROCESSES.Process(target=_be_command, args=given)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("pproj", timeout or 0)
        return self._process.exitcode


def pproj(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs ``pproj`` in this folder, without a terminal."""
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        code = ForkedCommand(["pproj", *arguments], output, errors).wait()
        return subprocess.CompletedProcess(["pproj", *arguments], code, output.read_text(), errors.read_text())


def _be_command(command: list[str], output: Path, errors: Path, environment: Mapping[str, str]) -> None:
    """Does what the command does, in a session of its own, until it ends or the process that forked this one does."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    os.setsid()
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, (file, mode) in enumerate(((os.devnull, os.O_RDONLY), (output, append), (errors, append))):
        os.dup2(os.open(file, mode, 0o644), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    from parallelproject.cli.main import main

    main()
