"""A verification over several sessions of a run, between which people change its checks, its tasks and the branch."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.core.verification.state import VerificationState
from parallelproject.core.verification.verifying import fingerprints
from tests.core.broken_backlogs import broken_by
from tests.core.examples import examples
from tests.core.test_plan import task
from tests.core.test_verifying import CHECKS, LEVELS, never_repaired, world
from tests.core.verified_world import FAILED, SKIPPED, SUCCEEDED, VerifiedWorld

OTHER = [{"name": "test", "command": ["make", "other"]}]
RENAMED = [{"name": "lint", "command": ["make", "test"]}]


def spec(tasks: list[dict[str, Any]], checks: list[dict[str, Any]] = CHECKS, **more: Any) -> dict[str, Any]:
    verification = {"checks": checks} | more.pop("verification", {})
    return {"tasks": tasks, "verification": verification, "parallelism": 4, **more}


def interrupt(played: VerifiedWorld) -> None:
    """All runs of checks that would start now are asked to end, as by Ctrl-C."""
    played.is_held = True
    while played.step():
        pass
    played.is_held = False
    played.runs = [run if run.outcome else run._replace(outcome=ProbeOutcome.STOPPED) for run in played.runs]


@pytest.mark.parametrize("checks", [OTHER, RENAMED, [*CHECKS, {"name": "lint", "command": ["make", "lint"]}]])
def test_a_new_check_or_command_is_about_all_that_has_landed(checks: list[dict[str, Any]]) -> None:
    """It has never passed on what the old one has verified, so a task of the first level may have broken it."""
    played = world(broken_by(), LEVELS).run()
    played.breaks = lambda check, there: check == checks[-1]["name"] and "b" in there and "b+1" not in there
    played.session(**spec(LEVELS, checks))
    played.run()
    assert played.repaired() == {"b": 1}
    assert set(played.states().values()) == {SUCCEEDED}
    assert played.condition[:2] == ("True", "Verified")


def test_a_check_that_is_kept_keeps_its_results() -> None:
    played = world(broken_by(), LEVELS).run()
    before = len(played.of_check("test"))
    played.session(**spec(LEVELS, [*CHECKS, {"name": "lint", "command": ["make", "lint"]}]))
    played.run()
    assert (len(played.of_check("test")), len(played.of_check("lint"))) == (before, 1)


def test_what_a_wrong_command_has_condemned_is_open_again() -> None:
    played = world(never_repaired("b"), LEVELS, {"maxRepairs": 0}).run()
    assert played.states()["b"] == FAILED
    played.breaks = broken_by()
    played.session(**spec(LEVELS, OTHER))
    played.run()
    assert set(played.states().values()) == {SUCCEEDED}
    assert played.landed == ["a", "b", "c", "d", "e"], "b has not run again: its work is good"


def test_a_repair_that_has_started_survives_that_its_check_is_dropped() -> None:
    played = world(broken_by("b"), LEVELS)
    while not played.state.repairs:
        assert played.step()
    played.session(**spec(LEVELS, RENAMED))
    played.run()
    assert played.landed == ["a", "b", "c", "b+1", "d", "e"]


def test_a_check_that_fails_and_continues_is_no_base_for_the_next_level() -> None:
    played = world(broken_by("b"), LEVELS, {"onFailure": "Continue"}).run()
    assert played.condition == ("False", "ChecksFailed", "test failed on c5: b broke it")


def test_what_failed_is_verified_again_by_the_next_run() -> None:
    """A person has corrected the base, or the machine: nothing in the run says so."""
    played = world(lambda check, there: True, LEVELS).run()
    assert played.condition[1] == "BaseFailed"
    played.breaks = broken_by()
    played.session(is_started_again=True)
    played.run()
    assert set(played.states().values()) == {SUCCEEDED}
    assert played.condition[:2] == ("True", "Verified")


@pytest.mark.parametrize("on_failure", ["Continue", "Repair"])
def test_a_person_who_corrects_what_a_task_broke_lets_the_next_run_succeed(on_failure: str) -> None:
    played = world(lambda check, there: "b" in there and "~fix" not in there, LEVELS, {"onFailure": on_failure}).run()
    assert played.condition[0] == "False"
    played.landed.append("~fix")
    landed = [*played.landed]
    played.session(is_started_again=True)
    played.run()
    assert set(played.states().values()) == {SUCCEEDED}
    assert [name for name in played.landed if name not in landed] == ([] if on_failure == "Continue" else ["d", "e"])
    assert played.condition[:2] == ("True", "Verified")


def test_a_commit_of_a_person_is_blamed_and_no_task() -> None:
    def breaks(check: str, there: Sequence[str]) -> bool:
        return "~1234567890abcdef" in there

    played = world(breaks, LEVELS)
    while len(played.landed) < 3:
        assert played.step()
    played.landed.insert(2, "~1234567890abcdef")
    played.run()
    assert (played.repaired(), played.condition[:2]) == ({}, ("False", "BrokenByOthers"))
    assert played.condition[2].endswith("commit 1234567890 broke it")
    assert played.states()["d"] == SKIPPED


def test_a_task_that_breaks_it_together_with_a_commit_of_a_person_repairs_it() -> None:
    def breaks(check: str, there: Sequence[str]) -> bool:
        return {"b", "~1234"} <= {*there} and "b+1" not in there

    played = world(breaks, LEVELS)
    while len(played.landed) < 3:
        assert played.step()
    played.landed.append("~1234")
    played.run()
    assert played.repaired() == {"b": 1}
    assert played.state.repairs["b"][0].other == "~1234"
    assert played.condition[:2] == ("True", "Verified")


def test_a_culprit_that_was_removed_stops_the_run_and_is_named() -> None:
    played = world(broken_by("b"), LEVELS)
    while len(played.landed) < 3:
        assert played.step()
    left = [task("a"), task("c"), task("d", "a", "c"), task("e", "d")]
    played.session(**spec(left))
    played.run()
    assert played.condition[:2] == ("False", "BrokenByOthers")
    assert played.condition[2].endswith("b broke it")


def test_a_repair_whose_task_was_removed_holds_nothing_up() -> None:
    played = world(broken_by("b"), LEVELS)
    while not played.state.repairs:
        assert played.step()
    played.session(**spec([task("a"), task("c"), task("d", "a", "c"), task("e", "d")]))
    played.run()
    assert played.condition[:2] == ("False", "BrokenByOthers")


@pytest.mark.parametrize("most", [0, 2])
def test_a_culprit_that_is_skipped_holds_nothing_up(most: int) -> None:
    """It cannot repair its work, and somebody wants that it runs no more: its dependents run, and it is reported."""
    played = world(broken_by("b"), LEVELS, {"maxRepairs": most})
    while len(played.landed) < 3:
        assert played.step()
    played.session(**spec(LEVELS, skip=["b"], verification={"maxRepairs": most}))
    played.run()
    assert played.condition[:2] == ("False", "VerificationFailed")
    assert played.states()["e"] == SUCCEEDED


def test_a_repair_that_is_skipped_holds_nothing_up() -> None:
    played = world(broken_by("b"), LEVELS)
    while not played.state.repairs:
        assert played.step()
    played.session(**spec(LEVELS, skip=["b"]))
    played.run()
    assert played.condition[:2] == ("False", "VerificationFailed")
    assert played.states() == {"a": SUCCEEDED, "b": SKIPPED, "c": SUCCEEDED, "d": SUCCEEDED, "e": SUCCEEDED}


def test_repairs_that_fail_by_themselves_hold_nothing_up() -> None:
    played = world(broken_by("b"), LEVELS, defaults={"maxAttempts": 1}, failurePolicy="Continue")
    played.failing = frozenset({"b+1"})
    played.run()
    assert played.plan is not None
    assert played.plan.completed
    assert (played.states()["b"], played.states()["d"]) == (FAILED, SKIPPED)
    assert played.condition[1] == "VerificationFailed"
    assert played.condition[2].endswith("b broke it; it was not repaired")


def test_a_task_that_is_added_to_a_verified_level_is_verified() -> None:
    tasks = [*LEVELS, task("old")]
    played = world(broken_by("new"), tasks).run()
    played.session(**spec([*LEVELS, task("new")]))  # as many tasks as before
    played.run()
    assert played.repaired() == {"new": 1}
    assert played.condition[:2] == ("True", "Verified")


def test_tasks_that_start_because_another_one_failed_wait_for_no_verification() -> None:
    """Nothing has succeeded in the level before theirs, so nothing is to be verified."""
    failing = task("a", parameters=[{"name": "x", "value": "1"}])
    after = {"id": "b", "when": [{"task": "a", "is": "Failed"}], "dependencies": ["a"]}
    played = world(broken_by(), [failing, after], defaults={"maxAttempts": 1}, failurePolicy="Continue").run()
    assert played.states() == {"a": FAILED, "b": SUCCEEDED}


def test_checks_that_are_interrupted_have_not_failed() -> None:
    played = world(broken_by("b"), LEVELS)
    for _ in range(12):
        played.session()
        interrupt(played)
        assert played.runs
        assert played.runs[-1].outcome is ProbeOutcome.STOPPED
    played.run()
    assert played.repaired() == {"b": 1}
    assert played.condition[:2] == ("True", "Verified")


def test_two_searches_share_few_slots() -> None:
    """A check for which no slot is free waits: its search does not end for want of probes."""

    def breaks(check: str, there: Sequence[str]) -> bool:
        name = {"one": "t3", "two": "t11"}[check]
        return name in there and f"{name}+1" not in there

    checks = [{"name": name, "command": [name]} for name in ("one", "two")]
    played = world(breaks, [task(f"t{i}") for i in range(16)], {"checks": checks}, parallelism=2).run()
    assert played.repaired() == {"t3": 1, "t11": 1}
    assert played.condition[:2] == ("True", "Verified")
    assert played.violations == []


def test_a_machine_that_breaks_between_two_levels_is_nobody_s_fault() -> None:
    played = world(lambda check, there: "d" in played.landed, LEVELS)
    played.run()
    assert played.repaired() == {}
    assert played.condition[:2] == ("False", "BaseFailed")
    assert "now also on c3, where it passed before" in played.condition[2]


def test_a_check_that_cannot_run_again_on_the_tip_ends() -> None:
    played = world(broken_by("b"), LEVELS)
    while played.step():
        failed = [run.number for run in played.runs if run.outcome is ProbeOutcome.FAILED]
        played.runs = [
            run._replace(outcome=ProbeOutcome.BROKEN, work=None) if run.outcome and run.number > min(failed) else run
            for run in played.runs
            if failed or run.outcome is not ProbeOutcome.FAILED
        ]
        assert len(played.runs) < 10
    assert played.condition[:2] == ("False", "CauseUnknown")
    assert "could not run again" in played.condition[2]
    assert FAILED not in played.states().values()


def test_a_cause_below_the_part_that_a_pod_could_report_is_not_known() -> None:
    """The base of that part is no base of the work: that the check fails there proves nothing."""
    played = world(broken_by("a"), LEVELS, {"maxRepairs": 0})
    while played.step():
        played.runs = [
            run._replace(work=run.work._replace(base="c1", changes=run.work.changes[1:], left_out=1))
            if run.work and run.work.base == "c0"
            else run
            for run in played.runs
        ]
    assert played.condition[:2] == ("False", "CauseUnknown")
    assert played.condition[2].endswith("the first change broke it, which was not searched: there are too many")
    assert FAILED not in played.states().values()


def test_who_is_only_suspected_never_fails_for_it() -> None:
    """Nothing can be built or run but the tip: nobody is proven to have broken it."""
    played = world(broken_by("b"), LEVELS, {"maxRepairs": 0})
    while played.step():
        played.runs = [
            run._replace(outcome=ProbeOutcome.BROKEN) if run.probe not in (None, Probe(3)) else run
            for run in played.runs
        ]
    assert FAILED not in played.states().values()
    assert played.condition[:2] == ("False", "CauseUnknown")


def test_what_is_searched_on_a_branch_that_was_rewritten_starts_again() -> None:
    played = world(broken_by("b"), LEVELS)
    while not any(run.probe not in (None, Probe(3)) for run in played.runs):
        assert played.step()
    played.runs = [run if run.outcome else run._replace(outcome=ProbeOutcome.STALE) for run in played.runs]
    played.run()
    assert played.repaired() == {"b": 1}
    assert played.condition[:2] == ("True", "Verified")


def test_a_person_may_ask_for_another_repair() -> None:
    played = world(never_repaired("b"), LEVELS, {"maxRepairs": 1}).run()
    floor = played.state.floors["b"]
    assert played.state.retried({"b": floor - 1}) == played.state, "it was condemned later than that"
    played.breaks = lambda check, there: "b" in there and "b+2" not in there
    played.state = played.state.retried({"b": floor})
    assert played.state.retried({"b": floor}) == played.state
    played.session()
    played.run()
    assert set(played.states().values()) == {SUCCEEDED}
    assert played.landed == ["a", "b", "c", "b+1", "b+2", "d", "e"]


def test_the_record_is_read_back() -> None:
    played = world(never_repaired("b"), LEVELS).run()
    assert VerificationState.from_json(played.state.to_json()) == played.state
    with pytest.raises(ValueError, match="not the state"):
        VerificationState.from_json({**played.state.to_json(), "tasks": ["a"]})


def test_runs_of_a_command_that_was_changed_meanwhile_are_stopped() -> None:
    played = world(broken_by(), LEVELS)
    played.is_held = True
    while not played.runs:
        assert played.step()
    played.is_held = False
    played.session(**spec(LEVELS, OTHER))
    assert played.step()
    assert played.runs[0].outcome is ProbeOutcome.STOPPED
    played.run()
    assert [run.number for run in played.runs] == list(range(1, len(played.runs) + 1))
    assert {run.revision.partition(".")[2] for run in played.runs[1:]} == {fingerprints(played.settings)["test"]}


@examples(120)
@given(st.data())
def test_whatever_people_change_between_two_sessions_it_ends(data: st.DataObject) -> None:
    """Checks and tasks that are changed, added, dropped, renamed and skipped, and commits of people, at any moment."""
    names = [f"t{i}" for i in range(data.draw(st.integers(2, 6)))]
    culprits = data.draw(st.lists(st.sampled_from([*names, "~1", "new"]), max_size=2, unique=True))
    lasting = data.draw(st.sampled_from(["", *culprits]))
    checks = [CHECKS, OTHER, RENAMED, [*CHECKS, *RENAMED]]
    needs = {
        name: data.draw(st.lists(st.sampled_from(names[:i]), max_size=2, unique=True)) if i else []
        for i, name in enumerate(names)
    }

    def breaks(check: str, there: Sequence[str]) -> bool:
        return broken_by(*culprits)(check, there) or bool(lasting and lasting in there)

    def drawn() -> dict[str, Any]:
        kept = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        tasks = [task(name, *(need for need in needs[name] if need in kept)) for name in names if name in kept]
        tasks += [task("new")] * data.draw(st.booleans())
        skip = data.draw(st.lists(st.sampled_from(kept), max_size=1))
        after = data.draw(st.sampled_from([{}, {}, {"after": "Landings", "every": data.draw(st.integers(1, 4))}]))
        settings = {"maxRepairs": data.draw(st.integers(0, 3)), **after}
        policy = data.draw(st.sampled_from(["FinishLevel", "Continue"]))
        found = data.draw(st.sampled_from(checks))
        often = {"maxAttempts": data.draw(st.integers(1, 2)), "backoffSeconds": 0}
        return spec(tasks, found, skip=skip, verification=settings, failurePolicy=policy, defaults=often)

    played = VerifiedWorld(breaks, **drawn())
    own = [*names, *(f"{name}+1" for name in names)]
    played.failing = data.draw(st.frozensets(st.sampled_from(own), max_size=2))
    for _ in range(data.draw(st.integers(1, 3))):
        for _ in range(data.draw(st.integers(0, 25))):
            if not played.step():
                break
        if played.landed and data.draw(st.booleans()) and "~1" not in played.landed:
            played.landed.append("~1")
        interrupt(played)
        if data.draw(st.booleans()):
            played.state = played.state.retried(played.state.floors)
        played.session(is_started_again=played.plan is not None and played.plan.completed, **drawn())
    played.run()
    assert played.plan is not None
    assert played.plan.completed, "a gate waits for ever"
    assert played.violations == []
    guilty = {*culprits}
    assert played.repaired().keys() <= guilty
    if played.condition[0] == "True":
        tips = [int(played.state.passed[name].commit.removeprefix("c")) for name in fingerprints(played.settings)]
        assert not any(breaks("", played.landed[:tip]) for tip in tips)
    elif SUCCEEDED in played.states().values():
        assert breaks("", played.landed)
