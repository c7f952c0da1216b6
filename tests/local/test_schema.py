"""The tables of a state are of one version at any moment, and nothing of it is lost on the way to a newer one."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

import parallelproject
from parallelproject.local.errors import RunError
from parallelproject.local.state import schema
from parallelproject.local.state.store import Store
from tests.local import earlier_state
from tests.local.runner import Runner, tasks

NEXT = (
    (
        "alter table attempts add column host text not null default 'here'",
        "update attempts set host = 'there' where phase = 'Running'",
    ),
    (
        "create table notes (task text primary key, text text not null)",
        "insert into notes select task, group_concat(phase) from attempts group by task",
        "drop table reruns",
    ),
)
"""Versions that may come: a column with what is in it, and a table made from another."""


def content(path: Path) -> tuple[int, dict[str, list[Any]]]:
    """The version of a state, and all its rows by table; ``meta`` without who made it."""
    with closing(sqlite3.connect(path)) as db:
        names = [name for (name,) in db.execute("select name from sqlite_master where type = 'table' order by name")]
        rows = {name: db.execute(f"select * from {name}").fetchall() for name in names}
        version = db.execute("pragma user_version").fetchone()[0]
    if "meta" in rows:
        rows["meta"] = [row for row in rows["meta"] if row[0] not in (schema.CREATED_BY, schema.MIGRATED_BY)]
    return version, rows


def steps(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, list[Any]]]:
    """The content of a state at each version, when nothing disturbs its way."""
    every = schema.MIGRATIONS
    found = [content(path)[1]]
    for version in range(1, len(every) + 1):
        monkeypatch.setattr(schema, "MIGRATIONS", every[:version])
        Store(path).close()
        assert content(path)[0] == version
        found.append(content(path)[1])
    monkeypatch.setattr(schema, "MIGRATIONS", every)
    return found


def killed_at(path: Path, statement: int) -> bool:
    """Opens a state in a process of its own that gets kill -9 as it comes to a statement; whether it got so far."""
    pid = os.fork()
    if not pid:
        connect = sqlite3.connect
        count = 0

        def reached(_: str) -> None:
            nonlocal count
            count += 1
            if count == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        def watched(*arguments: Any, **keywords: Any) -> sqlite3.Connection:
            db = connect(*arguments, **keywords)
            db.set_trace_callback(reached)
            return db

        with suppress(BaseException):
            sqlite3.connect = watched  # type: ignore[assignment]
            Store(path).close()
            os._exit(0)
        os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def from_the_first_release(path: Path) -> None:
    earlier_state.restore_database(path)


def from_nothing(path: Path) -> None:
    """There is no file."""


@pytest.mark.parametrize("begin", [from_the_first_release, from_nothing])
def test_killed_at_any_statement_of_any_migration_it_is_of_one_version_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS + NEXT)
    begin(tmp_path / "expected.db")
    expected = steps(tmp_path / "expected.db", monkeypatch)
    path, statement, seen = tmp_path / "state.db", 1, set()
    begin(path)
    while killed_at(path, statement):
        version, rows = content(path)
        seen.add(version)
        if rows.get("meta"):
            rows["meta"] = expected[version]["meta"]  # a new state has an id of its own
        assert rows == expected[version], f"killed at statement {statement}"
        for leftover in tmp_path.glob("state.db*"):
            leftover.unlink()
        begin(path)
        statement += 1
    assert content(path)[0] == len(schema.MIGRATIONS)
    assert seen == set(range(len(schema.MIGRATIONS) + 1))


def test_every_kill_is_followed_by_another_until_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS + NEXT)
    for path in (tmp_path / "expected.db", tmp_path / "state.db"):
        earlier_state.restore_database(path)
    expected = steps(tmp_path / "expected.db", monkeypatch)[-1]
    statement = 1
    while killed_at(tmp_path / "state.db", statement):  # each goes on from what the one before has left
        statement += 1
    assert content(tmp_path / "state.db") == (len(schema.MIGRATIONS), expected)


@pytest.mark.parametrize("version", range(len(earlier_state.REVISIONS)))
def test_the_state_of_an_earlier_version_keeps_every_row(tmp_path: Path, version: int) -> None:
    path = tmp_path / "state.db"
    earlier_state.restore_database(path, version)
    before = content(path)
    with closing(Store(path)) as store:
        assert store.created_by == (None if version == 0 else "0.1.0")
    with closing(sqlite3.connect(path)) as db:
        (by,) = db.execute("select value from meta where key = 'migrated_by'").fetchone()
    assert by == parallelproject.__version__
    assert before[0] == version
    attempts = [("Task", task, "", *rest) for task, *rest in before[1]["attempts"]]
    new = {"rejections": []}
    assert content(path) == (len(schema.MIGRATIONS), before[1] | {"attempts": attempts} | new)


def test_a_migration_that_fails_leaves_the_state_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    Store(path).close()
    before = content(path)
    wrong = ("alter table attempts add column host text", "insert into nowhere values (1)")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, wrong))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        Store(path)
    assert content(path) == before


def of_a_newer_version(path: Path) -> tuple[int, dict[str, list[Any]]]:
    """Makes a state to one of a version that is yet to come."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("insert or replace into meta values ('migrated_by', '7.1.0')")
        db.execute("create table tomorrow (id text)")
        db.execute("insert into tomorrow values ('x')")
        db.execute(f"pragma user_version = {len(schema.MIGRATIONS) + 1}")
        db.commit()
    return content(path)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_state_of_a_newer_version_is_refused_and_nothing_is_lost(runner: Callable[..., Runner], fresh: bool) -> None:
    run = runner(tasks("a"), "echo x >> $JOURNAL")
    run.run()
    before = of_a_newer_version(run.state / "state.db")
    run.options["fresh"] = fresh
    output = run.run(code=1)
    count = len(schema.MIGRATIONS)
    assert f"{run.state}/state.db has schema version {count + 1}, written by pproj 7.1.0;" in output
    assert f"this is pproj {parallelproject.__version__}, which reads versions up to {count}" in output
    assert "use that version of pproj, name another state by --state-dir DIR, or start over without" in output
    assert run.journal() == ["x"]
    assert content(run.state / "state.db") == before
    (run.state / "state.db").unlink()  # so that the fixture can look for processes


def test_a_newer_state_without_a_known_table_is_refused_too(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db")) as db:
        db.execute("create table tomorrow (id text)")
        db.execute("pragma user_version = 99")
    with pytest.raises(RunError, match="written by pproj of a newer version"):
        Store(tmp_path / "state.db")


def test_the_store_needs_the_standard_library_alone(tmp_path: Path) -> None:
    source = Path(parallelproject.__file__).parent.parent
    code = f"import sys; sys.path.insert(0, {str(source)!r}); from parallelproject.local.state.store import Store; "
    code += f"from pathlib import Path; Store(Path({str(tmp_path / 'state.db')!r})).close()"
    subprocess.run([sys.executable, "-S", "-I", "-c", code], check=True)
    assert content(tmp_path / "state.db")[0] == len(schema.MIGRATIONS)
