"""The supervisor: a small process between the engine and the tasks, so that neither can be lost alone.

It starts tasks, and writes down how they end before anyone hears of it. When the engine is gone it stops
them all, writes that down and ends. It decides nothing: what runs when is the engine's. It is started with
the standard library only, in a session of its own, and holds the lock of the state as long as it lives.
"""

import json
import math
import os
import selectors
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from parallelproject.executors import process_tree
from parallelproject.executors.local_spill import Spill
from parallelproject.executors.local_store import FAILED, RUNNING, AttemptRow, Store
from parallelproject.executors.process_channel import Channel, Message
from parallelproject.executors.process_children import Children

INTERRUPTED = "Interrupted"
"""Reason of attempts that were stopped because the engine was gone."""

PIDS_WITHIN = 0.05
"""Seconds until the process of an attempt is written down, too: many have ended by then."""

SYNC_EVERY = 0.25
"""Least seconds between two requests that the disk keeps all for good.

Each makes every other writer wait. So an end that comes sooner after another is safe at once against our being
killed, and against a loss of power only after this time.
"""


class Settings(NamedTuple):
    """What the engine tells at the start."""

    channel: int
    """File descriptor of the socket to the engine."""
    lock: int
    """File descriptor of the lock, held for as long as we live."""
    store: str
    spill: str
    clock: float
    """Seconds since the epoch when the monotonic clock was 0: both processes tell the same time, and it never
    jumps."""
    orphan_grace: float
    """Seconds between SIGTERM and SIGKILL for tasks whose engine is gone."""


class Supervisor:
    """The loop: hear, reap, write down, start, tell."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._channel = Channel(socket.socket(fileno=settings.channel))
        self._store = Store(Path(settings.store))
        self._spill = Spill(Path(settings.spill))
        self._children = Children(self._now, self._store.run_id)
        self._unwritten: list[AttemptRow] = []
        """Ends that are in the spill, if anywhere, and not yet in the store."""
        self._pids: dict[tuple[str, int], AttemptRow] = {}
        """Attempts at work whose process is not written down yet."""
        self._pids_since = 0.0
        self._trouble: str | None = None
        self._lost = False
        """Whether the engine is known to be gone."""
        self._ending = False
        self._synced_at = -math.inf
        self._sync_at = math.inf
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._channel, selectors.EVENT_READ)
        wake, waker = socket.socketpair()
        wake.setblocking(False)
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._wake, self._waker = wake, waker
        self._selector.register(wake, selectors.EVENT_READ)

    def run(self) -> None:
        """Runs until the engine says that it is over, or is gone, and no task is left."""
        while len(self._children) or not (self._lost or self._ending):
            self._wait()
            requests = self._channel.receive()
            ended = self._children.reap()
            self._children.act_on_time()
            if self._channel.closed and not self._lost:
                self._lost = True
                self._children.stop_all(INTERRUPTED, self._settings.orphan_grace)
                requests = []
            self._step(requests, ended)
        left = process_tree.kill_all(lambda: process_tree.descendants(os.getpid()))
        if left:
            print("could not kill:", *(found.pid for found in left), file=sys.stderr)  # noqa: T201
        with suppress(sqlite3.Error):
            self._store.write(self._unwritten)
            self._spill.clear()
            self._unwritten = []
            self._store.end_session(self._now())
        self._store.close()

    def _now(self) -> float:
        return self._settings.clock + time.monotonic()

    def _wait(self) -> None:
        due = min(self._children.next_time(), self._sync_at)
        if self._pids:
            due = min(due, self._pids_since + PIDS_WITHIN)
        timeout = max(0.0, due - time.monotonic()) if due < math.inf else None
        if self._channel.closed and not self._lost:
            timeout = 0.0  # an answer met a closed channel: nothing more will come to wake us
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._channel.waiting else 0)
        if self._channel.closed:
            with suppress(KeyError):
                self._selector.unregister(self._channel)
        else:
            self._selector.modify(self._channel, events)
        ready = self._selector.select(timeout)
        if self._pids and time.monotonic() >= self._pids_since + PIDS_WITHIN:
            self._write_pids()
        if time.monotonic() >= self._sync_at:
            self._sync_at = math.inf
            self._synced_at = time.monotonic()
            with suppress(OSError):
                self._store.sync()
        for key, _ in ready:
            if key.fileobj is self._wake:
                with suppress(BlockingIOError):
                    while self._wake.recv(4096):
                        pass
        self._channel.flush()

    def _step(self, requests: Sequence[Message], ended: list[AttemptRow]) -> None:
        """Does what was asked for; tells what has ended, once it is written down."""
        orders: list[Message] = []
        probe = False
        for request in requests:
            orders += request.get("start", ())
            for task, number, reason in request.get("stop", ()):
                self._children.stop(task, number, reason, request["grace"])
            if "kill" in request:
                self._children.kill_all(request["kill"])
            probe |= "probe" in request
            self._ending |= "end" in request
        if not (orders or ended or probe):
            return
        self._unwritten += ended
        for row in ended:
            self._pids.pop((row.task, row.number), None)
        logs, refused, no_room = self._open_logs(orders)
        now = self._now()
        intents = [AttemptRow(o["task"], o["number"], RUNNING, now) for o in orders if _key(o) in logs]
        if not self._write(intents):
            refused += logs
            for log in logs.values():
                os.close(log)
            logs = {}
        started = []
        for order in orders:
            if _key(order) in logs:
                row = self._children.start(order, logs[_key(order)])
                os.close(logs[_key(order)])
                if row.phase == FAILED:
                    self._unwritten.append(row)
                    ended.append(row)
                else:
                    self._pids_since = self._pids_since if self._pids else time.monotonic()
                    self._pids[_key(order)] = row
                    started.append(row)
        if self._unwritten and not self._trouble:
            self._write([])
        trouble = self._trouble or no_room
        self._channel.send({"started": started, "ended": ended, "refused": refused, "trouble": trouble})

    def _open_logs(
        self, orders: Sequence[Message]
    ) -> tuple[dict[tuple[str, int], int], list[tuple[str, int]], str | None]:
        """Opens the logs of attempts before anything is written down: without its log none starts.

        Returns:
            The logs opened, the attempts without one, and why.
        """
        logs: dict[tuple[str, int], int] = {}
        refused = []
        trouble = None
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        for order in orders:
            try:
                logs[_key(order)] = os.open(order["log"], flags, 0o644)
            except OSError as error:
                refused.append(_key(order))
                trouble = f"cannot write {order['log']}: {error.strerror}"
        return logs, refused, trouble

    def _write_pids(self) -> None:
        """Writes down which processes the attempts are; without room, the mark in their environment has to do."""
        rows = []
        for row in self._pids.values():
            found = process_tree.process(row.pid or 0)
            rows.append(row._replace(pid_start=found.start if found else None))
        self._pids = {}
        with suppress(sqlite3.Error):
            self._store.write(rows, durable=False)

    def _write(self, intents: Sequence[AttemptRow]) -> bool:
        """Writes down all there is; without room in the store, ends go to the spill and nothing starts."""
        durable = False
        if self._unwritten:
            now = time.monotonic()
            durable = now >= self._synced_at + SYNC_EVERY
            self._synced_at = now if durable else self._synced_at
            self._sync_at = math.inf if durable else self._synced_at + SYNC_EVERY
        try:
            self._store.write([*self._unwritten, *intents], durable=durable)
        except sqlite3.Error as error:
            self._trouble = f"cannot write {self._settings.store}: {error}"
            with suppress(OSError):
                self._spill.write(self._unwritten)
            return False
        if self._trouble:
            with suppress(OSError):
                self._spill.clear()
            self._trouble = None
        self._unwritten = []
        return True


def _key(order: Message) -> tuple[str, int]:
    return order["task"], order["number"]


def main(argument: str) -> None:
    """The supervisor process; its argument is ``Settings`` as JSON."""
    settings = Settings(*json.loads(argument))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the engine hears them, and tells us
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for inherited in (settings.channel, settings.lock):
        os.set_inheritable(inherited, False)
    process_tree.adopt_orphans()
    Supervisor(settings).run()
