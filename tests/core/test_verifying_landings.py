"""Verification after a number of landings, whatever their levels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.model.problem import ProblemsError
from tests.core.broken_backlogs import broken_backlogs, broken_by
from tests.core.examples import examples
from tests.core.projects import compiled
from tests.core.test_plan import task
from tests.core.test_verifying import CHECKS, LEVELS, never_repaired, world
from tests.core.verified_world import FAILED, SUCCEEDED

LANDINGS = {"after": "Landings", "every": 2}
CHAIN = [task("t0"), *(task(f"t{i}", f"t{i - 1}") for i in range(1, 6))]


def test_it_is_verified_after_so_many_landings_and_at_the_end() -> None:
    played = world(broken_by(), CHAIN[:5], LANDINGS, scheduling="Graph").run()
    assert set(played.states().values()) == {SUCCEEDED}
    assert [run.work.tip for run in played.runs if run.work] == ["c2", "c4", "c5"]
    assert played.condition == ("True", "Verified", "5 tasks at c5: test")
    assert played.violations == []


def test_tasks_of_several_levels_are_searched_together() -> None:
    tasks = [*CHAIN[:3], task("u")]
    played = world(broken_by("t1"), tasks, {"after": "Landings", "every": 3}, scheduling="Graph").run()
    assert played.repaired() == {"t1": 1}
    assert set(played.states().values()) == {SUCCEEDED}
    assert played.violations == []


def test_nothing_new_starts_while_it_is_verified_or_repaired() -> None:
    played = world(never_repaired("t0"), CHAIN, LANDINGS, scheduling="Graph", failurePolicy="Continue").run()
    assert played.states() == {"t0": FAILED} | dict.fromkeys(("t1", "t2", "t3", "t4", "t5"), SUCCEEDED)
    assert played.landed == ["t0", "t1", "t0+1", "t0+2", "t2", "t3", "t4", "t5"]
    assert played.condition[:2] == ("False", "VerificationFailed")
    assert played.violations == []


def test_every_is_only_for_landings() -> None:
    with pytest.raises(ProblemsError, match="needs after: Landings"):
        compiled(tasks=LEVELS, verification={"checks": CHECKS, "every": 3})


@examples(80)
@given(st.data())
def test_it_ends_with_innocent_work_kept_whatever_breaks(data: st.DataObject) -> None:
    backlog = data.draw(broken_backlogs(most=8))
    played = world(
        backlog.breaks,
        backlog.tasks,
        {"after": "Landings", "every": data.draw(st.integers(1, 5))},
        parallelism=data.draw(st.integers(1, 4)),
        scheduling=data.draw(st.sampled_from(["Graph", "Levels"])),
    )
    played.run(restarts=data.draw(st.booleans()))
    assert played.plan is not None
    assert played.plan.completed
    assert played.violations == []
    assert played.repaired().keys() == {name for name in backlog.culprits if name in played.landed}
    assert (played.condition[0] == "True") is (not backlog.lasting or backlog.lasting not in played.landed)
