"""``pproj run`` of files whose tasks have no ids: what is done stays done, and nothing is taken for something else."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from parallelproject.local.state.schema import MIGRATIONS

from .conftest import Pproj


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ran(tmp_path: Path) -> list[str]:
    journal = tmp_path / "journal"
    lines = journal.read_text().split() if journal.exists() else []
    journal.unlink(missing_ok=True)
    return lines


COMMAND = 'echo "$PPROJ_TASK_ID" >> "$PPROJ_JOURNAL"'


def test_only_what_is_new_runs_wherever_it_is_written(pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PPROJ_JOURNAL", str(tmp_path / "journal"))
    file = tmp_path / "positional.md"
    file.write_text("- [ ] write the reader\n- [ ] write the page\n")
    assert pproj("run", file, "--command", COMMAND).code == 0
    assert ran(tmp_path) == ["write-the-reader", "write-the-page"]
    file.write_text("- [ ] new\n" + file.read_text())
    assert pproj("run", file, "--command", COMMAND).code == 0
    assert ran(tmp_path) == ["new"]
    file.write_text("# Title\n- [ ] write the page\n- [ ] **Write** the reader.\n- [x] new\n")
    assert pproj("run", file, "--command", COMMAND).code == 0
    assert ran(tmp_path) == []
    file.write_text("- [ ] write the whole page\n")
    assert pproj("run", file, "--command", COMMAND).code == 0
    assert ran(tmp_path) == ["write-the-whole-page"]


def older_state(pproj: Pproj, tmp_path: Path, name: str, titles: list[str]) -> None:
    """A state as versions left it that numbered tasks by their place: the same ids, titles and task files."""
    old = tmp_path / "old.json"
    old.write_text(json.dumps([{"id": n, "title": title} for n, title in enumerate(titles, start=1)]))
    assert pproj("run", old, "--command", "true", "--name", name, "--format", "groups").code == 0
    old.unlink()
    with closing(sqlite3.connect(tmp_path / ".pproj" / name / "state.db")) as db:  # they did not count their schema
        db.execute("alter table attempts rename to keyed")
        for statement in MIGRATIONS[0]:
            db.execute(statement)
        db.execute(
            """insert into attempts
            select task, attempt, phase, started, ended, reason, exit_code, pid, pid_start from keyed"""
        )
        db.execute("drop table keyed")
        db.execute("delete from meta where key <> 'run'")
        db.execute("pragma user_version = 0")
        db.commit()


def test_an_older_state_that_numbers_tasks_is_neither_run_again_nor_skipped_silently(
    pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PPROJ_JOURNAL", str(tmp_path / "journal"))
    older_state(pproj, tmp_path, "list", ["write the reader", "write the page"])
    file = tmp_path / "list.md"
    file.write_text("- [ ] new\n- [ ] write the reader\n- [ ] write the page\n")
    result = pproj("run", file, "--command", COMMAND)
    assert result.code == 1
    assert '1 was "write the reader", 2 was "write the page"' in result.err
    assert "as in - [ ] 1. Title; --fresh runs all tasks again" in result.err
    assert ran(tmp_path) == []
    file.write_text("- [ ] 3. new\n- [ ] 1. write the reader\n- [ ] 2. write the page\n")  # the fix that is named
    assert pproj("run", file, "--command", COMMAND).code == 0
    assert ran(tmp_path) == ["3"]


def test_an_older_state_of_steps_that_were_taken_for_tasks_is_refused_too(pproj: Pproj, tmp_path: Path):
    older_state(pproj, tmp_path, "plan", ["**Step 1: Write it**"])
    file = tmp_path / "plan.md"
    file.write_text("### Task 1: Page\n- [ ] **Step 1: Write it**\n")
    result = pproj("run", file, "--command", "true")
    assert result.code == 1
    assert "numbers tasks by their place" in result.err
    assert pproj("run", file, "--command", "true", "--fresh").code == 0


def test_tasks_that_were_removed_from_a_file_with_ids_are_no_older_state(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "list.md"
    file.write_text("- [ ] 1. a\n- [ ] 2. b\n")
    assert pproj("run", file, "--command", "true").code == 0
    for text in ("- [ ] 2. b\n- [ ] 3. c\n", "- [ ] 4. d\n", "- [ ] T01 e\n"):
        file.write_text(text)
        assert pproj("run", file, "--command", "true").code == 0
