"""The engine's side of the supervisor: starting it, asking it for attempts, and outliving it."""

import os
import socket
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from parallelproject.local.state.store import AttemptRow
from parallelproject.local.state.workspaces import without_ways_out
from parallelproject.local.supervisor.channel import Channel
from parallelproject.local.supervisor.own_program import boot, command_line
from parallelproject.local.supervisor.settings import Settings
from parallelproject.model.work import WorkKey

_BOOT = boot("parallelproject.local.supervisor.main", "main(int(sys.argv.pop()))")


class Order(NamedTuple):
    """An attempt to start."""

    key: WorkKey
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
    refused: list[WorkKey]
    """Not started, and not written down: there is ``trouble``."""
    trouble: str | None
    """Why the state cannot be written; None once it can."""


class SupervisorLostError(Exception):
    """The supervisor is gone though it was not asked to end."""


class Processes:
    """The supervisor's process and the channel to it."""

    def __init__(self) -> None:
        """Starts the supervisor: it is loaded while we find out what there is to do, and waits for ``begin``."""
        self._has_started = False
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self._process = subprocess.Popen(
            command_line(_BOOT, str(theirs.fileno())),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=without_ways_out(os.environ),  # all tasks inherit it
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()

    def begin(self, *, store: Path, spill: Path, lock: int, errors: Path, clock: float, orphan_grace: float) -> None:
        """Gives it the state, with the lock; what it has to say of its own errors goes to a file from now on."""
        with errors.open("wb") as stderr:
            self._has_started = True
            self.channel.send_files(Settings(str(store), str(spill), clock, orphan_grace), [lock, stderr.fileno()])

    def start(self, orders: Iterable[Order]) -> None:
        """Asks for attempts to be started."""
        self.channel.send({"start": [order._asdict() for order in orders]})

    def stop(self, attempts: Iterable[tuple[WorkKey, str]], grace: float) -> None:
        """Asks for attempts (key, reason) to end within ``grace`` seconds."""
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
        return Report(
            [AttemptRow.of_fields(row) for m in messages for row in m["started"]],
            [AttemptRow.of_fields(row) for m in messages for row in m["ended"]],
            [WorkKey.of_fields(key) for m in messages for key in m["refused"]],
            messages[-1]["trouble"],
        )

    def close(self) -> None:
        """Lets the supervisor end, with whatever still runs, and waits until it and all below it are gone."""
        if not self._has_started:
            self._process.kill()
        self.channel.send({"end": True})
        self.channel.wait_closed()
        self.channel.close()
        self._process.wait()


def _how_it_ended(code: int) -> str:
    """In words; the guard reports a signal as 128 and its number."""
    number = -code if code < 0 else code - 128
    return f"signal {number}" if number > 0 else f"exit code {code}"
