"""FILE as a folder, or left out: the known places are looked at, and what was found is said."""

import json
from pathlib import Path

import pytest

from .conftest import MANIFEST, Pproj

TASKS = json.dumps({"tasks": [{"id": 1, "title": "a"}]})
LIST = "# Tasks\n\n- [ ] T001 a\n"
STORY = "# Story 1.1: A\n\nStatus: approved\n\n## Story\nx\n\n## Acceptance Criteria\n1. y\n"
PLACES = {
    ".taskmaster/tasks/tasks.json": TASKS,
    "tasks/tasks.json": TASKS,
    "specs/001-login/tasks.md": LIST,
    ".kiro/specs/login/tasks.md": "- [ ] 1. a\n",
    "openspec/changes/add-login/tasks.md": "## 1. A\n- [ ] 1.1 a\n",
    "docs/stories/1.1.a.md": STORY,
    ".beads/issues.jsonl": '{"id": "a", "title": "A"}\n',
    ".beads/beads.jsonl": '{"id": "a", "title": "A"}\n',
    "backlog/tasks/task-1 - A.md": "---\nid: task-1\ntitle: A\n---\n",
    "prd.json": json.dumps({"userStories": [{"id": 1, "title": "a", "passes": False}]}),
    "feature_list.json": json.dumps([{"id": 1, "description": "a", "passes": False}]),
    "docs/superpowers/plans/2027-01-01-login.md": "# P\n\n### Task 1: A\n- [ ] s\n",
    "shop.yaml": MANIFEST,
}


def put(folder: Path, place: str) -> Path:
    file = folder / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(PLACES[place])
    return file


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", ["plan", "lint", "import"])
def test_each_known_place_is_found(
    pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, command: str
):
    shop = tmp_path / "shop"
    put(shop, place)
    given = pproj(command, shop)
    assert given.code == 0, given.err
    assert given.err.startswith(f"reading {shop}/")
    monkeypatch.chdir(shop)
    here = pproj(command)
    assert here.code == 0, here.err
    first = place.split(" ")[0] if place.endswith((".json", ".jsonl", ".yaml", "tasks.md")) else place.split("/")[0]
    assert here.err.startswith(f"reading {first}")


def test_a_folder_of_a_tool_is_found_by_itself(pproj: Pproj, tmp_path: Path):
    put(tmp_path, "backlog/tasks/task-1 - A.md")
    put(tmp_path, "docs/stories/1.1.a.md")
    put(tmp_path, "specs/001-login/tasks.md")
    for folder in ("backlog", "docs/stories", "specs/001-login"):
        result = pproj("plan", tmp_path / folder)
        assert result.code == 0, result.err


def test_run_reads_a_folder_too(pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(tmp_path, ".taskmaster/tasks/tasks.json")
    monkeypatch.chdir(tmp_path)
    result = pproj("run", "--command", "true")
    assert result.code == 0, result.err
    assert result.err.startswith("reading .taskmaster/tasks/tasks.json (TaskMaster)")


def test_more_than_one_are_listed_with_the_command_for_each(pproj: Pproj, tmp_path: Path):
    put(tmp_path, "specs/001-login/tasks.md")
    put(tmp_path, ".beads/issues.jsonl")
    result = pproj("plan", tmp_path)
    assert result.code == 1
    assert f"error: {tmp_path} has 2 task files; name the one that is meant" in result.err
    assert f"  pproj plan {tmp_path}/specs/001-login/tasks.md    # Spec Kit" in result.err
    assert f"  pproj plan {tmp_path}/.beads/issues.jsonl    # Beads" in result.err


def test_where_a_tool_kept_the_same_before_is_no_second_file(pproj: Pproj, tmp_path: Path):
    put(tmp_path, ".beads/issues.jsonl")
    put(tmp_path, ".beads/beads.jsonl")
    assert pproj("plan", tmp_path).code == 0


def test_none_is_an_error_that_says_where_was_looked(pproj: Pproj, tmp_path: Path):
    (tmp_path / "values.yaml").write_text("replicas: 1\n")
    (tmp_path / "docs" / "plans").mkdir(parents=True)
    (tmp_path / "docs" / "plans" / "notes.md").write_text("no boxes")
    result = pproj("plan", tmp_path)
    assert result.code == 1
    assert f"error: no task file in {tmp_path}" in result.err
    for place in (".taskmaster/tasks/tasks.json", "specs/*/tasks.md", "docs/**/plans/*.md", "backlog", "*.yaml"):
        assert place in result.err
    (tmp_path / ".beads").mkdir()
    assert "bd export -o .beads/issues.jsonl" in pproj("plan", tmp_path).err
    lint = pproj("lint", tmp_path, "-o", "json")
    assert (lint.code, lint.json["ok"]) == (1, False)
