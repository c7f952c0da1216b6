"""Backlog.md's folder: front matter, states of the configuration, folders, parents."""

from pathlib import Path

import pytest

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Format, Imported, LeftOut, Options, load

BODY = """
## Description

<!-- SECTION:DESCRIPTION:BEGIN -->
Write src/a/b.py
<!-- SECTION:DESCRIPTION:END -->

## Acceptance Criteria
<!-- AC:BEGIN -->
- [ ] #1 It works
<!-- AC:END -->
"""


@pytest.fixture
def backlog(tmp_path: Path) -> Path:
    folder = tmp_path / "shop" / "backlog"
    (folder / "tasks").mkdir(parents=True)
    return folder


def add(folder: Path, id: str, *front: str, kind: str = "tasks", body: str = BODY) -> Path:
    path = folder / kind / f"{id} - Title of {id}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["---", f"id: {id}", f"title: 'Title: {id}'", *front, "---", body]))
    return path


def needs(imported: Imported) -> dict[str, list[str]]:
    return {task.id: task.dependencies for task in imported.project.spec.tasks}


def test_a_file_is_a_task_and_its_text_is_kept(backlog: Path):
    add(backlog, "task-1", "status: To Do", "priority: high", "labels: [React]", "ordinal: 1000")
    imported = load(backlog)
    assert imported.report.format is Format.BACKLOG
    assert imported.project.name == "shop"
    (task,) = imported.project.spec.tasks
    assert (task.id, task.title, task.priority, task.role) == ("task-1", "Title: task-1", 75, "frontend-developer")
    assert task.description == "## Description\n\nWrite src/a/b.py\n\n## Acceptance Criteria\n\n- [ ] #1 It works"
    assert task.files == ["src/a/b.py"]
    assert imported.report.unread == {"ordinal": 1}


def test_ids_are_compared_without_case_and_completed_files_are_done(backlog: Path):
    add(backlog, "BACK-1")
    add(backlog, "BACK-2", "dependencies:", "  - back-1", "  - back-0", "  - back-9")
    add(backlog, "BACK-0", "status: To Do", kind="completed")
    add(backlog, "BACK-9", kind="archive/tasks")
    add(backlog, "BACK-8", kind="archive/tasks")
    imported = load(backlog)
    assert needs(imported) == {"BACK-1": [], "BACK-2": ["BACK-1"]}
    assert imported.report.left_out == (LeftOut("BACK-9", "archived"),)
    assert needs(load(backlog, options=Options(cancelled_satisfies=False))) == {"BACK-1": []}


def test_the_configuration_names_the_states_and_the_last_one_is_done(backlog: Path):
    (backlog / "config.yml").write_text('statuses: ["Idea", "Doing", "Shipped"]\n')
    for id, status in (("a", "Idea"), ("b", "Doing"), ("c", "Shipped"), ("d", "shiped"), ("e", "Draft")):
        add(backlog, id, f"status: {status}")
    imported = load(backlog)
    assert list(needs(imported)) == ["a", "b", "d"]
    assert (imported.report.done, imported.report.left_out) == (1, (LeftOut("e", "draft"),))
    told = "".join(map(str, imported.report.warnings))
    assert '"shiped" is not a known state' in told
    assert "in the state Doing, and will run: b" in told


def test_a_parent_waits_for_its_subtasks_and_they_for_what_it_waits_for(backlog: Path):
    add(backlog, "t-0")
    add(backlog, "t-1", "dependencies: [t-0]")
    add(backlog, "t-1.1", "parent_task_id: T-1")
    add(backlog, "t-2", "dependencies: [t-1]")
    assert needs(load(backlog)) == {"t-0": [], "t-1": ["t-0", "t-1.1"], "t-1.1": ["t-0"], "t-2": ["t-1"]}


def test_every_bad_file_is_told_by_its_path(backlog: Path):
    bad = add(backlog, "a", "labels: [")
    twice, other = add(backlog, "b"), add(backlog, "b", kind="completed")
    (backlog / "tasks" / "c.md").write_text("no front matter")
    (backlog / "tasks" / "d.md").write_bytes(b"---\nid: \xff\n---\n")
    add(backlog, "e", "dependancies: [b]", "dependencies: [zz]")
    with pytest.raises(ProblemsError) as caught:
        load(backlog)
    lines = sorted(map(str, caught.value.problems))
    assert len(lines) == 4
    assert any(line.startswith(f"{bad}:") and "not YAML" in line for line in lines)
    assert any(line.startswith(str(other)) and '"b" is already the id' in line for line in lines)
    assert any("d.md: is not UTF-8" in line for line in lines)
    assert any('"zz" is not a task' in line for line in lines)
    assert "has no front matter" in "".join(map(str, caught.value.warnings))
    assert twice.exists()


def test_a_folder_that_is_no_backlog_is_none(tmp_path: Path):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "notes.md").write_text("# Notes")
    with pytest.raises(ProblemsError, match="Is a directory"):
        load(tmp_path)
