"""How far the groups of a project are."""

import pytest

from parallelproject.core.report.groups import groups_of

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
