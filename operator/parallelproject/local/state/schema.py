"""The tables of a local run's state, by version: SQLite's ``user_version`` counts the migrations that were applied.

A new column or table is a new migration at the end of ``MIGRATIONS``. One that was released is never changed. Each is
applied in one transaction together with its number, so a state that was interrupted on its way has the tables of one
version, whole. A kind of work that earlier versions do not know takes a new migration too, so that they refuse the
state. Standard library only, because the supervisor has to start fast.
"""

import sqlite3
from pathlib import Path

from parallelproject import __version__
from parallelproject.local.errors import RunError

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (  # 1: the tables of the release that did not count yet. Its states have them, with user_version 0.
        "create table if not exists meta (key text primary key, value text not null) without rowid",
        """create table if not exists attempts (
            task text not null, number integer not null, phase text not null,
            started real not null, ended real, reason text, exit_code integer, pid integer, pid_start integer,
            primary key (task, number)
        ) without rowid""",
        "create table if not exists retries (task text primary key, forgive integer not null) without rowid",
        "create table if not exists reruns (task text primary key, forgive integer not null) without rowid",
        """create table if not exists sessions (
            id integer primary key, started real not null, ended real, completed integer not null default 0
        )""",
        "insert or ignore into meta values ('run', lower(hex(randomblob(16))))",
    ),
    (  # 2: an attempt has the key of everything that is started (``model.work``): until then only tasks were.
        """create table keyed (
            kind text not null, task text not null, step text not null, attempt integer not null, phase text not null,
            started real not null, ended real, reason text, exit_code integer, pid integer, pid_start integer,
            primary key (kind, task, step, attempt)
        ) without rowid""",
        """insert into keyed
            select 'Task', task, '', number, phase, started, ended, reason, exit_code, pid, pid_start from attempts""",
        "drop table attempts",
        "alter table keyed rename to attempts",
    ),
    (),  # 3: runs of checks are attempts too, of the kind Verify
    (),  # 4: runs of hooks are attempts too, of the kind Hook
    (  # 5: attempts at steps are counted with those of their task; their rejections may be forgiven
        "create table if not exists rejections (task text primary key, forgive integer not null) without rowid",
    ),
)
"""Statements, by the version that they lead to: the first leads from 0 to 1."""

CREATED_BY, MIGRATED_BY = "created_by", "migrated_by"
"""Keys of ``meta``: the version of pproj that made the state, and the one that last changed its tables."""


def is_current(db: sqlite3.Connection, path: Path) -> bool:
    """Whether the state has the tables of this version.

    Raises:
        RunError: they are those of a newer version, which this one does not know. Nothing was changed.
        sqlite3.Error: the file is no database, or cannot be read.
    """
    version = _version(db)
    if version > len(MIGRATIONS):
        raise RunError(
            f"the state {path} has schema version {version}, written by pproj {_written_by(db)}; "
            f"this is pproj {__version__}, which reads versions up to {len(MIGRATIONS)}",
            f"use that version of pproj, name another state by --state-dir DIR, or start over without {path.parent}",
        )
    return version == len(MIGRATIONS)


def migrate(db: sqlite3.Connection) -> None:
    """Applies the next migration, if there is one. To be called within a transaction.

    Raises:
        sqlite3.Error: a statement failed; the transaction is to be rolled back.
    """
    version = _version(db)  # within the transaction: another process may have been first
    if version >= len(MIGRATIONS):
        return
    is_new = not db.execute("select count(*) from sqlite_master").fetchone()[0]
    for statement in MIGRATIONS[version]:
        db.execute(statement)
    for key in (CREATED_BY, MIGRATED_BY) if is_new else (MIGRATED_BY,):
        db.execute("insert or replace into meta values (?, ?)", (key, __version__))
    db.execute(f"pragma user_version = {version + 1}")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("pragma user_version").fetchone()[0])


def _written_by(db: sqlite3.Connection) -> str:
    try:
        return str(db.execute("select value from meta where key = ?", (MIGRATED_BY,)).fetchone()[0])
    except (sqlite3.Error, TypeError):  # its tables may be others
        return "of a newer version"
