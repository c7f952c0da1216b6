"""Notifies people by a command or a webhook, as ``spec.notify`` says. It delays and breaks no run.

A consumer of events: it computes what is due, and a thread of its own sends it. What was sent is written down after it
was received. So a notification is sent at least once for each transition, as long as its receiver answers within a few
tries, and not again by a later session. Where the run is killed in between, a receiver gets one twice, with the same
``id``.
"""

import hashlib
import hmac
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from parallelproject.core.report.changes import Event
from parallelproject.core.report.notifications import Notification, due
from parallelproject.local.engine.board import Board
from parallelproject.model.spec import Notify, Webhook
from parallelproject.whole_file import write_whole

SIGNATURE, EVENT, DELIVERY = "X-Pproj-Signature-256", "X-Pproj-Event", "X-Pproj-Delivery"
"""Headers of a request to a webhook."""
_PAUSES = (1.0, 5.0)
"""Seconds between the tries of one notification."""
_TRY_SECONDS = 10.0
"""Maximum time of one try."""
_END_SECONDS = 30.0
"""Maximum time that the end of a session waits for notifications."""
_ERROR_BYTES = 300


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
        self.troubles: list[str] = []
        """Lines about notifications that nobody has received, for the end of the session."""

    def take(self, project: Board, events: Sequence[Event]) -> None:
        """Sends what is new, in another thread."""
        if project.plan is None or project.interrupted:
            return
        known = self._sent | self._asked
        found = due(project.name, project.graph, project.plan, known, self._notify.on, project.place, project.verified)
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
            self._ending.set()
        if self._thread.is_alive():
            self.troubles.append("some notifications were not sent in time; the next session sends them")

    def _work(self) -> None:
        while (notification := self._queue.get()) is not None:
            content: dict[str, Any] = {"id": self._id(notification.key), "time": int(time.time())}
            body = json.dumps(content | notification.body, ensure_ascii=False).encode(errors="replace")
            if self._is_received(notification, body):
                self._sent = self._sent | {notification.key}
                with suppress(OSError):
                    self._write()

    def _is_received(self, notification: Notification, body: bytes) -> bool:
        """Sends it to all, and again to those that have not received it."""
        event, id = str(notification.event), self._id(notification.key)
        command, webhook = self._notify.command, self._notify.webhook
        left: list[Callable[[], str]] = []
        left += [lambda: _run(command, body, event)] if command else []
        left += [lambda: _post(webhook, body, event, id)] if webhook else []
        errors: list[str] = []
        for pause in (0.0, *_PAUSES):
            if self._ending.wait(pause):
                return False
            failed = [(send, error) for send in left if (error := send())]
            left, errors = [send for send, _ in failed], [error for _, error in failed]
            if not left:
                return True
        self.troubles.append(f"notification {event} was not received: {'; '.join(errors)}")
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


def _run(command: Sequence[str], body: bytes, event: str) -> str:
    """Gives a notification to a command; why it failed, or nothing."""
    try:
        done = subprocess.run(
            list(command),
            input=body,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_TRY_SECONDS,
            check=False,
            start_new_session=True,  # Ctrl-C in the terminal is for the run
            env={**os.environ, "PPROJ_EVENT": event},
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {_TRY_SECONDS:g} s"
    except OSError as error:
        return f"{command[0]} cannot be started: {error.strerror}"
    if done.returncode:
        said = done.stderr[-_ERROR_BYTES:].decode(errors="replace").strip().rsplit("\n", 1)[-1:]
        return f"{command[0]} failed with exit code {done.returncode}" + "".join(f": {line}" for line in said if line)
    return ""


def _post(webhook: Webhook, body: bytes, event: str, id: str) -> str:
    """Sends a notification to a webhook; why it was not received, or nothing."""
    headers = {"Content-Type": "application/json", "User-Agent": "pproj", EVENT: event, DELIVERY: id}
    if webhook.secret_env:
        key = os.environ.get(webhook.secret_env, "")
        if not key:
            return f"the environment variable {webhook.secret_env} is not set, so it cannot be signed"
        headers[SIGNATURE] = f"sha256={hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}"
    request = urllib.request.Request(webhook.url, body, headers, method="POST")
    try:
        with _OPENER.open(request, timeout=_TRY_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"the webhook answered {error.code}"
    except (OSError, ValueError) as error:
        return f"the webhook cannot be reached: {getattr(error, 'reason', None) or error}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other: the body goes only to the address that the user has named."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


_OPENER = urllib.request.build_opener(_NoRedirects)
