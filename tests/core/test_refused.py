"""Tasks whose Job the API server refuses, as the planner sees them: they hold nothing and are tried again."""

from typing import Any

from parallelproject.core.planner.attempt import NEW, Attempt, Phase, settle
from parallelproject.core.planner.constraints.refused_creation import REFUSED_PACE
from parallelproject.model.status import Reason
from tests.core.test_plan import active, decide, task

POLICY = Reason.REFUSED_BY_POLICY
ROLES = [{"name": name, "podTemplate": {"spec": {"containers": [{"name": "x", "command": ["x"]}]}}} for name in "ab"]


def refused(at: float, until: float) -> Attempt:
    return Attempt(1, Phase.REFUSED, started=at, ended=until, reason=POLICY)


def retried(at: float) -> Attempt:
    return Attempt(1, Phase.LAUNCHING, running=True, started=at, reason=POLICY)


def tasks(role: str, count: int = 3, **more: Any) -> list[dict[str, Any]]:
    return [task(f"{role}{i}", role=role, **more) for i in range(count)]


def test_a_refused_task_waits_with_its_reason_holds_no_slot_and_is_looked_at_in_time() -> None:
    found = decide([*tasks("a", 1), *tasks("b", 1)], {"a0": [refused(90, 130)]}, roles=ROLES, parallelism=1)
    assert found.starts == ["b0"]
    assert found.reasons["a0"] == POLICY
    assert found.plan.running == 1
    assert found.plan.wake_at == 130
    assert not found.plan.completed


def test_its_next_creation_has_the_same_number() -> None:
    found = decide(tasks("a", 1), {"a0": [refused(90, 99)]}, roles=ROLES)
    assert found.numbers == {"a0": 1}
    assert settle(NEW, [refused(90, 99)]) is NEW or settle(NEW, [refused(90, 99)]) == NEW


def test_while_it_is_created_again_it_still_says_why_it_waits() -> None:
    found = decide(tasks("a", 1), {"a0": [retried(99.9)]}, roles=ROLES)
    assert found.starts == []
    assert found.reasons["a0"] == POLICY


def test_of_a_role_that_is_refused_one_is_tried_at_a_time_and_no_other_role_waits() -> None:
    work = [*tasks("a"), *tasks("b", 1)]
    soon = decide(work, {"a0": [refused(100 - REFUSED_PACE / 2, 130)]}, roles=ROLES, parallelism=9)
    assert soon.starts == ["b0"]
    assert soon.reasons["a1"] == soon.reasons["a2"] == POLICY
    assert soon.plan.wake_at == 100 + REFUSED_PACE / 2
    later = decide(work, {"a0": [refused(100 - 2 * REFUSED_PACE, 130)]}, roles=ROLES, parallelism=9)
    assert sorted(later.starts) == ["a1", "b0"]
    assert later.reasons["a2"] == POLICY


def test_once_none_is_refused_all_start() -> None:
    found = decide(tasks("a"), {"a0": [active()]}, roles=ROLES, parallelism=9)
    assert found.starts == ["a1", "a2"]


def test_what_waits_for_a_refused_task_waits_for_a_dependency() -> None:
    found = decide([task("x"), task("y", "x")], {"x": [refused(90, 130)]})
    assert found.reasons == {"x": POLICY, "y": Reason.WAITING_FOR_DEPENDENCIES}


def test_a_stopped_project_ends_although_a_task_is_refused() -> None:
    found = decide([task("x")], {"x": [refused(90, 130)]}, stop=True)
    assert found.plan.completed
