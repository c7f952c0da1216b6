"""What has failed its verification, or is not verified, is neither merged nor called a success."""

from typing import Any

import pytest

from parallelproject.core.followups.revision import instruction, revision_of, stage
from parallelproject.core.followups.success import is_success
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.constraints.verified_work import VerifiedWork
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.report.status import result_of
from tests.core.broken_backlogs import broken_by
from tests.core.projects import compiled
from tests.core.test_plan import task
from tests.core.verified_world import VerifiedWorld

MERGED = {"git": {"url": "https://git.example/acme/shop.git", "forge": {"type": "Gitea"}}}
CHECKS = [{"name": "test", "command": ["make", "test"]}]
TASKS = [task("a"), task("b"), task("c", "a"), task("d", "c")]


def git(scope: str) -> dict[str, Any]:
    return {"git": {**MERGED["git"], "pullRequest": {"scope": scope, "merge": "WhenChecksPass"}}}


def played(bad: str, scope: str, **verification: Any) -> VerifiedWorld:
    def breaks(check: str, there: Any) -> bool:
        return bad in there

    settings = {"checks": CHECKS, **verification}
    return VerifiedWorld(breaks, tasks=TASKS, parallelism=4, verification=settings, **git(scope)).run()


def offered(world: VerifiedWorld) -> dict[str, Any]:
    assert world.plan is not None
    return instruction(world.graph, world.spec, world.plan, "shop", 100)


@pytest.mark.parametrize("after", ["Level", "Landings"])
def test_work_that_fails_a_check_and_is_built_on_is_not_merged(after: str) -> None:
    world = played("c", "Project", onFailure="Continue", after=after)
    found = offered(world)
    assert found["merge"] == "Manual"
    assert "isWhole" not in found
    assert world.plan is not None
    assert set(world.states().values()) == {"Succeeded"}
    assert not is_success(world.graph, world.plan)
    assert result_of(world.graph, world.plan)[::2] == ("VerificationFailed", False)


def test_work_that_passes_is_merged() -> None:
    found = offered(played("nobody", "Project"))
    assert (found["merge"], found["isWhole"]) == ("WhenChecksPass", True)


def test_levels_below_the_one_that_fails_are_merged() -> None:
    assert offered(played("nobody", "Level"))["wholeLevels"] == 3
    assert offered(played("c", "Level", onFailure="Continue"))["wholeLevels"] == 1
    assert offered(played("a", "Level", onFailure="Continue"))["wholeLevels"] == 0


def test_levels_of_what_is_not_repaired_any_more_are_not_merged_whatever_the_failure_policy_is() -> None:
    world = VerifiedWorld(
        lambda check, there: "c" in there, tasks=[*TASKS, task("e", "b"), task("f", "e")], parallelism=4,
        failurePolicy="Continue", verification={"checks": CHECKS, "maxRepairs": 0}, **git("Level"),
    ).run()  # fmt: skip
    assert world.states()["c"] == "Failed"
    assert offered(world)["wholeLevels"] == 1


def test_what_is_corrected_later_is_published_again_and_merged() -> None:
    world = played("c", "Project", onFailure="Continue")
    assert world.plan is not None
    before = revision_of(world.graph, world.spec, world.plan), stage(world.plan)
    world.breaks = broken_by()
    world.session(is_started_again=True)
    world.run()
    assert offered(world)["merge"] == "WhenChecksPass"
    assert revision_of(world.graph, world.spec, world.plan) != before[0]
    assert stage(world.plan) != before[1]


def late(verified: VerifiedWork | None) -> tuple[Any, Any, Plan]:
    graph, spec = compiled(
        tasks=[task("a")], activeDeadlineSeconds=50, verification={"checks": CHECKS}, **git("Project")
    )
    ended = {"a": [Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0, commit="c1")]}
    return graph, spec, plan(graph, spec, Ledger(start_time=0.0, verified=verified), ended, 100.0)


def test_what_is_not_verified_in_time_is_not_merged_and_no_success() -> None:
    graph, spec, made = late(VerifiedWork())
    assert (made.completed, str(made.stopped)) == (True, "DeadlineExceeded")
    assert instruction(graph, spec, made, "shop", 100)["merge"] == "Manual"
    assert result_of(graph, made, ("Unknown", "Verifying", "L0: test"))[::2] == ("DeadlineExceeded", False)
    graph, spec, made = late(VerifiedWork(1, {"a": 1}))
    assert instruction(graph, spec, made, "shop", 100)["merge"] == "WhenChecksPass"
    assert result_of(graph, made, ("True", "Verified", ""))[2]


def test_where_nothing_can_land_nothing_has_to_pass() -> None:
    graph, spec = compiled(tasks=[task("a")], skip=["a"], verification={"checks": CHECKS})
    assert is_success(graph, plan(graph, spec, Ledger(start_time=0.0, verified=VerifiedWork()), {}, 1.0))
