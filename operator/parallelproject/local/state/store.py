"""What a local run has written down: every attempt, in SQLite, so that a run that was cut off continues.

Only attempts are kept; where tasks stand follows from them by ``core.attempt.settle``. At any moment one
process writes: the supervisor while it lives, the engine before and after. Standard library only, because
the supervisor has to start fast.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from parallelproject.local.state import schema
from parallelproject.model.work import WorkKey

RUNNING, SUCCEEDED, FAILED, STOPPED = "Running", "Succeeded", "Failed", "Stopped"
"""Phases of an attempt. Running: its start was asked for, and its end is not known. The ends of attempts at steps are
words of ``StepVerdict``, by their own account; in the file they are Succeeded and Failed, by exit code."""

_UPSERT = """
insert into attempts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (kind, task, step, attempt) do update set
    phase = excluded.phase, ended = excluded.ended, reason = excluded.reason, exit_code = excluded.exit_code,
    pid = coalesce(excluded.pid, pid), pid_start = coalesce(excluded.pid_start, pid_start)
"""

_KEY = len(WorkKey._fields)
"""Columns of an attempt's key, the first ones."""
_PAGES_MAX = 4096
"""Pages of 4 KiB in the log from which on they are carried over into the file itself. All wait for the disk then,
so it is not done as often as by default."""


class AttemptRow(NamedTuple):
    """One attempt as it is written down. Times are seconds since the epoch."""

    key: WorkKey
    phase: str
    started: float
    ended: float | None = None
    reason: str | None = None
    exit_code: int | None = None
    pid: int | None = None
    pid_start: int | None = None
    """When the process began, in the kernel's own count: with the pid it names one process for good."""

    @classmethod
    def of_fields(cls, fields: Sequence[Any]) -> Self:
        """The row with these fields, as JSON has them: its key, and all that follows."""
        return cls(WorkKey.of_fields(fields[0]), *fields[1:])


class SessionRow(NamedTuple):
    """One start of ``pproj run`` on this state. Its times are by one clock, that of others may have been another."""

    started: float
    ended: float
    """Of one that was lost: when it was last known to run."""
    completed: bool
    """Whether the run had come to its end with it."""


class Store:
    """The state file. Every method that writes is one transaction: all of it is there, or nothing."""

    def __init__(self, path: Path, *, synced: bool = False) -> None:
        """Opens the file, or makes it, and brings its tables to the schema of this version.

        Args:
            path: The file.
            synced: Whether a ``Sync`` has all that is written outlive a loss of power; else each transaction
                does before it returns. It outlives us in any case.

        Raises:
            RunError: a newer version of pproj has written it.
            sqlite3.Error: it cannot be read or written.
        """
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
        try:
            current = schema.is_current(self._db, path)  # before anything is written
            self._db.execute("pragma journal_mode = wal")
            if synced:
                self._db.execute("pragma synchronous = normal")
                self._db.execute(f"pragma wal_autocheckpoint = {_PAGES_MAX}")
            else:
                self._db.execute("pragma synchronous = full")
            while not current:
                with self._transaction():
                    schema.migrate(self._db)
                current = schema.is_current(self._db, path)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @property
    def run_id(self) -> str:
        """What every process of this run carries in its environment."""
        return str(self._db.execute("select value from meta where key = 'run'").fetchone()[0])

    @property
    def created_by(self) -> str | None:
        """The version of pproj that made the state. None: one that did not write that down yet."""
        found = self._db.execute("select value from meta where key = ?", (schema.CREATED_BY,)).fetchone()
        return str(found[0]) if found else None

    def attempts(self) -> list[AttemptRow]:
        """Every attempt, in the order of its task, and of its number."""
        rows = self._db.execute("select * from attempts order by task, step, kind, attempt")
        return [AttemptRow(WorkKey.of_fields(row[:_KEY]), *row[_KEY:]) for row in rows]

    def write(self, rows: Iterable[AttemptRow]) -> None:
        """Writes attempts down, over what was known of them."""
        with self._transaction():
            self._db.executemany(_UPSERT, ((*row.key, *row[1:]) for row in rows))

    def retries(self) -> dict[str, int]:
        """By task: how many of its failures no longer count."""
        return dict(self._db.execute("select task, forgive from retries"))

    def reruns(self) -> dict[str, int]:
        """By task: how many of its conflicts no longer count."""
        return dict(self._db.execute("select task, forgive from reruns"))

    def rejections(self) -> dict[str, int]:
        """By task: how many times that gates have rejected its work no longer count."""
        return dict(self._db.execute("select task, forgive from rejections"))

    def forgive(self, failures: Mapping[str, int], conflicts: Mapping[str, int], rejections: Mapping[str, int]) -> None:
        """Writes down that these failures, conflicts and rejections no longer count."""
        with self._transaction():
            self._db.executemany("insert or replace into retries values (?, ?)", failures.items())
            self._db.executemany("insert or replace into reruns values (?, ?)", conflicts.items())
            self._db.executemany("insert or replace into rejections values (?, ?)", rejections.items())

    def sessions(self) -> list[SessionRow]:
        """Every session so far, in order."""
        rows = self._db.execute("select started, coalesce(ended, started), completed from sessions order by id")
        return [SessionRow(started, ended, bool(completed)) for started, ended, completed in rows]

    def begin_session(self, now: float) -> None:
        """Writes down that a session starts."""
        with self._transaction():
            self._db.execute("insert into sessions (started, ended) values (?, ?)", (now, now))

    def session_goes_on(self, now: float) -> None:
        """Writes down that the session is there, should it be lost without an end."""
        with self._transaction():
            self._db.execute("update sessions set ended = ? where id = (select max(id) from sessions)", (now,))

    def end_session(self, now: float, *, completed: bool = False) -> None:
        """Writes down that the session has ended."""
        with self._transaction():
            self._db.execute(
                "update sessions set ended = ?, completed = ? where id = (select max(id) from sessions)",
                (now, completed),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise
