"""The supervisor: a small process between the engine and the tasks, so that neither can be lost alone.

It starts tasks, and writes down how they end before anyone learns of it. When the engine is gone it stops
them all, writes that down and ends. It decides nothing: what runs when is the engine's. It is started with
the standard library only, in a session of its own, with a guard that takes over should it be lost. Both hold
the lock of the state as long as they live.
"""

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

from parallelproject.local.state.record import AttemptLog
from parallelproject.local.state.spill import Spill
from parallelproject.local.state.store import FAILED, RUNNING, AttemptRow, Store
from parallelproject.local.state.sync import Sync
from parallelproject.local.supervisor import process_tree
from parallelproject.local.supervisor.channel import Channel, Message
from parallelproject.local.supervisor.children import Children
from parallelproject.local.supervisor.orphans import INTERRUPTED
from parallelproject.local.supervisor.roster import Roster
from parallelproject.local.supervisor.settings import Settings
from parallelproject.model.work import WorkKey

PIDS_WITHIN = 0.05
"""Seconds until the process of an attempt is written down, too: many have ended by then."""


class Supervisor:
    """The loop: hear, reap, write down, start, tell."""

    def __init__(self, settings: Settings, channel: Channel, roster: Roster) -> None:
        self._settings = settings
        self._channel = channel
        self._store = Store(Path(settings.store), synced=True)
        self._sync = Sync(Path(settings.store))
        self._spill = Spill(Path(settings.spill))
        self._record = AttemptLog(self._store, self._spill)
        self._children = Children(settings.now, self._store.run_id, roster)
        self._pids: dict[WorkKey, AttemptRow] = {}
        """Running attempts whose process is not written down yet."""
        self._pids_since = 0.0
        self._lost = False
        """Whether the engine is known to be gone."""
        self._ending = False
        self._selector = selectors.DefaultSelector()
        self._events = selectors.EVENT_READ
        self._selector.register(self._channel, self._events)
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
            while ended := self._children.ended():  # first of all: nobody else knows until it is written down
                self._pass_on(ended)
            self._children.act_on_time()
            requests = self._channel.receive()
            if self._channel.closed and not self._lost:
                self._lost = True
                self._children.stop_all(INTERRUPTED, self._settings.orphan_grace)
            elif requests:
                self._do(requests)
            if self._pids and time.monotonic() >= self._pids_since + PIDS_WITHIN:
                self._write_pids()
        left = process_tree.kill_all(lambda: process_tree.descendants(os.getpid()))
        if left:
            print("could not kill:", *(found.pid for found in left), file=sys.stderr)  # noqa: T201
        if self._write():
            with suppress(sqlite3.Error):
                self._store.end_session(self._settings.now())
        self._sync.close()
        self._store.close()

    def _wait(self) -> None:
        due = self._children.next_time()
        if self._pids:
            due = min(due, self._pids_since + PIDS_WITHIN)
        timeout = max(0.0, due - time.monotonic()) if due < math.inf else None
        if self._channel.closed and not self._lost:
            timeout = 0.0  # an answer met a closed channel: nothing more will come to wake us
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._channel.waiting else 0)
        if self._channel.closed:
            with suppress(KeyError):
                self._selector.unregister(self._channel)
        elif events != self._events:
            self._selector.modify(self._channel, events)
            self._events = events
        for key, _ in self._selector.select(timeout):
            if key.fileobj is self._wake:
                with suppress(BlockingIOError):
                    while self._wake.recv(4096):
                        pass
        self._channel.flush()

    def _pass_on(self, ended: list[AttemptRow]) -> None:
        """Writes down what has ended, and then reports it."""
        for row in ended:
            self._pids.pop(row.key, None)
        self._write(ended)
        self._children.release()
        self._tell(ended=ended)

    def _do(self, requests: Sequence[Message]) -> None:
        """Does what was asked for."""
        orders: list[Message] = []
        for request in requests:
            orders += request.get("start", ())
            for key, reason in request.get("stop", ()):
                self._children.stop(WorkKey.of_fields(key), reason, request["grace"])
            if "kill" in request:
                self._children.kill_all(request["kill"])
            if "probe" in request:
                self._write()
                self._tell()
            self._ending |= "end" in request
        if orders:
            self._start(orders)

    def _start(self, orders: Sequence[Message]) -> None:
        """Starts attempts, each written down before."""
        logs, refused, no_room = self._open_logs(orders)
        now = self._settings.now()
        intents = [AttemptRow(key, RUNNING, now) for key in logs]
        if not self._write(intended=intents):
            refused += logs
            for log in logs.values():
                os.close(log)
            logs = {}
        started, failed = [], []
        for order in orders:
            key = _key(order)
            if key in logs:
                row = self._children.start(key, order, logs[key])
                os.close(logs[key])
                if row.phase == FAILED:
                    failed.append(row)
                else:
                    self._pids_since = self._pids_since if self._pids else time.monotonic()
                    self._pids[key] = row
                    started.append(row)
        if failed:
            self._write(failed)
        self._tell(started, failed, refused, no_room)

    def _write(self, ended: Sequence[AttemptRow] = (), intended: Sequence[AttemptRow] = ()) -> bool:
        written = self._record.write(ended, intended)
        if written:
            self._sync.ask()
        return written

    def _tell(
        self,
        started: Sequence[AttemptRow] = (),
        ended: Sequence[AttemptRow] = (),
        refused: Sequence[WorkKey] = (),
        no_room: str | None = None,
    ) -> None:
        trouble = self._record.trouble
        trouble = f"cannot write {self._settings.store}: {trouble}" if trouble else no_room
        self._channel.send({"started": started, "ended": ended, "refused": refused, "trouble": trouble})

    def _open_logs(self, orders: Sequence[Message]) -> tuple[dict[WorkKey, int], list[WorkKey], str | None]:
        """Opens the logs of attempts before anything is written down: without its log none starts.

        Returns:
            The logs opened, the attempts without one, and why.
        """
        logs: dict[WorkKey, int] = {}
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
        """Writes down which processes the attempts are, and that all of it runs.

        Without room the mark in their environment has to do.
        """
        rows = []
        for row in self._pids.values():
            found = process_tree.process(row.pid or 0)
            rows.append(row._replace(pid_start=found.start if found else None))
        self._pids = {}
        with suppress(sqlite3.Error):
            self._store.write(rows)
            self._store.session_goes_on(self._settings.now())


def _key(order: Message) -> WorkKey:
    return WorkKey.of_fields(order["key"])
