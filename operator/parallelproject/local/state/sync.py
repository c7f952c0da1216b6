"""Has the state outlive a loss of power, next to the loop that writes it.

A disk takes its time, and every other writer waits meanwhile. The ends of tasks do not: what is written is safe
against our being killed at once, and against a loss of power as soon as the disk has it.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

SYNC_EVERY = 0.25
"""Least seconds between two requests that the disk keeps all for good."""


class Sync:
    """A thread that does it whenever there is something new."""

    def __init__(self, store: Path) -> None:
        self._log = f"{store}-wal"
        self._new = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sync", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """There is something new. Returns at once."""
        self._new.set()

    def close(self) -> None:
        """Ends the thread, and waits for it."""
        self._closed.set()
        self._new.set()
        self._thread.join()

    def _work(self) -> None:
        while self._new.wait() and not self._closed.is_set():
            self._new.clear()
            with suppress(OSError):  # a disk in trouble is known to the engine by what cannot be written
                self._sync()
            self._closed.wait(SYNC_EVERY)

    def _sync(self) -> None:
        log = os.open(self._log, os.O_RDWR | os.O_CLOEXEC)  # sqlite keeps its locks on other files than this
        try:
            os.fdatasync(log)
        finally:
            os.close(log)
