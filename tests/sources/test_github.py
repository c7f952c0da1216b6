"""GitHub's issues: gh's fields and the API's, what blocks them, epics and task lists."""

import json
from typing import Any

import pytest

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Format, Imported, LeftOut, Options, read


def issue(number: int, body: str = "", *labels: str, **more: Any) -> dict[str, Any]:
    named = [{"name": label, "id": "x", "color": "fff"} for label in labels]
    return {"number": number, "title": f"Title {number}", "body": body, "labels": named, "state": "OPEN", **more}


def load(*issues: dict[str, Any], **options: Any) -> Imported:
    return read(json.dumps(issues), file="issues.json", options=Options(**options))


def needs(imported: Imported) -> dict[str, list[str]]:
    return {task.id: task.dependencies for task in imported.project.spec.tasks}


def test_a_number_is_the_id_and_the_body_the_text():
    imported = load(issue(12, "Do it in src/a/b.py.\r\n", "bug", "P0"))
    (task,) = imported.project.spec.tasks
    assert (task.id, task.title, task.description) == ("12", "Title 12", "Do it in src/a/b.py.")
    assert (task.priority, task.files) == (100, ["src/a/b.py"])
    assert imported.report.format is Format.GITHUB
    assert not imported.report.warnings


@pytest.mark.parametrize(
    "body",
    [
        "Blocked by #1",
        "blocked by: #1",
        "**Blocked by** #1.",
        "This depends on #1 and the moon.",
        "It (depends on #1, #2 and #1) is next",
        "Depends on https://github.com/me/shop/issues/1",
        "Blocked by me/shop#1",
        "Waits for GH-1",
        "Text\n\n## Blocked by\n\n- #1\n- the weather",
        "**Depends on:**\n* [ ] #1",
        "- [ ] #1\n- [x] #2",
    ],
)
def test_what_a_body_says_of_blockers_is_read(body: str):
    others = issue(1), issue(2, state="CLOSED", stateReason="COMPLETED")
    asked = issue(3, body, url="https://github.com/me/shop/issues/3")
    assert needs(load(*others, asked))["3"] == ["1"]


@pytest.mark.parametrize(
    "body",
    [
        "See #1",
        "No longer blocked by #1",
        "It is not blocked by #1",
        "~~Blocked by #1~~",
        "```\nBlocked by #1\n```",
        "<!-- Blocked by #1 -->",
        "> Blocked by #1",
        "## Blocked by\n\nNone\n\n## See also\n- #1",
        "Blocked by #3",
    ],
)
def test_what_does_not_say_so_is_not(body: str):
    assert needs(load(issue(1), issue(3, body)))["3"] == []


@pytest.mark.parametrize(
    "field",
    [
        {"blockedBy": [{"number": 1, "state": "OPEN"}, {"number": 9, "state": "CLOSED"}]},
        {"blockedBy": {"nodes": [{"number": 1}], "totalCount": 1}},
        {"blocked_by": [1]},
        {"subIssues": [{"number": 1, "title": "x", "state": "OPEN"}]},
    ],
)
def test_exported_relations_are_read(field: dict[str, Any]):
    imported = load(issue(1), issue(3, **field))
    assert needs(imported)["3"] == ["1"]
    assert not imported.report.warnings


def test_an_epic_contains_its_sub_issues():
    imported = load(issue(1), issue(2, parent={"number": 3}), issue(3, "- [ ] #1", "epic"), issue(4, "Depends on #3"))
    assert needs(imported) == {"1": [], "2": [], "4": ["1", "2"]}
    assert imported.report.containers == 1


def test_another_repository_is_told_and_not_waited_for():
    imported = load(issue(1), issue(3, "Blocked by you/other#1", url="https://github.com/me/shop/issues/3"))
    assert needs(imported)["3"] == []
    assert '"you/other#1" is in another repository' in str(imported.report.warnings[0])


def test_states_and_pull_requests():
    imported = load(
        issue(1, state="closed", state_reason="completed"),
        issue(2, state="CLOSED", stateReason="NOT_PLANNED"),
        issue(3, pull_request={"url": "x"}),
        issue(4, "Blocked by #1, #2"),
        issue(5, "Blocked by #3"),
    )
    assert needs(imported) == {"4": []}
    assert imported.report.left_out == (
        LeftOut("2", "not planned"), LeftOut("3", "pull request"), LeftOut("5", "needs a pull request task"),
    )  # fmt: skip


def test_a_blocker_that_was_not_exported_is_an_error_with_the_command_to_export_it():
    with pytest.raises(ProblemsError) as caught:
        load(issue(3, "Blocked by #1"))
    (problem,) = caught.value.problems
    assert str(problem).startswith(
        'issues.json: [0].body: "1" is not a task (export closed issues too with gh issue list'
    )
    assert needs(load(issue(3, "Blocked by #1"), dangling="warn")) == {"3": []}


def test_one_issue_and_bad_ones():
    assert needs(read(json.dumps(issue(7)), file="x.json")) == {"7": []}
    with pytest.raises(ProblemsError) as caught:
        read(json.dumps([issue(1), {"number": "x", "title": "t"}, 5, issue(1)]), file="x.json")
    assert [str(problem).split(" (")[0] for problem in caught.value.problems] == [
        'x.json: [1].number: "x" is not a number',
        'x.json: [2]: "5" is not an issue',
        'x.json: [3]: "1" is already the id at [0]',
    ]


@pytest.mark.parametrize(
    "text", ["needs " * 20_000, "needs" + " " * 100_000, "a" * 200_000 + "#", "<!--" * 50_000, "#1 " * 50_000]
)
def test_long_bodies_are_read_in_time(text: str):
    assert "3" in needs(load(issue(3, text), dangling="warn"))
