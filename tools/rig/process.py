"""One program that the rig has started: its log, and its end.

A process never outlives the Python process that started it, however that ends.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rig import tether
from rig.errors import PortTakenError, RigError

# All are started from one thread that lives as long as this process: a child is killed when the thread that
# started it ends, and the thread that calls us may be short-lived.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rig-spawner")

_TAIL_LINES = 25


class Process:
    """A running program, in a process group of its own, with its output in a file."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start ``argv`` (its first item is a full path); output is appended to ``log``, ``env`` added to ours."""
        self.name = name
        self.log = log
        command = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *argv]
        with log.open("ab") as output:
            self._start = output.tell()  # earlier runs of the same component wrote what is before it
            self._popen = _spawner.submit(
                subprocess.Popen[bytes],
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            ).result()

    @property
    def pid(self) -> int:
        """The process id, which is its process group's id too."""
        return self._popen.pid

    def wait(self, every_seconds: float | None = None, meanwhile: Callable[[], None] = lambda: None) -> int:
        """Wait until it ends by itself; the exit code, negative for a signal.

        Args:
            every_seconds: How often ``meanwhile`` is called; never by default.
            meanwhile: Is called while it runs.
        """
        while True:
            try:
                return self._popen.wait(timeout=every_seconds)
            except subprocess.TimeoutExpired:
                meanwhile()

    def check(self) -> None:
        """Raise if it has ended.

        Raises:
            PortTakenError: It ended because a port was taken.
            RigError: It ended for another reason; the message has the end of its log.
        """
        code = self._popen.poll()
        if code is None:
            return
        kind = PortTakenError if "address already in use" in self._output() else RigError
        raise kind(f"{self.name} ended with exit code {code}\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of its log, with the file's name."""
        lines = self._output().splitlines()[-_TAIL_LINES:]
        return "\n".join([f"--- the end of {self.log}", *lines])

    def _output(self) -> str:
        with self.log.open("rb") as file:
            file.seek(self._start)
            return file.read().decode(errors="replace")

    def stop(self, *, grace_seconds: float = 60) -> None:
        """SIGTERM, and SIGKILL if it has not ended ``grace_seconds`` later."""
        stop_all([self], grace_seconds=grace_seconds)

    def kill(self) -> None:
        """SIGKILL, as a crash would end it."""
        self._signal(signal.SIGKILL)
        self._popen.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._popen.poll() is None:
            os.killpg(self.pid, number)


def stop_all(processes: Iterable[Process], *, grace_seconds: float) -> None:
    """SIGTERM to all at once, and SIGKILL to those that have not ended ``grace_seconds`` later."""
    processes = list(processes)
    for process in processes:
        process._signal(signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    for process in processes:
        try:
            process._popen.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
