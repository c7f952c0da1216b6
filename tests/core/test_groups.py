"""How far the groups of a project are."""

import pytest

from parallelproject.core.planner.attempt import NEW
from parallelproject.core.report.groups import groups_of
from parallelproject.core.report.status import read_row, rejected_status
from parallelproject.model.problem import Problem
from parallelproject.model.status import TaskState

TASKS = [
    {"id": "a", "group": "X"}, {"id": "b", "group": "X"}, {"id": "c", "group": "_sequential"}, {"id": "d"},
    {"id": "e", "group": "Y"},
]  # fmt: skip


def test_groups_are_those_of_markers_in_the_order_of_their_first_tasks() -> None:
    assert [(group.name, group.tasks) for group in groups_of({"tasks": TASKS}, {})] == [
        ("X", ("a", "b")),
        ("Y", ("e",)),
    ]


@pytest.mark.parametrize(
    ("states", "state", "has_ended"),
    [
        (("Pending", "Pending"), "Pending", False),
        (("Running", "Pending"), "Running", False),
        (("Succeeded", "Pending"), "Running", False),
        (("Failed", "Running"), "Running", False),
        (("Succeeded", "Succeeded"), "Succeeded", True),
        (("Succeeded", "Failed"), "Failed", True),
        (("Succeeded", "Skipped"), "Failed", True),
        (("Skipped", "Skipped"), "Skipped", True),
    ],
)
def test_its_state_follows_from_those_of_its_tasks(states: tuple[str, str], state: str, has_ended: bool) -> None:
    rows = [{"id": id, "state": each} for id, each in zip("ab", states, strict=True)]
    group = groups_of({"tasks": TASKS[:2]}, {"tasks": rows})[0]
    assert (group.state, group.has_ended, group.is_done) == (state, has_ended, state == "Succeeded")


def test_what_is_skipped_by_request_is_done() -> None:
    rows = [{"id": "a", "state": "Succeeded"}, {"id": "b", "state": "Skipped", "reason": "SkipRequested"}]
    assert groups_of({"tasks": TASKS[:2]}, {"tasks": rows})[0].is_done


def test_what_a_condition_skips_is_done_too() -> None:
    rows = [{"id": "a", "state": "Succeeded"}, {"id": "b", "state": "Skipped", "reason": "ConditionFalse"}]
    group = groups_of({"tasks": TASKS[:2]}, {"tasks": rows})[0]
    assert (group.is_done, group.state) == (True, "Succeeded")


@pytest.mark.parametrize("state", ["Paused", None, 7, ["Failed"]])
def test_a_state_of_a_later_version_counts_as_pending_everywhere(state: object) -> None:
    row = {"id": "a", "state": state}
    group = groups_of({"tasks": TASKS[:2]}, {"tasks": [row, {"id": "b", "state": "Succeeded"}]})[0]
    assert (group.state, group.has_ended, group.counts[TaskState.PENDING]) == ("Running", False, 1)
    assert read_row(row) == NEW
    rejected = rejected_status([Problem("TaskIdInvalid", "x")], {"tasks": [row]}, {}, 1, 0.0)
    assert rejected["counts"]["pending"] == 1
