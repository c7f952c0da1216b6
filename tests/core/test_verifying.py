"""What is verified when, what follows from a check that fails, and that it ends."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.broken_backlogs import broken_backlogs, broken_by
from tests.core.examples import examples
from tests.core.test_plan import task
from tests.core.verified_world import FAILED, SKIPPED, SUCCEEDED, VerifiedWorld

CHECKS = [{"name": "test", "command": ["make", "test"]}]


def world(
    breaks: Any, tasks: list[dict[str, Any]], verification: dict[str, Any] | None = None, **spec: Any
) -> VerifiedWorld:
    settings = {"checks": CHECKS} | (verification or {})
    return VerifiedWorld(breaks, tasks=tasks, verification=settings, **{"parallelism": 4, **spec})


def never_repaired(name: str) -> Any:
    return lambda check, there: name in there


LEVELS = [task("a"), task("b"), task("c"), task("d", "a", "b", "c"), task("e", "d")]


def test_each_level_is_verified_before_the_next_one_starts() -> None:
    played = world(broken_by(), LEVELS).run()
    assert set(played.states().values()) == {SUCCEEDED}
    assert (len(played.runs), played.violations) == (3, [])
    assert played.condition[:2] == ("True", "Verified")
    assert played.condition[2] == "L0 to L2 at c5: test"


def test_who_broke_a_check_repairs_it_and_nobody_else_runs_again() -> None:
    played = world(broken_by("b"), LEVELS).run()
    assert set(played.states().values()) == {SUCCEEDED}
    assert (played.repaired(), played.violations) == ({"b": 1}, [])
    assert played.landed == ["a", "b", "c", "b+1", "d", "e"]
    assert played.condition[:2] == ("True", "Verified")


def test_two_that_broke_it_are_repaired_at_once() -> None:
    played = world(broken_by("a", "c"), LEVELS).run()
    assert played.repaired() == {"a": 1, "c": 1}
    assert set(played.states().values()) == {SUCCEEDED}


def test_one_that_cannot_be_repaired_has_failed_and_its_dependents_are_skipped() -> None:
    played = world(never_repaired("b"), LEVELS).run()
    assert played.states() == {"a": SUCCEEDED, "b": FAILED, "c": SUCCEEDED, "d": SKIPPED, "e": SKIPPED}
    assert played.plan is not None
    assert played.plan.reasons[1] == "VerificationFailed"
    assert played.landed == ["a", "b", "c", "b+1", "b+2"]
    assert played.condition[:2] == ("False", "VerificationFailed")
    assert played.condition[2].endswith("repaired 2 times: b")


def test_a_run_that_is_started_again_repairs_once_more() -> None:
    played = world(never_repaired("b"), LEVELS).run()
    played.breaks = lambda check, there: "b" in there and "b+4" not in there  # it takes two more
    played.session(is_started_again=True)
    played.run()
    assert set(played.states().values()) == {SUCCEEDED}
    assert played.landed[-4:] == ["b+3", "b+4", "d", "e"]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_failure_stops_the_project_where_that_is_asked_for(restarts: bool) -> None:
    tasks = [*LEVELS, task("other", "a")]  # it would run, as it does not depend on b
    played = world(broken_by("b"), tasks, {"onFailure": "Stop"}, failurePolicy="Continue").run(restarts=restarts)
    assert played.states() == {
        "a": SUCCEEDED,
        "b": FAILED,
        "c": SUCCEEDED,
        "d": SKIPPED,
        "e": SKIPPED,
        "other": SKIPPED,
    }
    assert played.landed == ["a", "b", "c"]


def test_a_failure_is_only_reported_where_that_is_asked_for() -> None:
    played = world(broken_by("b"), LEVELS, {"onFailure": "Continue"}).run()
    assert set(played.states().values()) == {SUCCEEDED}
    assert (played.repaired(), played.condition[:2]) == ({}, ("False", "ChecksFailed"))


def test_a_base_that_is_broken_stops_it_and_blames_nobody() -> None:
    played = world(lambda check, there: True, LEVELS).run()
    assert (played.repaired(), played.condition[:2]) == ({}, ("False", "BaseFailed"))
    assert played.states()["d"] == SKIPPED
    assert "the base is broken" in played.condition[2]
    assert len(played.runs) <= 4, "nobody has seen it pass on the base, so that is what is looked at first"


def test_a_check_that_passes_when_it_runs_again_is_flaky_and_has_passed() -> None:
    times: list[int] = []

    def breaks(check: str, there: Sequence[str]) -> bool:
        times.append(len(there))
        return len(times) == 1

    played = world(breaks, LEVELS[:3]).run()
    assert (played.repaired(), played.state.flaky) == ({}, ("test",))
    assert played.condition == ("True", "Verified", "L0 at c3: test; flaky, passed when run again: test")
    assert len(played.runs) == 2


def test_two_that_break_it_together_are_known_and_the_later_one_repairs() -> None:
    def breaks(check: str, there: Sequence[str]) -> bool:
        return "a" in there and "c" in there and "c+1" not in there

    played = world(breaks, LEVELS, {"maxRepairs": 1}).run()
    assert played.repaired() == {"c": 1}
    assert played.state.repairs["c"][0].other == "a"


def test_checks_run_side_by_side_and_each_has_its_own_cause() -> None:
    def breaks(check: str, there: Sequence[str]) -> bool:
        name = {"one": "a", "two": "b", "three": ""}[check]
        return name in there and f"{name}+1" not in there

    checks = [{"name": name, "command": [name]} for name in ("one", "two", "three")]
    played = world(breaks, LEVELS, {"checks": checks}).run()
    assert played.repaired() == {"a": 1, "b": 1}
    assert played.state.repairs["b"][0].check == "two"
    assert played.violations == []


def test_checks_take_no_more_slots_than_there_are() -> None:
    checks = [{"name": name, "command": [name]} for name in ("one", "two", "three")]
    played = world(broken_by("b"), LEVELS, {"checks": checks}, parallelism=2).run()
    assert played.violations == []
    assert set(played.states().values()) == {SUCCEEDED}


def test_a_probe_that_fails_in_another_way_is_no_failure() -> None:
    def is_broken(there: Sequence[str]) -> bool:
        return "c" in there and "c+1" not in there

    def breaks(check: str, there: Sequence[str]) -> bool:
        return is_broken(there) or ("b" in there and "a" not in there)  # b needs a, and does not say so

    def prints(there: Sequence[str]) -> str:
        return f"FAILED tests/test_{'c' if is_broken(there) else 'b'}.py::test_it - assert 1 == 2\n"

    played = VerifiedWorld(breaks, prints=prints, tasks=LEVELS, verification={"checks": CHECKS}, parallelism=4).run()
    assert played.repaired() == {"c": 1}


def test_a_task_that_fails_by_itself_holds_up_no_verification() -> None:
    tasks = [task("a"), task("b", parameters=[{"name": "x", "value": "1"}]), task("c")]
    played = world(broken_by("c"), tasks, defaults={"backoffSeconds": 0, "maxAttempts": 1}).run()
    assert played.states() == {"a": SUCCEEDED, "b": FAILED, "c": SUCCEEDED}
    assert played.landed == ["a", "c", "c+1"]


@examples(150)
@given(st.data())
def test_it_ends_with_innocent_work_kept_whatever_breaks(data: st.DataObject) -> None:
    """Also with one slot, with restarts at each step, and with causes in several levels."""
    backlog = data.draw(broken_backlogs())
    played = world(backlog.breaks, backlog.tasks, parallelism=data.draw(st.integers(1, 4)))
    played.run(restarts=data.draw(st.booleans()))
    assert played.violations == []
    assert played.repaired().keys() == {name for name in backlog.culprits if name in played.landed}
    expected = {name: FAILED if name == backlog.lasting else SUCCEEDED for name in played.landed if "+" not in name}
    assert {name: played.states()[name] for name in expected} == expected
    assert (played.condition[0] == "True") is (not backlog.lasting or backlog.lasting not in played.landed)
