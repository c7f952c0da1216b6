"""An operator that is killed at any write while it verifies: one repair, each result once, nothing over the cap."""

import pytest

from tests.controller.checks import (
    GIT,
    Checks,
    acted_before_written,
    broken_by,
    most_at_once,
    roles,
    run_of,
    verification,
)
from tests.controller.cluster import condition, has_completed, rows, spec, task
from tests.faults.lab import Lab, Run
from tests.faults.plan import Action, Fault, Listed
from tests.faults.scenario import wait_quiet

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

TASKS = (task("a"), task("b"), task("c", "a", "b"))
KILLED = (Action.KILL_BEFORE, Action.KILL_AFTER, Action.KILL_LATE, Action.DROP_AFTER)


@pytest.mark.sampled(2, by=("action",))
@pytest.mark.parametrize("action", KILLED)
@pytest.mark.parametrize("at", range(4, 44, 2))
def test_a_fault_at_any_write_changes_no_decision(lab: Lab, action: Action, at: int) -> None:
    with Run(lab, Listed((Fault(action, "write", at, seconds=0.5),))) as run:
        made = run.namespace.create(
            spec(*TASKS, git=GIT, roles=roles(), verification=verification(), parallelism=2, defaults={"role": "coder"})
        )
        run.note_version(made["metadata"]["resourceVersion"])
        run.start()
        checks = Checks(run.namespace, broken_by("b"))
        done = checks.wait(has_completed, "the end")
        wait_quiet(run)
        events, uninvited = run.events(), run.traffic.uninvited
        left = [run_of(job) for job in checks.jobs()]
    assert condition(done, "Verified")["status"] == "True"
    assert {name: row["attempts"] for name, row in rows(done).items()} == {"a": 1, "b": 2, "c": 1}
    assert acted_before_written(events) == []
    assert most_at_once(events, made["metadata"]["uid"]) <= 2 + len(uninvited)
    assert len(set(checks.answered)) == len(checks.answered)
    assert sum(answered.probe == "" for answered in checks.answered) == 3, checks.answered
    assert len(left) <= 1, "the others are removed"
