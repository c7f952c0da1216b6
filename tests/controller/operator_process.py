"""The operator as its own process: the rig's, under the name by which tests know it.

A start takes a second and a half of processor time, most of it to load code. So only the first operator of a worker
is the command itself, and those with a patch. The others are forked from a process that has loaded the code.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rig.operator import NAMESPACE, USER
from rig.operator import OperatorProcess as RigOperatorProcess
from rig.process import Process
from tests.controller.forked import be_command
from tests.forkserver import PROCESSES

__all__ = ["NAMESPACE", "USER", "OperatorProcess"]


class OperatorProcess(RigOperatorProcess):
    """``pproj controller``, as the rig runs it, or forked."""

    _was_started = False

    def _run(self, command: Sequence[str]) -> Process:
        if self._patch or not OperatorProcess._was_started:
            OperatorProcess._was_started = True
            return super()._run(command)
        return _ForkedProcess(command, self.log)


class _ForkedProcess(Process):
    """A process of the rig's that is no program of its own."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.name = "operator"
        self.log = log
        log.touch()
        self._start = log.stat().st_size
        self._popen = _Child(command, log)  # type: ignore[assignment]


class _Child:
    """What the rig uses of a ``Popen``."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._process = PROCESSES.Process(target=be_command, args=(list(command), log, dict(os.environ)))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("operator", timeout or 0)
        return self._process.exitcode
