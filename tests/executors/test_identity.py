"""How an object says which attempt it is of, now and in the last release, and what of that others can take from it."""

import json
from typing import Any

import pytest

from parallelproject.executors.base.identity import is_intact, key_of, labels, metadata, restore_patch
from parallelproject.executors.base.owner import Owner
from parallelproject.model.names import GROUP, LABEL_ATTEMPT, LABEL_KIND, LABEL_LEVEL, LABEL_TASK, job_name
from parallelproject.model.work import WorkKey, WorkKind
from tests.controller.upgrade.scene import RECORDING

LEFT = json.loads(RECORDING.read_text())
FOUND = LEFT["project"]["metadata"]
OWNER = Owner(FOUND["name"], FOUND["namespace"], FOUND["uid"])
JOBS = {job["metadata"]["name"]: job for job in LEFT["jobs"]}
A1 = WorkKey.of_task("a", 1)


@pytest.mark.parametrize("name", JOBS)
def test_what_the_last_release_made_is_known_by_its_name_and_intact(name: str) -> None:
    key = key_of(JOBS[name]["metadata"]["labels"])
    assert key is not None
    assert job_name(OWNER.name, OWNER.uid, key) == name
    assert key.kind is (WorkKind.PUBLISH if "-publish-" in name else WorkKind.TASK)
    assert is_intact(JOBS[name], OWNER, key)


@pytest.mark.parametrize("name", [name for name in JOBS if "-publish-" not in name])
def test_labels_of_tasks_are_those_of_the_last_release(name: str) -> None:
    found = JOBS[name]["metadata"]["labels"]
    key = key_of(found)
    assert key is not None
    assert labels(OWNER, key) == {mark: value for mark, value in found.items() if mark != LABEL_LEVEL}


def test_publishing_says_its_kind_and_no_task() -> None:
    key = WorkKey.of_publishing(3)
    made = labels(OWNER, key)
    assert (made[LABEL_KIND], LABEL_TASK in made) == ("Publish", False)
    assert key_of(made) == key


@pytest.mark.parametrize(
    "changed",
    [
        {LABEL_ATTEMPT: "0"},
        {LABEL_ATTEMPT: "x"},
        {LABEL_ATTEMPT: "9999999999"},
        {LABEL_KIND: "Sabotage"},
        {LABEL_KIND: "Task", LABEL_TASK: ""},
    ],
)
def test_labels_that_name_no_attempt(changed: dict[str, str]) -> None:
    assert key_of(labels(OWNER, A1) | changed) is None


def test_no_two_attempts_have_a_name_in_common() -> None:
    keys = [
        A1,
        WorkKey.of_publishing(1),
        WorkKey(WorkKind.PUBLISH, "a", "", 1),
        WorkKey(WorkKind.TASK, "a", "build", 1),
        WorkKey(WorkKind.PUBLISH, "", "build", 1),
    ]
    assert len({job_name("p", "uid", key) for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("key", "mark"), [(A1, {LABEL_KIND: "Publish"}), (WorkKey.of_publishing(1), {LABEL_TASK: "a"})]
)
def test_a_label_that_makes_it_something_else_is_taken_back(key: WorkKey, mark: dict[str, str]) -> None:
    made: dict[str, Any] = {"metadata": metadata(OWNER, key, "claim") | {"uid": "j"}}
    assert is_intact(made, OWNER, key)
    made["metadata"]["labels"] |= mark
    assert not is_intact(made, OWNER, key)
    patch = restore_patch(OWNER, key, "j")["metadata"]["labels"]
    assert {name: patch[name] for name in mark} == dict.fromkeys(mark)  # null: removed
    assert all(name.startswith(GROUP) for name, value in patch.items() if value is None)
