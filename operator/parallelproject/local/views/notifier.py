"""Notifies people by a command or a webhook, as ``spec.notify`` says. It delays and breaks no run.

A consumer of events: it computes what is due, and a thread of its own sends it. What was sent is recorded after it was
received. So a notification is sent at least once for each transition, as long as its receiver answers within a few
tries, and not again by a later session. If the run is killed in between, a receiver gets one twice, with the same
``id``.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from parallelproject.core.report.changes import Event
from parallelproject.core.report.notifications import Notification, due
from parallelproject.local.engine.board import Board
from parallelproject.local.views.receivers import post, run_command
from parallelproject.model.spec import Notify
from parallelproject.whole_file import write_whole

_PAUSES = (1.0, 5.0)
"""Seconds between the tries of one notification."""
_END_SECONDS = 30.0
"""Maximum time that the end of a session waits for notifications."""
_KILL_SECONDS = 2.0
"""Maximum time that it waits after that until a command is killed."""


class Notifier:
    """The notifications of one session."""

    def __init__(self, notify: Notify, state: Path, run: str) -> None:
        """Prepares it.

        Args:
            notify: Who is notified, and of what.
            state: The state directory.
            run: What distinguishes this run from one of the same name.
        """
        self._notify, self._run = notify, run
        self._file = state / "notified.json"
        self._sent = self._read()
        self._asked: set[str] = set()
        self._queue: SimpleQueue[Notification | None] = SimpleQueue()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._last_error = ""
        self.troubles: list[str] = []
        """Lines about notifications that nobody has received, for the end of the session."""

    def take(self, project: Board, events: Sequence[Event]) -> None:
        """Sends what is new, in another thread."""
        if project.plan is None or project.interrupted:
            return
        known = self._sent | self._asked
        found = due(project.name, project.graph, project.spec, project.plan, known, project.place, project.verified)
        for notification in found:
            self._asked.add(notification.key)
            self._queue.put(notification)
        if found and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="notifier", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Waits until all is sent, for a limited time."""
        if self._thread is None:
            return
        self._queue.put(None)
        try:
            self._thread.join(_END_SECONDS)
        finally:  # also by Ctrl-C
            is_late = self._thread.is_alive()
            self._ending.set()
            self._thread.join(_KILL_SECONDS)
        if is_late:
            left = len(self._asked - self._sent)
            what = "1 notification was" if left == 1 else f"{left} notifications were"
            why = f": {self._last_error}" if self._last_error else ""
            late = f"{what} not received within {_END_SECONDS:g} s; the next session sends again{why}"
            self.troubles = [late]

    def _work(self) -> None:
        while (notification := self._queue.get()) is not None:
            try:
                is_received = self._is_received(notification)
            except Exception as error:  # the thread has to send the others
                fault = f"{type(error).__name__}: {error}"
                self.troubles.append(f"notification {notification.event} was not sent: {fault} (report this fault)")
                continue
            if is_received:
                self._sent = self._sent | {notification.key}
                with suppress(OSError):
                    self._write()

    def _is_received(self, notification: Notification) -> bool:
        """Sends it to all, and again to those that have not received it."""
        event, id = str(notification.event), self._id(notification.key)
        content: dict[str, Any] = {"id": id, "time": int(time.time())}
        body = json.dumps(content | notification.body, ensure_ascii=False).encode(errors="replace")
        command, webhook = self._notify.command, self._notify.webhook
        left: list[Callable[[], str]] = []
        left += [lambda: run_command(command, body, event, self._ending)] if command else []
        left += [lambda: post(webhook, body, event, id, self._ending)] if webhook else []
        errors: list[str] = []
        for pause in (0.0, *_PAUSES):
            if self._ending.wait(pause):
                return False
            failed = [(send, error) for send in left if (error := send())]
            left, errors = [send for send, _ in failed], [error for _, error in failed]
            if not left:
                return True
            if self._ending.is_set():  # the try was cut short
                return False
            self._last_error = "; ".join(errors)
        self.troubles.append(f"notification {event} was not received: {self._last_error}")
        return False

    def _id(self, key: str) -> str:
        return hashlib.sha256(f"{self._run}\n{key}".encode()).hexdigest()[:32]

    def _read(self) -> frozenset[str]:
        try:
            found = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return frozenset()
        return frozenset(map(str, found)) if isinstance(found, list) else frozenset()

    def _write(self) -> None:
        write_whole(self._file, json.dumps(sorted(self._sent)))
