"""BMAD's stories: a file is a task, its state is in the sprint file or in its head."""

import pytest

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Imported, Options, read
from parallelproject.sources.formats.markdown.stories import is_story, read_stories, sprint_states
from parallelproject.sources.text.findings import Findings

STORY = """\
# Story {number}: {title}

Status: {status}

## Story
As a clerk I want a list.

## Acceptance Criteria
1. The list is sorted.

## Tasks / Subtasks
- [x] Read it (AC: 1)
  - [ ] Sort it
- [ ] Show it

## Dev Notes
Use src/orders/list.py.
"""

SPRINT = """\
project: shop
development_status:
  epic-1: in-progress
  1-1-reader: done
  1-2-list: in-progress
  1-3-page: backlog
  epic-1-retrospective: optional
"""


def story(number: str, title: str, status: str = "ready-for-dev") -> str:
    return STORY.format(number=number, title=title, status=status)


def folder(files: dict[str, str], sprint: str | None = None) -> Imported:
    findings = Findings("docs/stories")
    states = None if sprint is None else sprint_states(sprint, Findings("sprint-status.yaml"))
    return read_stories(files, states, findings, Options(infer_roles=False), "shop")


FILES = {
    "docs/stories/1-2-list.md": story("1.2", "List"),
    "docs/stories/1-10-end.md": story("1.10", "End"),
    "docs/stories/1-1-reader.md": story("1.1", "Reader", "review"),
}


def test_one_file_is_one_task_with_its_whole_text():
    imported = read(story("1.2", "List"), file="1-2-list.md", options=Options(infer_roles=False))
    (task,) = imported.project.spec.tasks
    assert (task.id, task.title) == ("1.2", "List")
    for text in ("As a clerk", "1. The list is sorted.", "- [x] Read it (AC: 1)\n  - [ ] Sort it", "Use src/orders"):
        assert text in task.description
    assert "ready-for-dev" not in task.description


def test_stories_follow_one_another_by_their_numbers():
    imported = folder(FILES)
    assert [(task.id, task.dependencies) for task in imported.project.spec.tasks] == [
        ("1.1", []), ("1.2", ["1.1"]), ("1.10", ["1.2"])
    ]  # fmt: skip
    assert "in review, and will run: 1.1" in str(imported.report.warnings[0])


def test_the_sprint_file_gives_the_states():
    imported = folder(FILES, SPRINT)
    assert [(task.id, task.dependencies) for task in imported.project.spec.tasks] == [("1.2", []), ("1.10", ["1.2"])]
    assert imported.report.done == 1
    assert "stories without a file, which are not tasks: 1-3-page" in str(imported.report.warnings[0])


@pytest.mark.parametrize(
    ("head", "run", "done", "skipped"),
    [
        ("Status: done", 0, 1, 0),
        ("**Status:** Done ✅", 0, 1, 0),
        ("## Status\n\nDone", 0, 1, 0),
        ("## Status: Completed", 0, 1, 0),
        ("Status: Ready for Review", 1, 0, 0),
        ("Status: InProgress", 1, 0, 0),
        ("Status: Draft", 0, 0, 1),
        ("Status: backlog", 0, 0, 1),
        ("Status: deferred", 0, 0, 1),
        ("Status: cancelled", 0, 0, 1),
        ("Status: who knows", 1, 0, 0),
        ("", 1, 0, 0),
    ],
)
def test_states_in_the_head(head: str, run: int, done: int, skipped: int):
    report = folder({"1-1-a.md": story("1.1", "A").replace("Status: ready-for-dev", head)}).report
    assert (report.taken, report.done, len(report.left_out)) == (run, done, skipped)
    assert bool(report.warnings) == (head in ("Status: Ready for Review", "Status: who knows"))


def test_a_story_that_names_another_waits_for_it_whatever_its_number():
    files = FILES | {"docs/stories/1-3-odd.md": story("1.3", "Odd") + "\n**Blocked by:** Story 1.1, 1-10\n"}
    tasks = {
        task.id: task.dependencies
        for task in folder({k: v for k, v in files.items() if "1-2" not in k}).project.spec.tasks
    }
    assert tasks["1.3"] == ["1.1", "1.10"]


def test_names_of_files_where_numbers_are_not_unique():
    files = {"a/story-1-core.md": story("1", "Core"), "b/story-1-page.md": story("1", "Page")}
    ids = [task.id for task in folder(files).project.spec.tasks]
    assert len(ids) == len(set(ids)) == 2
    assert all(id.startswith("story-1") for id in ids)


def test_what_is_a_story():
    assert is_story(story("1.1", "A"))
    assert is_story("# Story: A\n## Acceptance Criteria\n- x\n## Tasks\n- [ ] y\n")
    assert not is_story("# Tasks\n## Acceptance Criteria\n## Tasks / Subtasks\n")
    assert not is_story("# Story of our lives\ntext\n")


def test_a_broken_sprint_file_is_an_error_and_one_without_states_a_warning():
    with pytest.raises(ProblemsError, match="not YAML"):
        sprint_states("a: [", Findings("sprint-status.yaml"))
    findings = Findings("sprint-status.yaml")
    assert sprint_states("project: x", findings) == {}
    assert "no development_status" in str(findings.warnings[0])
    assert sprint_states("development_status: {a: {status: done}, epic-1: done}", findings) == {"a": "done"}
