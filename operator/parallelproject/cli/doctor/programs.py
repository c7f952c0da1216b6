"""Calls a program of this machine for what it says of itself: bounded in time and length, and never with a prompt."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from parallelproject.limited_process import run_limited

_SECONDS = 15
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_LONGEST = 200


class ProgramAnswer(NamedTuple):
    """How it ended."""

    code: int | None
    """Its exit code; None where it did not end in time."""
    line: str
    """The first line that it printed, on stdout where there is one."""


def ask(words: Sequence[str], environment: Mapping[str, str] | None = None, folder: str | None = None) -> ProgramAnswer:
    """Runs a program with its input closed.

    Raises:
        OSError: it cannot be started.
    """
    try:
        done = run_limited(words, _SECONDS, folder=folder, environment={**os.environ, **(environment or {})})
    except subprocess.TimeoutExpired:
        return ProgramAnswer(None, f"no answer within {_SECONDS} s")
    for stream in (done.stdout, done.stderr):
        for line in _CONTROL.sub("", stream.decode(errors="replace")).split("\n"):
            if line.strip():
                return ProgramAnswer(done.returncode, line.strip()[:_LONGEST])
    return ProgramAnswer(done.returncode, "")
