"""The operator as its own process: the rig's, under the name by which tests know it.

A start takes a second and a half of processor time, most of it to load code. So only the first operator of a worker
is the command itself, and those with a patch. The others are forked from a process that has loaded the code.
"""

from collections.abc import Sequence
from pathlib import Path

from rig.operator import NAMESPACE, USER
from rig.operator import OperatorProcess as RigOperatorProcess
from rig.process import Process
from tests.forkserver import ForkedCommand

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
        self._popen = ForkedCommand(command, log, log)  # type: ignore[assignment]
