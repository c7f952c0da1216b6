"""Running a task's command within the process of its attempt, so that more can follow when it has ended."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from parallelproject.local.supervisor import process_tree
from parallelproject.local.supervisor.start_failure import start_failure


class Ended(NamedTuple):
    """How it ended."""

    code: int
    """As a shell has it: 128 and the number of the signal that killed it."""
    overdue: bool
    """Whether it was stopped for taking too long."""


class Runner:
    """Runs one command. It and its attempt share a process group: who stops the one stops both."""

    def __init__(self) -> None:
        self.is_stopping = False
        """Whether the attempt was asked to end. Its own process does so only when nothing would be lost."""
        self._overdue = False
        self._grace = 0.0
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGALRM, self._be_overdue)
        process_tree.adopt_orphans()

    def run(
        self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], deadline: float | None, grace: float
    ) -> Ended:
        """Runs it to its end, and ends whatever it has left running: nothing changes its files any more.

        Args:
            argv: The command.
            folder: Its working directory.
            environment: All of its environment.
            deadline: Seconds that it may take.
            grace: Seconds that it then has to end by itself.
        """
        try:
            process = subprocess.Popen(argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL)
        except (OSError, ValueError) as error:
            print(f"cannot start {argv[0]}: {error}", flush=True)  # noqa: T201 - the task's own log
            return Ended(start_failure(error) or 126, False)
        self._grace = grace
        if deadline:
            signal.setitimer(signal.ITIMER_REAL, deadline)
        code = process.wait()
        signal.setitimer(signal.ITIMER_REAL, 0)
        _end_what_is_left()
        return Ended(code if code >= 0 else 128 - code, self._overdue)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def _be_overdue(self, number: int, frame: FrameType | None) -> None:
        if self._overdue:
            process_tree.kill(process_tree.descendants(os.getpid()))
            return
        self._overdue = True
        group = os.getpgrp()
        process_tree.signal_group(group, signal.SIGTERM)
        process_tree.signal_group(group, signal.SIGCONT)  # one that is stopped could not end
        signal.setitimer(signal.ITIMER_REAL, max(self._grace, 0.001))


def _end_what_is_left() -> None:
    """Kills all that is below us. We have adopted whatever lost its parent, so no child means that nothing is there."""
    while True:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not ended:
            process_tree.kill_all(lambda: process_tree.descendants(os.getpid()))
