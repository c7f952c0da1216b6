"""Each law of steps and of hooks can be broken, and a sound run breaks none."""

import json

import pytest

from tests.controller.audit import Json
from tests.controller.hook_laws import HookPlace, HookWatch
from tests.controller.stepped_laws import SteppedTask, StepStart

STEPS: list[Json] = [
    {"name": "review", "role": "r", "gate": True, "maxRounds": 1},
    {"name": "format", "command": ["x"]},
    {"name": "test", "command": ["x"], "gate": True, "maxRounds": 0},
]
HOOKS: Json = {"beforeLevel": {}, "afterLevel": {}, "beforeGroup": {"onFailure": "Stop"}, "afterGroup": {}}


def pod(end: str) -> Json:
    """A pod that has ended: ``Held``, ``Passed``, ``Landed``, ``Rejected``, ``Conflict``, ``later`` or ``failed``."""
    main, ours = {"Rejected": (1, 27), "Conflict": (0, 20), "later": (75, 0), "failed": (137, 0)}.get(end, (0, 0))
    message = json.dumps({"outcome": end}) + ("\nuse tabs\n" if end == "Rejected" else "")
    states = {"agent": {"exitCode": main}, "git": {"exitCode": ours, "message": message}}
    return {"status": {"containerStatuses": [{"name": n, "state": {"terminated": s}} for n, s in states.items()]}}


def breaches(way: str) -> list[str]:
    """What is wrong with a way as ``own>Held review>Rejected:1``: steps, how they end, and what each continues."""
    task, found, rounds, held = SteppedTask("a", STEPS, 2), [], 1, 0
    for number, each in enumerate(way.split(), 1):
        step, _, end = each.partition(">")
        end, _, given = end.partition("@")
        name, lands = step.removeprefix("own").rstrip("!"), step.endswith("!")
        said = "the gate says: use tabs" if task.rejected_by else ""
        start = StepStart(f"a#{number}", number, name, rounds, int(given) if given else held, lands, said)
        found += [*task.begin(start, was_stopped=False), *task.end(pod(end))]
        held = number if end == "Held" else 0 if end == "Conflict" else held
        rounds += end == "Rejected"
    return found


@pytest.mark.parametrize(
    "way",
    [
        "own>Held review>Passed format>Held review>Passed test!>Landed",
        "own>Held review>Rejected own>Held review>Passed format>Held review>Passed test!>Landed",
        "own>failed own>Held review>failed review>later review>Passed format>Held review>Passed test!>Landed",
        "own>Held review>Passed format>Held review>Passed test!>Conflict own>Held review>Passed format>Held",
    ],
)
def test_a_sound_way_through_steps_has_no_breach(way: str) -> None:
    assert breaches(way) == []


@pytest.mark.parametrize(
    ("way", "breach"),
    [
        ("review>Passed", "a#1 is at review, and next is its own work"),
        ("own>Held format>Held", "a#2 is at format, and next is review"),
        ("own>Held review>Passed format>Held test>Passed", "a#4 is at test, and next is review"),
        ("own>Held review>Rejected review>Passed", "a#3 is at review, and next is its own work"),
        ("own!>Held", "a#1 lands its work before review, test, format"),
        ("own>Landed", "a#1 landed its work before review, test, format"),
        ("own>Held review>Passed@0", "a#2 continues attempt 0, and the work of 1 is held"),
        ("own>failed own>failed own>Held", "a#3 was created after a had failed"),
        ("own>Held review>Rejected own>Held review>Rejected own>Held", "a#5 was created after a had failed"),
    ],
)
def test_each_law_of_steps_can_be_broken(way: str, breach: str) -> None:
    assert breach in breaches(way)


def test_what_a_gate_has_said_is_handed_on_and_no_attempt_is_left_out() -> None:
    task = SteppedTask("a", STEPS, 2)
    for number, step, end in ((1, "", "Held"), (2, "review", "Rejected")):
        list(task.begin(StepStart(f"a#{number}", number, step, 1, number - 1, False, ""), was_stopped=False))
        list(task.end(pod(end)))
    assert list(task.begin(StepStart("a#4", 4, "", 1, 1, False, ""), was_stopped=False)) == [
        "a#4 was created after attempt 2",
        "a#4 is of round 1, after 1 rejections",
        "a#4 does not get what review said",
    ]


def test_each_law_of_hooks_can_be_broken() -> None:
    watch, before, after = HookWatch(), HookPlace("beforeLevel", 0), HookPlace("afterLevel", 0)

    def task(level: int = 0) -> list[str]:
        return list(watch.judge_task("a#1", HOOKS, level, "", waits_for_level_below=level > 0))

    def hook(new: HookPlace, *, runs: bool = False, done: bool = True) -> list[str]:
        return list(watch.judge_hook(new, HOOKS, ["a"], lambda task: runs, lambda task: done))

    assert task() == ["a#1 was created before beforeLevel of L0 had ended"]
    assert hook(before, done=False) == []
    watch.ended[before] = False
    assert task() == []
    assert hook(before) == ["beforeLevel of L0 was started again"]
    assert hook(after, runs=True) == hook(after, done=False) == ["afterLevel of L0 was started before a was done"]
    assert task() == ["a#1 was created after afterLevel of L0 was started"]
    assert "a#1 was created before afterLevel of L0 had ended" in task(1)
    assert list(watch.judge_end(HOOKS, {after: True, before: True})) == ["afterLevel of L0 never ended"]
    watch.ended[HookPlace("beforeGroup", "x")] = False
    assert "a#1 was created after beforeGroup of x had stopped the project" in task()
