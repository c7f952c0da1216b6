"""``pproj run --write-back``: what succeeded is marked as done in the file; nothing else is."""

import json
import os
import shlex
import stat
from pathlib import Path

import pytest

from .conftest import Pproj

TEXT = """{"tasks": [
  {"id": 1, "title": "a", "status": "pending"},
  {"id": 2, "title": "b"},
  {"id": 3, "title": "c", "dependencies": [2]}
]}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    file = tmp_path / "tasks.json"
    file.write_text(TEXT)
    return file


ONCE = ("--set", "spec.defaults.maxAttempts=1")


def test_only_what_succeeded_and_only_when_asked(pproj: Pproj, tasks: Path):
    command = "test $PPROJ_TASK_ID != 2"
    assert pproj("run", tasks, "--command", command, *ONCE).code == 1
    assert tasks.read_text() == TEXT
    tasks.chmod(0o640)
    result = pproj("run", tasks, "--command", command, *ONCE, "--write-back", "--fresh")
    assert result.code == 1
    assert tasks.read_text() == TEXT.replace('"pending"', '"done"')
    assert stat.S_IMODE(tasks.stat().st_mode) == 0o640
    assert f"marked as done in {tasks}: 1 task\n" in result.err
    assert not [path for path in tasks.parent.iterdir() if path.name.startswith(".tasks")]


def test_what_succeeded_before_a_resumed_session_is_marked_too(pproj: Pproj, tasks: Path):
    assert pproj("run", tasks, "--command", "true").code == 0
    assert pproj("run", tasks, "--command", "false", "--write-back").code == 0
    assert [task["status"] for task in json.loads(tasks.read_text())["tasks"]] == ["done"] * 3


def test_what_others_change_while_tasks_run_is_kept(pproj: Pproj, tasks: Path):
    change = 's/"title": "b"/"title": "new"/; s/^.*"tasks".*$/{"tasks": [{"id": 0, "title": "z"},/'
    edit = f"sed -i {shlex.quote(change)} {tasks}"
    command = f"test $PPROJ_TASK_ID != 1 || {edit}"
    result = pproj("run", tasks, "--parallelism", "1", "--command", command, "--write-back")
    assert result.code == 0, result.err
    found = {task["id"]: (task["title"], task.get("status")) for task in json.loads(tasks.read_text())["tasks"]}
    assert found == {0: ("z", None), 1: ("a", "done"), 2: ("new", "done"), 3: ("c", "done")}


def test_a_file_that_cannot_be_read_by_then_is_told_and_the_run_fails(pproj: Pproj, tasks: Path):
    result = pproj("run", tasks, "--command", f"echo '{{' > {tasks}", "--write-back")
    assert result.code == 1
    assert f"error: --write-back: {tasks} is not written: {tasks}:" in result.err
    assert tasks.read_text() == "{\n"


def test_formats_without_states_are_refused_before_anything_runs(pproj: Pproj, manifest: Path, tmp_path: Path):
    for file in (manifest, tmp_path / "f.json"):
        if file != manifest:
            file.write_text('[{"id": 1, "description": "x", "passes": false}]')
        result = pproj("run", file, "--write-back", "--command", "touch ran")
        assert (result.code, "--write-back: no states are written to" in result.err) == (2, True)
    assert not (tmp_path / ".pproj").exists()


def test_beads_closes_its_issues_itself_where_it_is_there(
    pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    issues = tmp_path / ".beads" / "issues.jsonl"
    issues.parent.mkdir()
    issues.write_text('{"id":"a","title":"A","status":"open"}\n')
    bd = tmp_path / "bin" / "bd"
    bd.parent.mkdir()
    bd.write_text(f'#!/bin/sh\necho "$PWD $*" >> {tmp_path}/said\n')
    bd.chmod(0o755)
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{bd.parent}:{path}")
    assert pproj("run", issues, "--command", "true", "--write-back").code == 0
    assert (tmp_path / "said").read_text() == f"{tmp_path} close a --reason done by pproj\n"
    assert '"open"' in issues.read_text()
    bd.write_text("#!/bin/sh\necho no database >&2; exit 3\n")
    result = pproj("run", issues, "--command", "true", "--write-back", "--fresh")
    assert result.code == 1
    assert "bd close ended with 3: no database" in result.err
    monkeypatch.setenv("PATH", path)
    assert pproj("run", issues, "--command", "true", "--write-back", "--fresh").code == 0
    assert '"status":"closed","closed_at":"' in issues.read_text()


@pytest.mark.parametrize("given", ["docs/stories", "docs/stories/1.1.login.md"])
def test_a_story_is_refused_before_anything_runs(pproj: Pproj, tmp_path: Path, given: str):
    story = tmp_path / "docs/stories/1.1.login.md"
    story.parent.mkdir(parents=True)
    story.write_text(
        "# Story 1.1: Login\n\nStatus: Ready\n\n## Story\nAs a user I log in.\n\n## Tasks / Subtasks\n- [ ] Form\n"
    )
    result = pproj("run", given, "--write-back", "--command", "touch ran")
    assert result.code == 2
    assert "no states are written to stories" in result.err
    assert not (tmp_path / ".pproj").exists()
