"""The wish to end: SIGINT, SIGTERM and SIGHUP, as something that a selector can wait for."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Collects signals while it is entered; outside the main thread there are none to collect."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before: dict[signal.Signals, Any] = {}
        self._wakeup = -1

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, _note) for number in _SIGNALS}
            self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before:
            signal.set_wakeup_fd(self._wakeup)
            for number, handler in self._before.items():
                signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Readable when a signal has come."""
        return self._read

    def new(self) -> int:
        """How many have come since the last time."""
        received = b""
        with suppress(BlockingIOError):
            received = os.read(self._read, 1024)
        return sum(number in _SIGNALS for number in received)


_note: Callable[[int, FrameType | None], None] = lambda *_: None  # noqa: E731 - the wakeup file reports it
