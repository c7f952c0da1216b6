"""Runs a program for a limited time, whatever it starts and leaves.

``subprocess.run`` with a timeout waits without a limit if a process in the background has inherited a pipe: such as the
daemon of an issue tracker, or a connection that ssh keeps. So the output goes to files, not pipes.
"""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_POLL_SECONDS = 0.05


def run_limited(
    words: Sequence[str],
    seconds: float,
    *,
    stdin: bytes = b"",
    folder: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
    own_group: bool = True,
    ending: threading.Event | None = None,
    takes_output: bool = True,
) -> subprocess.CompletedProcess[bytes]:
    """Runs a program to its end. What it leaves in the background continues.

    Args:
        words: The program and its arguments.
        seconds: Maximum time.
        stdin: Its standard input.
        folder: Where it runs; None: here.
        environment: All its variables; None: ours.
        own_group: Whether it has no terminal, and all that it has started is killed with it when the time is over. A
            program that may ask for a password needs the terminal.
        ending: When it is set, the time is over.
        takes_output: Whether its output is returned; else it goes nowhere, and only that of errors is.

    Raises:
        OSError: it cannot be started.
        ValueError: a word cannot be given to a program.
        subprocess.TimeoutExpired: the time is over; it was killed.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        process = subprocess.Popen(
            list(words),
            stdin=given,
            stdout=out if takes_output else subprocess.DEVNULL,
            stderr=err,
            cwd=folder,
            env=environment,
            start_new_session=own_group,
        )
        try:
            code = process.wait(seconds) if ending is None else _wait(process, seconds, ending)
        finally:  # also by Ctrl-C
            if process.returncode is None:
                _kill(process, own_group=own_group)
        return subprocess.CompletedProcess(list(words), code, _content(out.fileno()), _content(err.fileno()))


def _wait(process: subprocess.Popen[bytes], seconds: float, ending: threading.Event) -> int:
    """Its exit code, when it has ended."""
    deadline = time.monotonic() + seconds
    while (code := process.poll()) is None:
        if time.monotonic() > deadline or ending.wait(_POLL_SECONDS):
            raise subprocess.TimeoutExpired(process.args, seconds)
    return code


def _content(file: int) -> bytes:
    """A file from its start, whatever is still written to it: the place in it is shared with those who write."""
    found, size = bytearray(), os.fstat(file).st_size
    while len(found) < size and (piece := os.pread(file, size - len(found), len(found))):
        found += piece
    return bytes(found)


def _kill(process: subprocess.Popen[bytes], *, own_group: bool) -> None:
    with suppress(ProcessLookupError):
        if own_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
