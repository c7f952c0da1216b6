"""Beads' issues: lines and lists, epics, kinds of dependency, states, priorities."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Format, Imported, LeftOut, Options, read


def issue(id: str, *needs: str, type: str = "task", within: str | None = None, **more: Any) -> dict[str, Any]:
    links = [{"issue_id": id, "depends_on_id": need, "type": "blocks"} for need in needs]
    if within is not None:
        links.append({"issue_id": id, "depends_on_id": within, "type": "parent-child"})
    return {"id": id, "title": f"Title {id}", "issue_type": type, "dependencies": links, **more}


def lines(*issues: object) -> str:
    return "\n".join(map(json.dumps, issues))


def load(*issues: object, **options: Any) -> Imported:
    return read(lines(*issues), file="issues.jsonl", options=Options(**options))


def needs(imported: Imported) -> dict[str, list[str]]:
    return {task.id: task.dependencies for task in imported.project.spec.tasks}


def problems(text: str, **options: Any) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read(text, file="issues.jsonl", options=Options(**options))
    return [str(problem) for problem in caught.value.problems]


def test_lines_and_lists_give_the_same():
    issues = [issue("bd-1"), issue("bd-2", "bd-1")]
    listed = read(json.dumps(issues))
    assert needs(load(*issues)) == needs(listed) == {"bd-1": [], "bd-2": ["bd-1"]}
    assert listed.report.format is Format.BEADS
    assert needs(read(json.dumps(issues[0], indent=2), format="beads")) == {"bd-1": []}


def test_only_a_title_is_needed():
    imported = read('{"title": "A"}\n\n{"title": "B"}\n', file="issues.jsonl")
    assert list(needs(imported)) == ["a", "b"]
    assert [str(w).split(":")[1] for w in imported.report.warnings] == ["1", "3"]
    assert problems('{"id": "x"}\n{"id": "y", "title": " "}') == [
        "issues.jsonl:1: title: is missing (give it a title)",
        "issues.jsonl:2: title: is missing (give it a title)",
    ]


def test_a_task_waits_for_the_whole_of_an_epic_however_deep():
    imported = load(
        issue("e", type="epic"),
        issue("e2", type="epic", within="e"),
        issue("a", within="e"),
        issue("b", within="e2"),
        issue("c", "e"),
    )
    assert needs(imported) == {"a": [], "b": [], "c": ["b", "a"]}
    assert imported.report.containers == 2


def test_what_is_left_out_of_an_epic_counts_as_it_does_by_itself():
    epic = [issue("e", type="epic"), issue("a", within="e"), issue("b", "e")]
    assert needs(load(*epic, issue("d", within="e", status="deferred"))) == {"a": []}
    assert needs(load(*epic, issue("c", within="e", status="closed"))) == {"a": [], "b": ["a"]}


def test_a_child_waits_for_what_its_parents_wait_for():
    imported = load(
        issue("x"),
        issue("y", type="epic"),
        issue("z", within="y"),
        issue("e", "x", "y", type="epic"),
        issue("f", type="feature", within="e"),
        issue("a", within="f"),
    )
    assert needs(imported) == {"x": [], "z": [], "f": ["x", "z"], "a": ["x", "z"]}


def test_a_parent_that_is_no_epic_runs_itself_and_is_not_what_is_in_it():
    imported = load(issue("f"), issue("a", within="f"), issue("b", "f"))
    assert needs(imported) == {"f": [], "a": [], "b": ["f"]}


def test_an_epic_that_waits_for_its_own_tasks_holds_none_of_them_up():
    imported = load(issue("e", "a", "b", type="epic"), issue("a", within="e"), issue("b", "a", within="e"))
    assert needs(imported) == {"a": [], "b": ["a"]}
    assert not imported.report.warnings


def test_a_task_that_waits_for_its_own_epic_is_told_and_freed():
    imported = load(issue("e", type="epic"), issue("a", "e", within="e"))
    assert needs(imported) == {"a": []}
    assert "issues.jsonl:2: dependencies[0]" in str(imported.report.warnings[0])


def test_parents_may_come_from_the_field_or_the_dotted_id():
    imported = load(
        issue("x"),
        issue("bd-1", "x", type="epic"),
        issue("bd-1.1"),
        issue("q", parent="bd-1"),
        issue("r", parent="gone"),
    )
    assert needs(imported) == {"x": [], "bd-1.1": ["x"], "q": ["x"], "r": []}


def test_parents_in_a_circle_are_survived():
    assert needs(load(issue("a", within="b"), issue("b", within="a"), issue("c", within="c"))) == {
        "a": [],
        "b": [],
        "c": [],
    }


def test_an_epic_without_tasks_holds_nothing_up_and_is_told():
    imported = load(issue("e", type="epic"), issue("a", "e"))
    assert needs(imported) == {"a": []}
    assert '"e" has no tasks in it' in str(imported.report.warnings[0])


def test_closed_is_done_and_a_closed_epic_satisfies():
    issues = [
        issue("a", status="closed"),
        issue("e", type="epic", status="closed"),
        issue("b", within="e"),
        issue("c", "a", "e"),
    ]
    imported = load(*issues)
    assert needs(imported) == {"b": [], "c": []}
    assert imported.report.done == 1
    assert needs(load(*issues, include_done=True)) == {"a": [], "b": [], "c": ["a", "b"]}


def test_what_waits_for_and_annotations_mean():
    a = issue("a")
    for type in ("blocks", "waits-for", "related", "discovered-from", "tracks", "no-such-type"):
        a["dependencies"].append({"issue_id": "a", "depends_on_id": type, "type": type})
    others = [issue(link["depends_on_id"]) for link in a["dependencies"]]
    assert needs(load(a, *others))["a"] == ["blocks", "waits-for"]


def test_a_dependency_belongs_to_the_issue_that_it_names():
    b = issue("b")
    b["dependencies"] = [{"issue_id": "a", "depends_on_id": "b", "type": "blocks"}]
    assert needs(load(issue("a"), b)) == {"a": ["b"], "b": []}


def only_if(id, fails, **fields):
    made = issue(id, **fields)
    made["dependencies"] = [{"issue_id": id, "depends_on_id": fails, "type": "conditional-blocks"}]
    return made


def test_what_runs_only_if_another_fails_has_that_condition_and_what_needs_it_runs_after():
    imported = load(issue("a"), only_if("b", "a"), issue("c", "b"))
    assert needs(imported) == {"a": [], "b": ["a"], "c": ["b"]}
    (task,) = [task for task in imported.project.spec.tasks if task.id == "b"]
    assert [when.model_dump(by_alias=True, exclude_none=True, mode="json") for when in task.when] == [
        {"task": "a", "is": "Failed", "values": []}
    ]
    assert not imported.report.warnings


@pytest.mark.parametrize(
    ("reason", "runs"), [("Failed in CI", True), ("won't fix", True), ("unblocked the rest", False), (None, False)]
)
def test_of_a_closed_issue_the_reason_says_whether_it_has_failed(reason, runs):
    imported = load(issue("a", status="closed", close_reason=reason), only_if("b", "a"), issue("c", "b"))
    assert needs(imported) == ({"b": [], "c": ["b"]} if runs else {})
    if not runs:
        assert imported.report.left_out == (LeftOut("b", "conditional"), LeftOut("c", "needs a conditional task"))
        assert '"b" runs only if "a" fails: "a" is closed, and has not failed' in str(imported.report.warnings[0])


def test_a_condition_that_cannot_hold_or_is_on_more_than_one_task_is_skipped_and_reported():
    for other in (issue("a", status="tombstone"), issue("a", type="epic")):
        imported = load(other, issue("x", status="open"), only_if("b", "a"))
        assert needs(imported) == {"x": []}
        assert LeftOut("b", "conditional") in imported.report.left_out
    assert needs(load(only_if("b", "gone"), dangling="warn")) == {}
    with pytest.raises(ProblemsError):
        load(only_if("b", "gone"))


def test_tombstones_and_memories_are_counted_and_hold_nothing_up():
    imported = load(
        issue("a", status="tombstone"),
        {"_type": "memory", "text": "remember"},
        issue("b", "a"),
    )
    assert needs(imported) == {"b": []}
    assert imported.report.left_out == (LeftOut("a", "tombstone"), LeftOut("memory", "memory"))
    assert imported.report.lines()[0] == "3 tasks found: 1 to run, 2 skipped (tombstone 1, memory 1)"


def test_deferred_epics_are_left_out_with_their_tasks_and_what_needs_them():
    imported = load(
        issue("e", type="epic", status="deferred"),
        issue("a", within="e"),
        issue("b", "e"),
        issue("c", "a"),
        issue("d", status="closed", within="e"),
        issue("empty", type="epic", status="deferred"),
        issue("f", "empty"),
    )
    assert needs(imported) == {}
    assert imported.report.done == 1
    assert {row.id: row.why for row in imported.report.left_out} == {
        "a": "deferred",
        "b": "needs a deferred task",
        "c": "needs a deferred task",
        "f": "needs a deferred task",
    }


@pytest.mark.parametrize(
    ("status", "runs", "warned"),
    [
        ("open", True, False),
        ("in_progress", True, False),
        (None, True, False),
        ("blocked", True, True),
        ("hooked", True, True),
        ("strange", True, True),
    ],
)
def test_states(status: str | None, runs: bool, warned: bool):
    imported = load(issue("a", status=status), issue("b", "a"))
    assert needs(imported) == ({"a": [], "b": ["a"]} if runs else {"b": []})
    assert bool(imported.report.warnings) is warned


@pytest.mark.parametrize(
    ("more", "why", "of_those_that_need_it"),
    [
        ({"type": "gate", "await_type": "human"}, "open gate", "held by a gate"),
        ({"ephemeral": True}, "ephemeral", "needs an ephemeral task"),
        ({"is_template": True}, "template", "needs a template task"),
        ({"pinned": True}, "pinned", "needs a pinned task"),
        ({"status": "pinned"}, "pinned", "needs a pinned task"),
        ({"type": "agent"}, "book-keeping", "needs a book-keeping task"),
        ({"type": "merge-request"}, "book-keeping", "needs a book-keeping task"),
        ({"status": "deferred"}, "deferred", "needs a deferred task"),
        ({"defer_until": "2027-01-02T00:00:00+01:00"}, "deferred", "needs a deferred task"),
    ],
)
def test_what_is_no_work_never_runs_and_holds_what_needs_it_until_it_is_closed(
    more: dict[str, Any], why: str, of_those_that_need_it: str
):
    now = datetime(2027, 1, 1, tzinfo=UTC)
    others = [issue("b", "a"), issue("c")]
    imported = load(issue("a", **more), *others, now=now)
    assert needs(imported) == {"c": []}
    assert imported.report.left_out == (LeftOut("a", why), LeftOut("b", of_those_that_need_it))
    assert imported.report.lines()[1] == f"skipped: a ({why}), b ({of_those_that_need_it}: a)"
    closed = issue("a", **{**more, "status": "closed"})
    assert needs(load(closed, *others, now=now)) == {"b": [], "c": []}
    if why != "deferred" and "status" not in more:
        assert needs(load(closed, *others, now=now, include_done=True)) == {"b": [], "c": []}


def test_an_open_gate_is_named_with_its_condition_what_it_holds_and_the_command_to_pass_it():
    imported = load(
        issue("g", type="gate", await_type="gh:run", await_id="42"),
        issue("a", "g"),
        issue("b", "a"),
        issue("h", type="gate"),
    )
    assert [str(warning) for warning in imported.report.warnings] == [
        'issues.jsonl:1: "g" is an open gate (gh:run 42), which no task passes; a, b wait for it '
        "(bd gate resolve g, when it is passed)",
        'issues.jsonl:4: "h" is an open gate, which no task passes; nothing waits for it '
        "(bd gate resolve h, when it is passed)",
    ]


@pytest.mark.parametrize(("until", "runs"), [("2026-12-31T23:00:00Z", True), ("2027-01-01", False), ("soon", True)])
def test_what_is_deferred_until_a_time_runs_once_it_has_come(until: str, runs: bool):
    imported = load(issue("a", defer_until=until), now=datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    assert (needs(imported) == {"a": []}) is runs
    assert any("is not a time" in str(warning) for warning in imported.report.warnings) is (until == "soon")


@pytest.mark.parametrize("type", ["epic", "molecule", "milestone"])
def test_containers_do_not_run_and_an_empty_one_hands_on_what_it_waits_for(type: str):
    assert needs(load(issue("m", type=type), issue("m.1"), issue("x", "m"))) == {"m.1": [], "x": ["m.1"]}
    assert needs(load(issue("a"), issue("m", "a", type=type), issue("n", "m", type=type), issue("x", "n"))) == {
        "a": [],
        "x": ["a"],
    }
    ring = [issue("m", "n", type=type), issue("n", "m", type=type), issue("x", "n")]
    assert needs(load(*ring)) == {"x": []}


def test_a_fan_out_waits_for_the_children_of_its_spawner():
    gather = issue("g")
    gather["dependencies"] = [
        {"issue_id": "g", "depends_on_id": "s", "type": "waits_for", "metadata": '{"gate": "any-children"}'}
    ]
    imported = load(issue("s"), issue("s.1"), issue("s.2"), gather)
    assert needs(imported) == {"s": [], "s.1": [], "s.2": [], "g": ["s", "s.1", "s.2"]}
    assert "waits for any child" in str(imported.report.warnings[0])


def test_a_type_of_dependency_that_is_not_known_is_told_once_with_the_one_that_was_meant():
    a, b = issue("a"), issue("b", "a")
    b["dependencies"][0]["type"] = "bloks"
    c = issue("c", "a", "b")
    c["dependencies"][0]["type"] = "bloks"
    c["dependencies"][1]["type"] = "my-own"
    told = [str(warning) for warning in load(a, b, c).report.warnings]
    assert len(told) == 2
    assert '"bloks" is not known, so it blocks nothing, here and 1 times more (did you mean "blocks"?)' in told[0]
    assert 'dependencies[1]: the type "my-own"' in told[1]
    merge = issue("d", "a")
    merge["dependencies"][0]["type"] = "merge-blocks"
    assert needs(load(a, merge)) == {"a": [], "d": ["a"]}


def test_an_estimate_and_dependencies_by_other_names_are_read():
    imported = load(issue("a", estimated_minutes=90), issue("b", blocked_by=["a"]))
    assert imported.project.spec.tasks[0].estimate_seconds == 5400
    assert needs(imported)["b"] == ["a"]


def test_priorities_count_from_the_highest_and_zero_is_one():
    issues = [issue(f"a{n}", priority=n) for n in (0, 1, 2, 3, 4, None, 9, "1", True)]
    imported = load(*issues[:6], issue("x", priority=9), issue("y", priority="1"), issue("z", priority=True))
    assert [task.priority for task in imported.project.spec.tasks] == [100, 75, 50, 25, 0, 50, 50, 75, 50]
    assert len(imported.report.warnings) == 2


def test_texts_labels_and_the_role_in_metadata():
    imported = load(
        issue("a", description="D", design="How", acceptance_criteria="Works", notes="N"),
        issue("b", labels=["React"]),
        issue("c", metadata={"subagent_type": "go-expert"}),
        issue("d", metadata={"subagent_type": "Not A Role!"}),
    )
    a, b, c, d = imported.project.spec.tasks
    assert a.description == "D\n\n## Design\n\nHow\n\n## Acceptance criteria\n\nWorks\n\n## Notes\n\nN"
    assert (b.role, c.role, d.role) == ("frontend-developer", "go-expert", "developer")
    assert "c" not in imported.report.roles
    assert '"Not A Role!"' in str(imported.report.warnings[0])


def test_dangling_names_its_line():
    text = lines(issue("bd-10"), issue("bd-2", "bd-1O"))
    assert problems(text) == ['issues.jsonl:2: dependencies[0]: "bd-1O" is not a task (did you mean "bd-10"?)']
    assert needs(read(text, options=Options(dangling="warn"))) == {"bd-10": [], "bd-2": []}


def test_every_bad_line_is_told_with_its_column():
    assert problems('{"title": "a"}\n{"title": }\nx\n{"title": "b",}') == [
        "issues.jsonl:2:11: not JSON: expecting value",
        "issues.jsonl:3:1: not JSON: expecting value (give --format if it is not a JSON file)",
        "issues.jsonl:4:15: not JSON: expecting property name enclosed in double quotes (remove the comma before it)",
    ]


def test_duplicate_ids_are_errors():
    assert problems(lines(issue("a"), issue("a"))) == [
        'issues.jsonl:2: "a" is already the id at line 1 (give each its own)'
    ]


def test_things_of_the_wrong_type_are_told():
    text = lines(issue("a") | {"dependencies": 5}, issue("b") | {"dependencies": [7, {"type": "blocks"}]}, [1])
    assert [line.split(" (")[0] for line in problems(text)] == [
        'issues.jsonl:1: dependencies: "5" is not a list',
        'issues.jsonl:2: dependencies[0]: "7" names no issue to depend on',
        "issues.jsonl:2: dependencies[1]: \"{'type': 'blocks'}\" names no issue to depend on",
        'issues.jsonl:3: "[1]" is not an issue',
    ]
