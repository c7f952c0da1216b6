"""Keys of tasks: the names of dependencies, and what is not read."""

import json
from typing import Any

import pytest

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Imported, read
from parallelproject.sources.selection.keys import is_dependencies


def load(*tasks: dict[str, Any], **around: Any) -> Imported:
    return read(json.dumps({"tasks": list(tasks), **around}), file="tasks.json")


def needs(imported: Imported) -> dict[str, list[str]]:
    return {task.id: task.dependencies for task in imported.project.spec.tasks}


def warnings(imported: Imported) -> list[str]:
    return [str(warning) for warning in imported.report.warnings]


@pytest.mark.parametrize(
    "key",
    ["dependencies", "depends_on", "dependsOn", "depends-on", "blockedBy", "blocked_by", "after", "needs", "requires",
     "prerequisites", "deps", "waitsFor", "predecessors", "DependsOn"],
)  # fmt: skip
@pytest.mark.parametrize("value", [["a"], "a", [{"id": "a"}], "a, a"])
def test_every_usual_name_of_dependencies_is_read(key: str, value: object):
    imported = load({"id": "a", "title": "A"}, {"id": "b", "title": "B", key: value})
    assert needs(imported) == {"a": [], "b": ["a"]}
    assert not imported.report.warnings
    assert is_dependencies(key)


@pytest.mark.parametrize("value", [None, "", [], "none", "-", "N/A"])
def test_nothing_is_no_dependency(value: object):
    imported = load({"id": "a", "title": "A", "depends_on": value})
    assert needs(imported) == {"a": []}
    assert not imported.report.warnings


def test_dependencies_by_several_names_add_up():
    tasks = [{"id": n, "title": "T"} for n in (1, 2)]
    assert needs(load(*tasks, {"id": 3, "title": "T", "dependencies": [1], "blockedBy": ["1", 2]}))["3"] == ["1", "2"]


def test_a_text_that_is_no_id_is_told_and_holds_nothing_up():
    imported = load({"id": "a", "title": "A", "requires": "an API key, and patience"})
    assert needs(imported) == {"a": []}
    assert 'tasks[0].requires: "an API key" is a text, not an id; ignored' in warnings(imported)[0]


def test_an_unknown_task_is_an_error_by_whatever_name():
    with pytest.raises(ProblemsError) as caught:
        load({"id": "alpha", "title": "A"}, {"id": "b", "title": "B", "depends_on": ["alpa"]})
    assert [str(problem) for problem in caught.value.problems] == [
        'tasks.json: tasks[1].depends_on[0]: "alpa" is not a task (did you mean "alpha"?)'
    ]


def test_the_keys_of_the_case_are_read_or_told():
    imported = load(
        {"id": "a", "title": "first"},
        {"id": "b", "title": "second", "depends_on": ["a"]},
        {"id": "c", "title": "third", "dependancies": ["b"]},
    )
    assert needs(imported) == {"a": [], "b": ["a"], "c": []}
    assert warnings(imported) == ['tasks.json: tasks[2]: "dependancies" is not read (did you mean "dependencies"?)']


def test_a_key_that_points_the_other_way_is_told_so():
    (warning,) = warnings(load({"id": 1, "title": "A", "blocks": [2]}, {"id": 2, "title": "B", "blocks": []}))
    assert warning == 'tasks.json: tasks[0]: "blocks" is not read (name it in the dependencies of the task that waits)'


def test_keys_that_nobody_has_are_told_once_and_those_of_the_tool_in_one_line():
    rows = [
        {"id": n, "title": "T", "frobnicate": n, "complexity": 3, "updatedAt": "x", "isSubtask": None} for n in (1, 2)
    ]
    imported = load(*rows, {"id": 3, "title": "T", "statsu": "done", "zap\u001b[1m": 1})
    assert warnings(imported) == [
        'tasks.json: tasks[2]: "statsu" is not read (did you mean "status"?)',
        'tasks.json: unknown keys, not read: "frobnicate", "zap\N{REPLACEMENT CHARACTER}[1m"',
    ]
    assert imported.report.unread == {"complexity": 2, "updatedAt": 2}
    assert imported.report.lines()[-1] == "keys not read: complexity, updatedAt"


def test_warnings_are_not_lost_beside_errors():
    with pytest.raises(ProblemsError) as caught:
        load(
            {"id": 1, "title": "A", "dependancies": []}, {"id": 1, "title": "B", "statsu": "x"}, {"id": 2, "deps": [9]}
        )
    assert len(caught.value.problems) == 2
    assert '"statsu" is not read' in "".join(map(str, caught.value.warnings))


def test_a_cycle_is_told_next_to_other_errors():
    with pytest.raises(ProblemsError) as caught:
        load({"id": 1, "title": "A", "needs": [2]}, {"id": 2, "title": "B", "needs": [1, 7]}, {"id": 2, "title": "C"})
    assert {problem.reason for problem in caught.value.problems} == {"UnknownDependency", "DuplicateTask", "CycleFound"}
    assert "tasks.json: tasks[0]: cycle of 2: 1 → 2 → 1" in "".join(map(str, caught.value.problems))
