"""Runs of checks in the decisions of a round: what counts for shared limits, what starts, and what is stopped."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from parallelproject.controller.projects.capacity import Capacity
from parallelproject.controller.projects.project import Project
from parallelproject.controller.reconcile.hooks import HookRound
from parallelproject.controller.reconcile.verification import ClusterVerification
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.constraints.shared_limits import Limits
from parallelproject.core.planner.constraints.verified_work import NOTHING_VERIFIED
from parallelproject.core.planner.plan import Plan, plan
from parallelproject.core.report.verification_status import render_verification
from parallelproject.core.verification.record import VerificationRecord
from parallelproject.core.verification.reverting import REVERT
from parallelproject.core.verification.state import Repair, VerificationState
from parallelproject.core.verification.verifying import fingerprints
from parallelproject.executors.base.executor import CheckClaim
from parallelproject.executors.job.observation import JobView, PodView
from parallelproject.model.spec import Verification
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey
from tests.controller.checks import verification
from tests.controller.test_recorded_verification import project

REVERTS = verification(afterMaxRepairs="Revert")
CLAIM = CheckClaim("rev", "").to_json()
OF_QUEUE = CheckClaim("rev", "", 0).to_json()
DONE = {task: [Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0, commit="c1")] for task in "ab"}


class Shell:
    """What a round asks for."""

    def __init__(self, *, is_there: bool = True) -> None:
        self.started: list[WorkKey] = []
        self.stopped: list[tuple[WorkKey, str]] = []
        self.condition: tuple[str, str, str] | None = None
        actions: Any = SimpleNamespace(
            check=lambda project, launch: self.started.append(WorkKey.of_check(launch.check.name, launch.number)),
            stop=lambda project, key, why: self.stopped.append((key, why)),
        )
        source: Any = SimpleNamespace(is_surely_there=lambda project: is_there)
        anything: Any = SimpleNamespace(again=lambda project: None, say=print, warn=print)
        self.capacity = Capacity(Limits(total=1), anything, lambda: None)
        self.verification = ClusterVerification(self.capacity, source, actions, anything, anything)
        self.capacity._limits = Limits()

    def round(self, found: Project) -> Plan:
        assert found.spec is not None
        assert found.graph is not None
        found.status = {**found.status, "verification": found.rendered_record}
        found.take_record()
        decided = plan(found.graph, found.spec, replace(found.ledger, start_time=0.0), DONE, 10.0)
        self.capacity.planned(found, found.spec, decided)
        self.condition = self.verification.verify(found, found.spec, found.graph, decided)
        return decided


def running(found: Project, number: int = 1, **fields: Any) -> WorkKey:
    key = WorkKey.of_check("test", number)
    found.observed.found(key, JobView("x", f"job-{number}", 1, 1.0, None, "", "", "", CLAIM)._replace(**fields))
    return key


@pytest.mark.parametrize("is_there", [True, False])
def test_no_check_starts_for_a_project_that_may_be_deleted(is_there: bool) -> None:
    shell, found = Shell(is_there=is_there), project()
    shell.round(found)
    shell.round(found)  # the record of before is written
    assert shell.started == ([WorkKey.of_check("test", 1)] if is_there else [])


def test_a_check_counts_also_where_its_project_is_not_planned_or_deleted() -> None:
    shell, found = Shell(), project()
    running(found)
    shell.capacity.not_planned(found)
    assert shell.capacity._demands[found].running == 1
    assert shell.capacity.dropped(found)
    shell.capacity.remains("n", "u", found.observed)
    assert shell.capacity._gone == {("n", "u"): 1}
    found.observed.gone(WorkKey.of_check("test", 1))
    shell.capacity.remains("n", "u", found.observed)
    assert shell.capacity._gone == {}


@pytest.mark.parametrize("suspend", [True, False])
def test_a_check_that_waits_in_a_queue_is_stopped_when_the_project_is_suspended(suspend: bool) -> None:
    shell, found = Shell(), project(suspend=suspend)
    key = running(found, is_suspended=True, is_queued=True, has_queue=True, waits_in_queue=True, claim=OF_QUEUE)
    shell.round(found)
    stopped = [(each, why) for each, why in shell.stopped if why == Reason.SUSPENDED]
    assert stopped == ([(key, Reason.SUSPENDED)] if suspend else [])


def test_the_condition_says_what_keeps_a_revert_from_starting() -> None:
    condition = ("False", "Reverting", "test failed: b broke it; its work is being taken off the branch")
    verified = NOTHING_VERIFIED._replace(is_reverting=True)
    repairs = {"b": (Repair(1, "test", 2, "c" * 40),)}
    checks = {"test": fingerprints(Verification.model_validate(verification()))["test"]}
    state = VerificationState(
        verified, checks, reverting=("b",), condemned=("b",), repairs=repairs, condition=condition
    )  # fmt: skip
    record = VerificationRecord().with_state(state, 1)
    found = project(verification=REVERTS, verification_status=render_verification(record))
    shell = Shell()
    shell.round(found)
    key = WorkKey.of_check(REVERT.name, 1)
    assert shell.started == [key]
    found.observed.found(key, JobView("x", "job-1", 1, 1.0, None, "", "", "", CheckClaim("revert-1", "").to_json()))
    found.observed.part_found(key, "pod-1", PodView("job-1", "Pending", False, None, None, "", trouble="Unschedulable"))
    shell.round(found)
    assert shell.condition == (*condition[:2], f"{condition[2]}; its Job waits: Unschedulable")
    assert shell.started == [key]
    refused = project(verification=REVERTS, verification_status=render_verification(record))
    refused.observed.launching(key, CheckClaim("revert-1", "").to_json(), 1.0)
    refused.observed.denied(key, Reason.WAITING_FOR_QUOTA, "count/jobs.batch is reached", 1.0)
    shell.round(refused)
    assert shell.condition is not None
    assert shell.condition[:2] == condition[:2]
    assert shell.condition[2].endswith("WaitingForQuota: count/jobs.batch is reached")


HOOKS = {"hooks": {"beforeLevel": {"command": ["x"], "onFailure": "Stop"}}}


def hooked(found: Project, attempts: list[Attempt], claim: str = "generation 1") -> Any:
    assert found.spec is not None
    assert found.graph is not None
    key = WorkKey.of_hook("before-level-0", attempts[-1].number)
    found.observed.found(key, JobView("x", "job-1", 1, 1.0, None, "", "", "", claim))
    found.observed._others[key.work] = tuple(attempts)
    return HookRound(Any).observe(found, found.spec, found.graph)


def test_a_hook_whose_job_is_deleted_again_and_again_has_failed() -> None:
    found = project(**HOOKS)
    hooked(found, [Attempt(n, Phase.LOST) for n in range(1, 5)])
    assert found.ledger.hooks.failed == ""
    seen = hooked(found, [Attempt(n, Phase.LOST) for n in range(1, 6)])
    assert found.ledger.hooks.failed == "beforeLevel of L0"
    assert seen.report.condition == ("False", "HookFailed", "beforeLevel of L0 failed (Lost), the project stops")


@pytest.mark.parametrize("claim", ["", "nonsense", "generation 1"])
def test_the_failure_of_a_hook_counts_also_where_somebody_has_removed_its_claim(claim: str) -> None:
    found = project(**HOOKS)
    hooked(found, [Attempt(1, Phase.FAILED, exit_code=1)], claim)
    assert found.ledger.hooks.failed == "beforeLevel of L0"


def test_a_hook_that_is_removed_from_the_spec_has_not_failed() -> None:
    found = project(hooks={"afterLevel": {"command": ["x"]}})
    seen = hooked(found, [Attempt(1, Phase.FAILED, exit_code=1)])
    assert seen.report.condition == ("Unknown", "Waiting", "no hook has run yet")
