"""A local run in the background: a process of its own that continues when the terminal is closed."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from parallelproject.core.report.changes import Event
from parallelproject.local.engine.board import Board
from parallelproject.local.state.directory import StateDirectory

_READY = b"ready"


class _Began:
    """Reports to the process in the foreground that the run has started: from then on it has the state for itself."""

    def __init__(self, pipe: int, new: Path, output: Path) -> None:
        self._pipe, self._new, self._output = pipe, new, output
        self._has_reported = False

    def take(self, project: Board, events: Sequence[Event]) -> None:
        """At the first events."""
        if not self._has_reported:
            self._has_reported = True
            self._new.replace(self._output)
            os.write(self._pipe, _READY)


def detach(directory: StateDirectory, run: Callable[[TextIO, "_Began"], int]) -> tuple[int | None, str]:
    """Starts a run that outlives us, and waits until it has started, or has ended before it began.

    It is forked, so that all that was read and checked is there: what is typed again could be another file by then.

    Args:
        directory: Its state.
        run: Runs it, printing to a file, with a consumer of its events; its exit code.

    Returns:
        None and nothing where it has started; else its exit code and what it has printed.

    Raises:
        OSError: the state directory cannot be written.
    """
    directory.path.mkdir(parents=True, exist_ok=True)
    new = directory.path / f".{directory.output.name}.{os.getpid()}"
    read, write = os.pipe2(os.O_CLOEXEC)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setsid()
            if os.fork():  # so that it is nobody's child: who started it may run for long
                os._exit(0)
            os.close(read)
            code = _in_background(new, write, directory, run)
        finally:
            os._exit(code)
    os.close(write)
    os.waitpid(child, 0)
    received = b""
    while data := os.read(read, 64):
        received += data
        if received.startswith(_READY):  # with its exit code, where it has ended already
            break
    os.close(read)
    if received.startswith(_READY):
        return None, ""
    try:
        printed = new.read_text(errors="replace", encoding="utf-8")
        new.unlink()
    except FileNotFoundError:
        printed = ""
    return int(received or b"1"), printed


def _in_background(new: Path, pipe: int, directory: StateDirectory, run: Callable[[TextIO, _Began], int]) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    null = os.open(os.devnull, os.O_RDONLY)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(null, 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout = sys.stderr = out = os.fdopen(1, "w", buffering=1, closefd=False)
    began = _Began(pipe, new, directory.output)
    try:
        code = run(out, began)
    except BaseException as error:
        print(f"error: {type(error).__name__}: {error}", file=out)
        code = 1
    out.flush()
    os.write(pipe, str(code).encode())
    return code
