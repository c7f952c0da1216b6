"""What follows when a task cannot repair what its work breaks: it fails, or its work is taken off the branch."""

from collections.abc import Sequence
from typing import Any

import pytest

from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.reverting import REVERT
from parallelproject.core.verification.state import VerificationState
from parallelproject.model.problem import ProblemsError
from tests.core.test_plan import task
from tests.core.test_verifying import LEVELS, never_repaired, world
from tests.core.verified_world import FAILED, SKIPPED, SUCCEEDED, VerifiedWorld


def breaks_with(*names: str) -> Any:
    def breaks(check: str, there: Sequence[str]) -> bool:
        return any(each.partition("+")[0] in names for each in there)

    return breaks


def played(after: str, tasks: Any = LEVELS, breaks: Any = None, restarts: bool = False, **spec: Any) -> VerifiedWorld:
    made = world(breaks or breaks_with("b"), tasks, {"maxRepairs": 1, "afterMaxRepairs": after}, **spec)
    return made.run(restarts=restarts)


@pytest.mark.parametrize("restarts", [False, True])
def test_work_that_is_not_repaired_is_taken_out_once_and_the_rest_is_verified_without_it(restarts: bool) -> None:
    found = played("Revert", restarts=restarts)
    assert found.landed == ["a", "b", "c", "b+1", "-b"]
    assert found.states() == {"a": SUCCEEDED, "b": FAILED, "c": SUCCEEDED, "d": SKIPPED, "e": SKIPPED}
    assert found.condition[:2] == ("True", "Verified")
    assert found.condition[2].endswith("; without what was taken off the branch: b")
    assert len(found.of_check(REVERT.name)) == 1
    assert found.plan is not None
    assert found.plan.reasons[1] == "VerificationFailed"
    assert found.violations == []


def test_what_the_others_need_is_not_held_up() -> None:
    found = played("Revert", [task("a"), task("b"), task("d", "a"), task("e", "d")], failurePolicy="Continue")
    assert found.states() == {"a": SUCCEEDED, "b": FAILED, "d": SUCCEEDED, "e": SUCCEEDED}
    assert found.landed == ["a", "b", "b+1", "-b", "d", "e"]
    assert found.condition[:2] == ("True", "Verified")


def test_dependents_that_have_landed_are_taken_out_and_have_failed() -> None:
    tasks = [task("a"), task("b"), task("d", "b"), task("f", "a")]
    made = world(
        breaks_with("b"), tasks, {"after": "Landings", "every": 4, "maxRepairs": 0, "afterMaxRepairs": "Revert"},
        scheduling="Graph", failurePolicy="Continue",
    )  # fmt: skip
    made.run()
    assert made.landed[4:] == ["-b", "-d"]
    assert made.states() == {"a": SUCCEEDED, "b": FAILED, "d": FAILED, "f": SUCCEEDED}
    assert made.condition[:2] == ("True", "Verified")


def test_a_revert_that_was_interrupted_runs_again_and_nothing_ends_before() -> None:
    found = world(breaks_with("a"), [task("a")], {"maxRepairs": 0, "afterMaxRepairs": "Revert"})
    while not found.state.reverting:
        assert found.step()
    found.is_held = True
    for _ in range(3):
        found.step()
        assert found.plan is not None
        assert not found.plan.completed
    assert found.condition[:2] == ("False", "Reverting")
    found.session(is_started_again=True)
    found.is_held = False
    found.run()
    assert found.landed == ["a", "-a"]
    assert found.states() == {"a": FAILED}


def test_a_report_about_another_graph_is_as_if_it_had_never_run() -> None:
    settings = {"maxRepairs": 0, "afterMaxRepairs": "Revert"}
    found = world(breaks_with("a"), [task("a"), task("c")], settings)
    while not found.state.reverting:
        assert found.step()
    tasks = [task("a"), task("c")]
    for new in range(5):
        count = len(found.of_check(REVERT.name))
        while len(found.of_check(REVERT.name)) == count:
            assert found.step(), "the revert starts"
        tasks.insert(0, task(f"new{new}"))
        found.session(tasks=tasks, verification={**settings, "checks": [{"name": "test", "command": ["make", "test"]}]})
    found.run()
    assert [run.outcome for run in found.of_check(REVERT.name)] == [ProbeOutcome.PASSED] * 6, "so often it was changed"
    assert found.landed[:2] == ["a", "c"]
    assert found.landed.count("-a") == 1
    assert found.states() == {"a": FAILED, "c": SUCCEEDED} | {f"new{new}": SUCCEEDED for new in range(5)}


@pytest.mark.parametrize(
    ("outcome", "printed", "runs", "said"),
    [
        (ProbeOutcome.CONFLICT, "one: conflict", 1, ": one: conflict"),
        (ProbeOutcome.BROKEN, "no answer", 3, ": no answer"),
        (ProbeOutcome.PASSED, "?", 3, ": not the report of a revert"),
        (ProbeOutcome.STOPPED, "", None, ""),
    ],
)
def test_what_a_revert_that_did_nothing_leads_to(
    outcome: ProbeOutcome, printed: str, runs: int | None, said: str
) -> None:
    found = world(breaks_with("a"), [task("a")], {"maxRepairs": 0, "afterMaxRepairs": "Revert"})
    found.ended_reverts = (outcome, printed)
    for _ in range(30):
        found.step()
    if runs is None:
        assert found.condition[1] == "Reverting"
        assert len(found.of_check(REVERT.name)) > 5
        return
    assert len(found.of_check(REVERT.name)) == runs
    assert found.condition[:2] == ("False", "RevertFailed")
    assert found.condition[2].endswith(f"its work cannot be taken off the branch{said}")


def test_it_is_about_what_the_check_failed_on() -> None:
    found = world(breaks_with("b"), [task("a"), task("b")], {"maxRepairs": 0, "afterMaxRepairs": "Revert"}).run()
    (asked,) = found.asked.values()
    assert (asked.number, asked.tasks, asked.since) == (1, ("b",), "c2")


def test_without_checks_what_was_taken_out_is_not_there() -> None:
    found = played("Revert")
    kept = found.state.without_checks
    assert kept.condemned == ("b",)
    assert kept.floors == {"b": 2}
    assert found.base.with_repairs(kept.floors, kept.condemned).condemned == {1}
    assert played("Fail").state.without_checks == VerificationState()


@pytest.mark.parametrize("check", [{"name": "test", "command": ["make", "other"]}, {"name": "unit", "command": ["u"]}])
def test_a_revert_that_has_started_ends_where_the_checks_have_changed(check: dict[str, Any]) -> None:
    settings = {"maxRepairs": 0, "afterMaxRepairs": "Revert"}
    found = world(breaks_with("a"), [task("a"), task("c")], settings)
    while not found.state.reverting:
        assert found.step()
    found.is_held = True
    found.step()
    found.session(tasks=[task("a"), task("c")], verification={**settings, "checks": [check]}, parallelism=4)
    assert found.state.condition[:2] == ("False", "Reverting")
    for _ in range(3):
        found.step()
        assert found.plan is not None
        assert not found.plan.completed
    found.is_held = False
    found.run()
    assert found.landed == ["a", "c", "-a"]
    assert found.states() == {"a": FAILED, "c": SUCCEEDED}
    assert found.condition[:2] == ("True", "Verified")
    assert found.violations == []


def test_one_that_is_retried_does_its_work_again() -> None:
    found = played("Revert")
    found.breaks = breaks_with("nobody")
    found.session(is_started_again=True)
    found.run()
    assert set(found.states().values()) == {SUCCEEDED}
    assert found.landed[4:6] == ["-b", "b+2"]
    assert found.condition[:2] == ("True", "Verified")


def test_stop_and_continue() -> None:
    found = played("Stop")
    assert found.states() == {"a": SUCCEEDED, "b": FAILED, "c": SUCCEEDED, "d": SKIPPED, "e": SKIPPED}
    assert found.state.is_stopped
    found = played("Continue")
    assert set(found.states().values()) == {SUCCEEDED}
    assert found.landed == ["a", "b", "c", "b+1", "d", "e"]
    assert found.condition[:2] == ("False", "ChecksFailed")
    assert world(never_repaired("b"), LEVELS, {"maxRepairs": 1}).run().states()["b"] == FAILED


def test_it_needs_repairs() -> None:
    with pytest.raises(ProblemsError, match="no task repairs its work"):
        world(breaks_with("b"), LEVELS, {"onFailure": "Stop", "afterMaxRepairs": "Revert"})
