"""A ``git`` for the PATH that kills whoever called it, or loses the answer, at the call that is asked for."""

import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.git.remote import Attempt

_FORK = multiprocessing.get_context("fork")
_PATIENCE = 120.0
KILLED = -9

HOW = {
    "after": 'real "$@"; kill -9 $PPID',
    # The killed process's git goes on, while the next run has begun.
    "orphan": 'kill -9 $PPID; sleep 0.1; real "$@"',
    # It happened, but the connection broke before that was said.
    "lost": 'real "$@" >/dev/null 2>&1; echo "fatal: the remote end hung up unexpectedly" >&2; exit 128',
    # It did not even get there.
    "unreachable": 'echo "fatal: unable to access: Could not resolve host" >&2; exit 128',
}


class Killer:
    """Runs steps as processes of their own, with such a git."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.calls = folder / "calls"

    def run(self, step: Callable[[], object], at: int = 0, how: str = "after") -> int:
        """Runs a step; at the ``at``-th call of git (from 1; 0: never) it goes wrong. Gives the exit code."""
        self.arm(at, how)
        process = _FORK.Process(target=self._step, args=(step,))
        process.start()
        process.join(_PATIENCE)
        assert process.exitcode is not None
        return process.exitcode

    def arm(self, at: int = 0, how: str = "after") -> None:
        """Makes the git that goes wrong; arguments as of ``run``."""
        real = shutil.which("git")
        self.calls.write_text("")
        script = self.bin / "git"
        script.write_text(
            f'#!/bin/sh\nreal() {{ "{real}" "$@"; }}\necho "$1" >> "{self.calls}"\n'
            f'if test $(wc -l < "{self.calls}") -eq {at}; then {HOW[how]}; else exec "{real}" "$@"; fi\n'
        )
        script.chmod(0o755)

    def _step(self, step: Callable[[], object]) -> None:
        os.environ["PATH"] = f"{self.bin}:{os.environ['PATH']}"
        step()

    def commands(self, step: Callable[[], object]) -> list[str]:
        """The commands of git that a step calls when nothing goes wrong."""
        assert self.run(step) == 0
        return self.calls.read_text().split()


def ends(attempt: Attempt) -> Callable[[], object]:
    """Landing, as an exit code: that of the outcome."""
    from parallelproject.git.plumbing.outcome import DeliveryError

    def step() -> None:
        try:
            attempt.land()
        except DeliveryError as error:
            raise SystemExit(error.exit_code) from None

    return step
