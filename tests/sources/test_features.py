"""Feature lists and PRDs: what is done, what is text, priorities, ids by text."""

import json
from typing import Any

import pytest

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Format, Imported, LeftOut, Options, read

LIST = [
    {"id": 1, "description": "Users can sign in", "steps": ["open the page", "type a name"], "passes": True},
    {"id": 2, "description": "Users can sign out", "steps": ["press the button"], "passes": False},
]


def load(data: Any, **options: Any) -> Imported:
    return read(json.dumps(data), file="feature_list.json", options=Options(**options))


def ids(imported: Imported) -> list[str]:
    return [task.id for task in imported.project.spec.tasks]


@pytest.mark.parametrize("around", [None, "features", "userStories", "tasks", "items"])
def test_what_passes_is_done_and_steps_are_text(around: str | None):
    imported = load({around: LIST, "project": "x"} if around else LIST)
    assert imported.report.format is Format.FEATURES
    (task,) = imported.project.spec.tasks
    assert (task.id, task.title) == ("2", "Users can sign out")
    assert task.description == "Users can sign out\n\n## Steps\n\n- press the button"
    assert (imported.report.found, imported.report.done) == (2, 1)
    assert not imported.report.warnings
    assert ids(load(LIST, include_done=True)) == ["1", "2"]


def test_a_prd_has_criteria_dependencies_and_priorities_of_which_1_is_first():
    stories = [
        {
            "id": "US-001",
            "title": "Schema",
            "acceptanceCriteria": ["compiles"],
            "priority": 1,
            "passes": False,
            "notes": "n",
        },
        {
            "id": "US-002",
            "title": "Page",
            "priority": 2,
            "passes": False,
            "dependsOn": ["US-001"],
            "fileScope": ["src/a.py"],
        },
    ]
    imported = load({"project": "p", "branchName": "ralph/x", "description": "d", "userStories": stories})
    first, second = imported.project.spec.tasks
    assert first.priority > second.priority
    assert "## Acceptance criteria\n\n- compiles" in first.description
    assert (second.dependencies, second.files) == (["US-001"], ["src/a.py"])
    assert not imported.report.warnings
    assert imported.report.unread == {"branchName": 1, "description": 1, "project": 1}


def test_priorities_without_dependencies_do_not_wait_and_that_is_told():
    imported = load([{"id": n, "title": "T", "priority": n, "passes": False} for n in (1, 2)])
    assert "only sets the order of ready tasks" in str(imported.report.warnings[0])


def test_an_entry_without_an_id_is_known_by_its_text():
    entry = {"category": "ui", "description": "Press the button", "passes": False}
    (own,) = ids(load([entry]))
    assert own == ids(load([{"description": "Another", "passes": False}, entry]))[1]
    assert own != ids(load([{**entry, "description": "Press the key"}]))[0]
    assert len(set(ids(load([entry, entry])))) == 2


@pytest.mark.parametrize(
    ("more", "runs"),
    [
        ({"complete": True}, False),
        ({"done": True}, False),
        ({"complete": False}, True),
        ({"status": "passing", "steps": []}, False),
        ({"status": "failing", "steps": []}, True),
        ({"passes": True, "status": "failing"}, False),
        ({"passes": False, "status": "done"}, True),
    ],
)
def test_states(more: dict[str, Any], runs: bool):
    imported = load({"features": [{"id": 1, "title": "T", **more}]})
    assert ids(imported) == (["1"] if runs else [])
    assert not imported.report.warnings


def test_cancelled_and_deferred_are_as_in_other_files():
    rows = [{"id": "a", "status": "cancelled"}, {"id": "b", "status": "deferred"}]
    rows += [{"id": "c", "needs": ["a"]}, {"id": "d", "needs": ["b"]}]  # type: ignore[list-item]
    imported = load({"features": rows})
    assert ids(imported) == ["c"]
    assert LeftOut("d", "needs a deferred task") in imported.report.left_out


def test_what_is_neither_is_told_with_its_place():
    with pytest.raises(ProblemsError) as caught:
        load(
            {
                "features": [
                    {"passes": False},
                    {"id": [], "passes": True},
                    {"id": 1, "title": "x"},
                    {"id": 1, "title": "y"},
                ]
            }
        )
    assert [str(problem).split(" (")[0] for problem in caught.value.problems] == [
        "feature_list.json: features[0]: has no id, title or description",
        'feature_list.json: features[1]: "[]" is not an id',
        'feature_list.json: features[3]: "1" is already the id at features[2]',
    ]
    odd = load({"features": [{"id": 1, "title": "x", "passes": "yes"}]})
    assert 'features[0].passes: "yes" is neither true nor false' in str(odd.report.warnings[0])
    assert ids(odd) == ["1"]


def test_task_lists_with_states_are_no_feature_lists():
    rows = [{"id": 1, "title": "T", "status": "done", "done": False}]
    assert load({"tasks": rows}).report.format is Format.TASKMASTER
