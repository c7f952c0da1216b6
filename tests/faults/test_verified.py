"""An operator that is killed at any write while it verifies: one search and one repair a failure, each result once,
nothing over the cap.

And one that takes work off the branch: once, and not before the status says what.
"""

import pytest

from parallelproject.core.verification.reverting import REVERT
from tests.controller.checks import (
    GIT,
    Checks,
    acted_before_written,
    broken_by,
    most_at_once,
    roles,
    run_of,
    searched_again,
    verification,
)
from tests.controller.cluster import Json, condition, has_completed, rows, spec, task
from tests.faults.graphs import TEST
from tests.faults.lab import Lab, Run
from tests.faults.plan import Action, Fault, Listed
from tests.faults.scenario import wait_quiet
from tests.faults.steps_and_hooks import through

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

TASKS = (task("a"), task("b"), task("c", "a", "b"))
GATED = (
    through(task("a"), "test", ends={2: "rejected"}),
    through(task("b"), "test", ends={}),
    through(task("c", "a", "b"), "test", ends={}),
)
KILLED = (Action.KILL_BEFORE, Action.KILL_AFTER, Action.KILL_LATE, Action.DROP_AFTER)
FORGETS_PROBES = """
import parallelproject.core.verification.record as record
with_ended = record.VerificationRecord.with_ended
def forgetful(self, ended):
    return with_ended(self, [run if run.probe is None else run._replace(revision="") for run in ended])
record.VerificationRecord.with_ended = forgetful
"""
"""A bug: the results of a search are not recorded."""


@pytest.mark.sampled(2, by=("action",))
@pytest.mark.parametrize("action", KILLED)
@pytest.mark.parametrize("at", range(4, 44, 2))
def test_a_fault_at_any_write_changes_no_decision(lab: Lab, action: Action, at: int) -> None:
    check_fault(lab, Fault(action, "write", at, seconds=0.5), TASKS, {"a": 1, "b": 2, "c": 1})


@pytest.mark.sampled(1, by=("action",))
@pytest.mark.parametrize("action", KILLED)
@pytest.mark.parametrize("at", range(4, 64, 3))
def test_nor_does_one_where_gates_judge_work_and_repairs(lab: Lab, action: Action, at: int) -> None:
    fault = Fault(action, "write", at, seconds=0.5)
    check_fault(lab, fault, GATED, {"a": 4, "b": 4, "c": 2}, steps=[TEST])


def check_fault(lab: Lab, fault: Fault, tasks: tuple[Json, ...], attempts: dict[str, int], **fields: object) -> None:
    """Asserts that b breaks the check and repairs it once, whatever goes wrong."""
    with Run(lab, Listed((fault,))) as run:
        made = run.namespace.create(project(tasks, **fields))
        run.note_version(made["metadata"]["resourceVersion"])
        run.start()
        checks = Checks(run.namespace, broken_by("b"))
        done = checks.wait(has_completed, "the end")
        wait_quiet(run)
        events, uninvited = run.events(), run.traffic.uninvited
        left = [run_of(job) for job in checks.jobs()]
    uid = made["metadata"]["uid"]
    assert condition(done, "Verified")["status"] == "True"
    assert {name: row["attempts"] for name, row in rows(done).items()} == attempts
    assert acted_before_written(events) == []
    assert searched_again(events, uid) == []
    assert most_at_once(events, uid) <= 2 + len(uninvited)
    assert len(set(checks.answered)) == len(checks.answered)
    assert sum(answered.probe == "" for answered in checks.answered) == 3, checks.answered
    assert len(left) <= 1, "the others are removed"


def test_a_search_that_is_made_again_is_caught(lab: Lab) -> None:
    with Run(lab, patch=FORGETS_PROBES) as run:
        made = run.namespace.create(project(TASKS))
        run.start()
        checks = Checks(run.namespace, broken_by("b"))
        checks.wait(lambda found: searched_again(run.events(), made["metadata"]["uid"]), "a second search")


def project(tasks: tuple[Json, ...], **fields: object) -> Json:
    """One whose work is verified after each level."""
    checked = {"git": GIT, "roles": roles(), "verification": verification(), "defaults": {"role": "coder"}}
    return spec(*tasks, parallelism=2, **checked, **fields)


OFF = (task("a"), task("b"), task("c", "a"), task("d", "b"))
EARLY = """
from parallelproject.controller.projects.project import Project
def take_record(self):
    if self.known_record is not self.record:
        self.known_record = self.record
        self._verify()
    return True
Project.take_record = take_record
"""
"""A patch: what follows from a result happens before the status has it."""


def _takes_out(run: Run) -> list[str]:
    """A run in which the work of b is taken off the branch; what is wrong with it."""
    made = run.namespace.create(
        spec(
            *OFF, git=GIT, roles=roles(), parallelism=2, defaults={"role": "coder"}, failurePolicy="Continue",
            verification=verification(maxRepairs=0, afterMaxRepairs="Revert"),
        )
    )  # fmt: skip
    run.note_version(made["metadata"]["resourceVersion"])
    run.start()
    checks = Checks(run.namespace, lambda check, there: "b" in there)
    done = checks.wait(has_completed, "the end")
    wait_quiet(run)
    events, uninvited = run.events(), run.traffic.uninvited
    assert condition(done, "Verified")["status"] == "True"
    assert {name: row["state"] for name, row in rows(done).items()} == {
        "a": "Succeeded", "b": "Failed", "c": "Succeeded", "d": "Skipped",
    }  # fmt: skip
    assert {name: row.get("attempts") for name, row in rows(done).items()} == {"a": 1, "b": 1, "c": 1, "d": None}
    assert checks.landed == ["a", "b", "-b", "c"] or checks.landed == ["b", "a", "-b", "c"]
    assert done["status"]["verification"]["reverted"] == ["b"]
    assert most_at_once(events, made["metadata"]["uid"]) <= 2 + len(uninvited)
    assert sum(answered.check == REVERT.name for answered in checks.answered) == 1
    return acted_before_written(events)


@pytest.mark.sampled(2, by=("action",))
@pytest.mark.parametrize("action", KILLED)
@pytest.mark.parametrize("at", range(5, 41, 2))
def test_a_fault_at_any_write_takes_work_off_the_branch_once(lab: Lab, action: Action, at: int) -> None:
    with Run(lab, Listed((Fault(action, "write", at, seconds=0.5),))) as run:
        assert _takes_out(run) == []


@pytest.mark.parametrize("patch", ["", EARLY], ids=["as it is", "with a planted bug"])
def test_what_is_done_before_the_status_says_it_is_caught(lab: Lab, patch: str) -> None:
    refused = tuple(Fault(Action.ANSWER, "patch-status", at, status=503) for at in range(1, 120, 2))
    with Run(lab, Listed(refused), patch=patch) as run:
        found = _takes_out(run)
    said = any("does not say what it takes off the branch" in each for each in found)
    assert said == bool(patch), found
