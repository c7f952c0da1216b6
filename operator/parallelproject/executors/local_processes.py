"""The engine's side of the supervisor: starting it, asking it for attempts, and outliving it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import parallelproject
from parallelproject.executors import process_tree
from parallelproject.executors.local_store import AttemptRow
from parallelproject.executors.local_supervisor import Settings
from parallelproject.executors.process_channel import Channel
from parallelproject.executors.process_children import ENV_RUN

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop());"
    "from parallelproject.executors.local_supervisor import main; main(sys.argv.pop())"
)


class Order(NamedTuple):
    """An attempt to start."""

    task: str
    number: int
    argv: Sequence[str]
    env: dict[str, str]
    """On top of our own environment."""
    cwd: str
    log: str
    deadline: float | None
    """Seconds until it is stopped and has failed."""
    grace: float
    """Seconds it then has until it is killed."""


class Report(NamedTuple):
    """What has come from the supervisor since the last time."""

    started: list[AttemptRow]
    ended: list[AttemptRow]
    """Written down already."""
    refused: list[tuple[str, int]]
    """Not started, and not written down: there is ``trouble``."""
    trouble: str | None
    """Why the state cannot be written; None once it can."""


class SupervisorLostError(Exception):
    """The supervisor is gone though it was not asked to end."""


class Processes:
    """The supervisor's process and the channel to it."""

    def __init__(self, *, store: Path, spill: Path, lock: int, errors: Path, clock: float, orphan_grace: float) -> None:
        self._pids: dict[tuple[str, int], int] = {}
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        settings = Settings(theirs.fileno(), lock, str(store), str(spill), clock, orphan_grace)
        process_tree.adopt_orphans()  # should the supervisor die, its children come to us
        source = str(Path(parallelproject.__file__).parent.parent)
        with errors.open("wb") as stderr:
            self._process = subprocess.Popen(
                # -S -E: nothing but the standard library, which is there in a fifth of the time.
                [sys.executable, "-S", "-E", "-c", _BOOT, json.dumps(settings), source],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                pass_fds=[settings.channel, settings.lock],
                start_new_session=True,
            )
        theirs.close()

    def start(self, orders: Iterable[Order]) -> None:
        """Asks for attempts to be started."""
        self.channel.send({"start": [order._asdict() for order in orders]})

    def stop(self, attempts: Iterable[tuple[str, int, str]], grace: float) -> None:
        """Asks for attempts (task, number, reason) to end within ``grace`` seconds."""
        self.channel.send({"stop": list(attempts), "grace": grace})

    def kill(self, reason: str) -> None:
        """Kills every attempt now."""
        self.channel.send({"kill": reason})

    def probe(self) -> None:
        """Asks whether the state can be written again; the answer is a report."""
        self.channel.send({"probe": True})

    def receive(self) -> Report | None:
        """What has come since; None for nothing.

        Raises:
            SupervisorLostError: and nothing more will come.
        """
        messages = self.channel.receive()
        if not messages:
            if self.channel.closed:
                raise SupervisorLostError(_how_it_ended(self._process.wait()))
            return None
        report = Report(
            [AttemptRow(*row) for m in messages for row in m["started"]],
            [AttemptRow(*row) for m in messages for row in m["ended"]],
            [(task, number) for m in messages for task, number in m["refused"]],
            messages[-1]["trouble"],
        )
        for row in report.started:
            self._pids[row.task, row.number] = row.pid or 0
        for row in report.ended:
            self._pids.pop((row.task, row.number), None)
        return report

    def close(self) -> None:
        """Lets the supervisor end, with whatever still runs, and waits until it and all below it are gone."""
        self.channel.send({"end": True})
        self.channel.close()
        self._process.wait()
        process_tree.adopt_orphans(False)

    def take_over(self, run_id: str, running: Sequence[AttemptRow], grace: float) -> list[AttemptRow]:
        """After the supervisor died: stops the tasks, which are our children now, and learns how they ended.

        Args:
            run_id: What the tasks carry in their environment.
            running: The attempts that are written down as running.
            grace: Seconds that they have to end.

        Returns:
            Those whose end could still be learnt, with their exit codes.
        """
        self._process.wait()
        waiting = {row: self._pids.get((row.task, row.number)) or row.pid or 0 for row in running}
        learnt = self._collect(waiting)
        for pid in waiting.values():
            process_tree.signal_group(pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while waiting and time.monotonic() < deadline:
            time.sleep(0.01)
            learnt += self._collect(waiting)
        clean_up(run_id, running)
        process_tree.adopt_orphans(False)
        return learnt

    def _collect(self, waiting: dict[AttemptRow, int]) -> list[AttemptRow]:
        """Takes those that have ended, or are not ours, out of ``waiting``; returns those whose end is known."""
        learnt = []
        for row, known in list(waiting.items()):
            try:
                pid, status = os.waitpid(known, os.WNOHANG) if known else (-1, 0)
            except ChildProcessError:
                pid, status = -1, 0
            if pid:
                del waiting[row]
            if pid > 0:
                learnt.append(row._replace(exit_code=os.waitstatus_to_exitcode(status)))
        return learnt


def clean_up(run_id: str, running: Iterable[AttemptRow]) -> list[int]:
    """Kills what an earlier session left behind when its engine and its supervisor were both lost.

    Args:
        run_id: What its processes carry in their environment.
        running: Attempts that are written down as running: their processes are known by pid and start.

    Returns:
        The ids of processes that could not be killed.
    """
    leaders = {
        row.pid for row in running if row.pid and row.pid_start and process_tree.is_alive(row.pid, row.pid_start)
    }

    def find() -> list[process_tree.Process]:
        found = {p.pid: p for p in process_tree.marked(ENV_RUN, run_id)}
        if leaders:
            found |= {p.pid: p for p in process_tree.everything() if p.session in leaders}
        return [p for p in found.values() if p.state not in "ZX"]

    return [p.pid for p in process_tree.kill_all(find)]


def _how_it_ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
