"""What is seen of attempts, in any order and with gaps, adds up to where they stand."""

from decimal import Decimal
from typing import Any

import pytest

from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.core.planner.attempt import STOP_OVERDUE, Phase
from parallelproject.core.planner.claim import Claim
from parallelproject.executors.base.creations import REFUSED_FIRST, REFUSED_LONGEST
from parallelproject.executors.base.delivered import Delivered
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.executors.job.executor import JobExecutor
from parallelproject.executors.job.observation import JobView, PodView, attempt_of, view_job, view_pod
from parallelproject.model.names import ANNOTATION_CONTAINER, ANNOTATION_DELIVERY
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey

A1, A2 = WorkKey.of_task("a", 1), WorkKey.of_task("a", 2)


def job(uid: str = "j", version: int = 1, outcome: str = "", reason: str = "", stopped_for: str = "") -> JobView:
    return JobView("a-1", uid, version, 100.0, 110.0 if outcome else None, outcome, reason, stopped_for)


def pod(
    phase: str = "Running", job_uid: str = "j", exit_code: int | None = None, *, disrupted: bool = False
) -> PodView:
    ended = 109.0 if phase in ("Succeeded", "Failed") else None
    return PodView(job_uid, phase, disrupted, ended, exit_code, "")


@pytest.fixture
def seen() -> ObservedAttempts:
    return ObservedAttempts(JobExecutor())


def phases(seen: ObservedAttempts) -> list[Phase]:
    return [attempt.phase for attempt in seen.attempts.get("a", ())]


def test_an_attempt_asked_for_holds_its_slot_until_it_is_seen_or_refused(seen: ObservedAttempts) -> None:
    seen.launching(A1, "coder")
    assert [(a.phase, a.running) for a in seen.attempts["a"]] == [(Phase.LAUNCHING, True)]
    seen.refused(A1, None, 2.0)
    assert seen.attempts == {}
    seen.launching(A1, "coder")
    seen.refused(A1, Reason.NAME_CONFLICT, 4.0)
    assert [(a.phase, a.reason) for a in seen.attempts["a"]] == [(Phase.FAILED, Reason.NAME_CONFLICT)]


def test_a_start_can_wait_for_the_next_plan_and_everything_else_cannot(seen: ObservedAttempts) -> None:
    def news() -> tuple[bool, bool]:
        found = seen.changed, seen.has_start
        seen.changed = seen.has_start = False
        return found

    news()
    seen.launching(A1, "{}")
    assert news() == (False, True)
    seen.found(A1, job()._replace(claim="{}"))
    assert news() == (False, True)
    seen.part_found(A1, "p", pod("Succeeded"))
    assert news() == (True, False)
    seen.launching(A2, "{}")
    assert news() == (False, True)
    seen.denied(A2, Reason.FAILED_CREATE, "no", 3.0, waits=False)
    assert news() == (True, False)
    seen.refused(A2, None, 4.0)
    assert news() == (True, False)


@pytest.mark.parametrize(
    "found",
    [
        job(stopped_for="Stopped"),
        job(outcome="Failed", reason="BackoffLimitExceeded"),
        job()._replace(is_suspended=True),
        job()._replace(claim='{"role":"other"}'),
    ],
    ids=["is being stopped", "has ended", "is suspended", "holds something else"],
)
def test_an_attempt_that_does_not_just_run_is_planned_with_at_once(seen: ObservedAttempts, found: JobView) -> None:
    seen.launching(A1, "{}")
    seen.changed = False
    seen.found(A1, found)
    assert seen.changed


def test_a_late_answer_does_not_undo_what_the_watch_has_told(seen: ObservedAttempts) -> None:
    seen.found(A1, job(version=9, outcome="Complete"))
    seen.found(A1, job(version=3))
    assert phases(seen) == [Phase.SUCCEEDED]
    seen.gone(A1, "j")
    seen.found(A1, job(version=4))
    assert phases(seen) == [Phase.SUCCEEDED]


def test_a_pod_that_succeeded_ends_the_attempt_at_once(seen: ObservedAttempts) -> None:
    seen.found(A1, job())
    seen.part_found(A1, "p", pod("Succeeded"))
    (attempt,) = seen.attempts["a"]
    assert (attempt.phase, attempt.running, attempt.ended) == (Phase.SUCCEEDED, False, 109.0)


def test_a_pod_that_failed_frees_the_slot_and_its_job_ends_the_attempt(seen: ObservedAttempts) -> None:
    seen.found(A1, job())
    seen.part_found(A1, "p", pod("Failed", exit_code=3))
    assert [(a.phase, a.running) for a in seen.attempts["a"]] == [(Phase.ACTIVE, False)]
    seen.found(A1, job(version=2, outcome="Failed", reason="BackoffLimitExceeded"))
    assert [(a.phase, a.reason, a.exit_code) for a in seen.attempts["a"]] == [(Phase.FAILED, Reason.EXIT_CODE, 3)]


def test_a_job_that_failed_waits_for_the_word_of_its_pod(seen: ObservedAttempts) -> None:
    seen.found(A1, job())
    seen.part_found(A1, "p", pod("Running"))
    seen.found(A1, job(version=2, outcome="Failed", reason="BackoffLimitExceeded"))
    assert [(a.phase, a.running) for a in seen.attempts["a"]] == [(Phase.ACTIVE, False)]
    seen.part_found(A1, "p", pod("Failed", exit_code=3))
    assert [(a.phase, a.exit_code) for a in seen.attempts["a"]] == [(Phase.FAILED, 3)]


def test_an_evicted_pod_keeps_the_slot_for_the_next(seen: ObservedAttempts) -> None:
    seen.found(A1, job())
    seen.part_found(A1, "p", pod("Failed", exit_code=137, disrupted=True))
    assert [(a.phase, a.running) for a in seen.attempts["a"]] == [(Phase.ACTIVE, True)]
    seen.part_found(A1, "q", pod("Succeeded"))
    assert phases(seen) == [Phase.SUCCEEDED]


def test_a_job_that_vanished_is_lost_once_its_pods_are_gone(seen: ObservedAttempts) -> None:
    seen.found(A1, job())
    seen.part_found(A1, "p", pod("Running"))
    seen.gone(A1, "j")
    assert phases(seen) == [Phase.ACTIVE]
    seen.part_gone(A1, "p")
    assert phases(seen) == [Phase.LOST]


def test_a_pod_made_to_outlive_its_job_still_is_the_attempt(seen: ObservedAttempts) -> None:
    seen.found(A1, job())
    seen.part_found(A1, "p", pod("Running"))
    seen.part_found(A1, "p", pod("Running", job_uid=""))
    seen.gone(A1, "j")
    assert phases(seen) == [Phase.ACTIVE]
    seen.part_found(A1, "p", pod("Succeeded", job_uid=""))
    assert phases(seen) == [Phase.SUCCEEDED]


def test_what_no_job_of_ours_controls_does_not_count(seen: ObservedAttempts) -> None:
    seen.part_found(A1, "p", pod("Succeeded", job_uid=""))
    assert seen.attempts == {}
    assert not seen.unconfirmed
    seen.found(A1, job())
    seen.part_found(A1, "q", pod("Succeeded", job_uid="other"))
    assert phases(seen) == [Phase.ACTIVE]


def test_the_deletion_of_another_job_does_not_count(seen: ObservedAttempts) -> None:
    seen.gone(A1, "foreign")
    assert seen.attempts == {}
    seen.launching(A1, "coder")
    seen.gone(A1, "foreign")
    assert phases(seen) == [Phase.LAUNCHING]
    seen.found(A1, job())
    seen.gone(A1, "foreign")
    assert phases(seen) == [Phase.ACTIVE]


def test_a_pod_without_its_job_has_the_job_looked_up(seen: ObservedAttempts) -> None:
    seen.part_found(A1, "p", pod("Running"))
    assert seen.unconfirmed == {A1}
    assert phases(seen) == [Phase.ACTIVE]
    seen.found(A1, job())
    assert seen.unconfirmed == frozenset()


def test_attempts_are_told_in_their_order(seen: ObservedAttempts) -> None:
    seen.found(A2, job(uid="k"))
    seen.found(A1, job(outcome="Failed"))
    assert [a.number for a in seen.attempts["a"]] == [1, 2]


def test_only_what_matters_is_a_change(seen: ObservedAttempts) -> None:
    seen.found(A1, job())
    seen.changed = False
    seen.found(A1, job(version=2))
    seen.part_found(A1, "p", pod("Pending"))
    seen.part_found(A1, "p", pod("Running"))
    assert not seen.changed
    seen.part_found(A1, "p", pod("Succeeded"))
    assert seen.changed
    seen.changed = False
    seen.found(A1, job(version=3, outcome="Complete"))
    seen.part_gone(A1, "p")
    assert not seen.changed


def test_nothing_is_left_of_what_was_forgotten(seen: ObservedAttempts) -> None:
    seen.found(A1, job(outcome="Complete"))
    seen.part_found(A1, "p", pod("Succeeded"))
    assert not seen.is_empty
    seen.forget(A1)
    assert seen.is_empty
    assert seen.attempts == {}


def agent(state: dict[str, Any]) -> dict[str, Any]:
    return {"name": "agent", "state": state}


def prepare(state: dict[str, Any]) -> dict[str, Any]:
    return {"name": "prepare", "state": state}


PROXY_NOT_STARTED = {"name": "proxy", "state": {"terminated": {"reason": "StartError"}}}
PROXY_WAITS = {"name": "proxy", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
AGENT_RUNS = {"name": "agent", "state": {"running": {}}}


@pytest.mark.parametrize(
    ("status", "delivers", "trouble"),
    [
        ({"phase": "Pending"}, False, None),
        ({"phase": "Pending", "containerStatuses": [agent({"waiting": {"reason": "ContainerCreating"}})]}, False,
         None),
        ({"phase": "Pending", "initContainerStatuses": [prepare({"waiting": {"reason": "ErrImagePull"}})]}, False,
         "ImagePullBackOff"),
        ({"phase": "Pending", "containerStatuses": [agent({"waiting": {"reason": "InvalidImageName"}})]}, False,
         "InvalidImageName"),
        ({"phase": "Running", "containerStatuses": [agent({"terminated": {"reason": "StartError"}})]}, True,
         "StartError"),
        ({"phase": "Running", "containerStatuses": [agent({"terminated": {"reason": "StartError"}})]}, False, None),
        ({"phase": "Running", "containerStatuses": [PROXY_NOT_STARTED, AGENT_RUNS]}, True, None),
        ({"phase": "Running", "containerStatuses": [PROXY_WAITS, AGENT_RUNS]}, True, None),
        ({"phase": "Pending", "containerStatuses": [PROXY_WAITS]}, True, "CrashLoopBackOff"),
        ({"phase": "Failed", "containerStatuses": [agent({"terminated": {"reason": "StartError"}})]}, True, None),
        ({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
         False, "Unschedulable"),
        ({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]},
         False, "SchedulingGated"),
    ],
)  # fmt: skip
def test_what_keeps_a_pod_from_beginning_is_seen(
    seen: ObservedAttempts, status: dict[str, Any], delivers: bool, trouble: str | None
) -> None:
    owner = {"controller": True, "uid": "j"}
    marks = {ANNOTATION_CONTAINER: "agent"} | ({ANNOTATION_DELIVERY: "{}"} if delivers else {})
    metadata = {"ownerReferences": [owner], "annotations": marks}
    containers = [{"name": "proxy"}, {"name": "agent"}]
    seen.found(A1, job())
    seen.part_found(A1, "p", view_pod({"metadata": metadata, "spec": {"containers": containers}, "status": status}))
    assert seen.troubles(0.0) == ({"a": trouble} if trouble else {})
    assert seen.attempts["a"][0].cannot_begin is (trouble == "StartError")


def test_an_attempt_that_was_stopped_since_it_could_not_start_has_failed(seen: ObservedAttempts) -> None:
    seen.found(A1, job(outcome="Failed", reason="DeadlineExceeded", stopped_for="StartError"))
    (attempt,) = seen.attempts["a"]
    assert (attempt.phase, attempt.reason) == (Phase.FAILED, Reason.START_ERROR)


def test_a_job_that_has_no_pod_for_long_is_told(seen: ObservedAttempts) -> None:
    seen.found(A1, job())
    (attempt,) = seen.attempts["a"]
    assert attempt.started is not None
    late = attempt.started + JobExecutor.part_seconds
    assert (seen.troubles(late - 1), seen.next_trouble(late - 1)) == ({}, late)
    assert (seen.troubles(late), seen.next_trouble(late)) == ({"a": "PodNotCreated"}, None)
    pod = {"metadata": {"ownerReferences": [{"controller": True, "uid": "j"}]}, "status": {"phase": "Pending"}}
    seen.part_found(A1, "p", view_pod({**pod, "spec": {"containers": [{"name": "agent"}]}}))
    assert (seen.troubles(late), seen.next_trouble(late - 1)) == ({}, None)


def test_a_refused_attempt_waits_longer_each_time_and_is_forgotten_once_it_is_there(seen: ObservedAttempts) -> None:
    reason = Reason.REFUSED_BY_POLICY
    for tries in range(8):
        seen.launching(A1, "coder", 100.0)
        seen.denied(A1, reason, "no", 100.0)
        (attempt,) = seen.attempts["a"]
        assert (attempt.phase, attempt.reason, attempt.running) == (Phase.REFUSED, reason, False)
        assert attempt.ended == 100.0 + min(REFUSED_LONGEST, REFUSED_FIRST * 2**tries)
    seen.launching(A1, "coder", 200.0)
    assert seen.attempts["a"][0][:3] == (1, Phase.LAUNCHING, True)
    assert seen.attempts["a"][0].started == 200.0
    seen.found(A1, job())
    assert not seen.refusals


def test_another_spec_and_room_in_a_quota_are_tried_at_once(seen: ObservedAttempts) -> None:
    other = WorkKey.of_task("b", 1)
    seen.denied(A1, Reason.REFUSED_BY_POLICY, "no", 100.0)
    seen.denied(other, Reason.WAITING_FOR_QUOTA, "full", 100.0)
    seen.gone(WorkKey.of_task("c", 1), "")
    assert seen.attempts["b"][0].ended == 0.0
    assert seen.attempts["a"][0].ended > 100.0
    seen.allow()
    assert not {"a", "b"} & seen.attempts.keys()


def raw_job(**changed: Any) -> dict[str, Any]:
    """A Job as the API server has it, with some of its spec, status or metadata changed."""
    made: dict[str, Any] = {
        "metadata": {"name": "a-1", "uid": "j", "resourceVersion": "5", "generation": 2, "annotations": {}},
        "spec": {"backoffLimit": 0, "parallelism": 1, "completions": 1},
        "status": {},
    }
    return {part: {**fields, **changed.get(part, {})} for part, fields in made.items()}


STOPPED = {"annotations": {"parallelproject.io/stopped-for": "Stopped"}}
HALTED = {"parallelism": 0, "activeDeadlineSeconds": 1, "suspend": False}


@pytest.mark.parametrize(
    ("changed", "running", "reason"),
    [
        ({}, False, None),
        ({"spec": {"suspend": True}}, True, "JobSuspended"),  # it is resumed with another pod
        ({"spec": {"parallelism": 0}}, True, "JobSuspended"),
        ({"spec": {"backoffLimit": 3}}, True, None),  # another pod follows
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, False, "JobTerminating"),
        ({"status": {"conditions": [{"type": "FailureTarget", "status": "True"}]}}, False, None),
        ({"status": {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}}, False, None),
        ({"status": {"conditions": [{"type": "Suspended", "status": "False"}]}}, False, None),
    ],
)
def test_a_failed_pod_frees_the_slot_only_where_none_can_follow(
    seen: ObservedAttempts, changed: dict[str, Any], running: bool, reason: str | None
) -> None:
    seen.found(A1, view_job(raw_job(**changed)))
    seen.part_found(A1, "p", pod("Failed", exit_code=143))
    assert [(a.phase, a.running, a.reason) for a in seen.attempts["a"]] == [(Phase.ACTIVE, running, reason)]


def test_a_pod_that_is_deleted_frees_no_slot_before_its_job_says_so(seen: ObservedAttempts) -> None:
    """Of a Job that is suspended this very moment the pod is seen to fail first."""
    seen.found(A1, view_job(raw_job()))
    seen.part_found(A1, "p", pod("Failed", exit_code=143)._replace(deleting=True))
    assert [a.running for a in seen.attempts["a"]] == [True]


@pytest.mark.parametrize(
    ("changed", "stopping"),
    [
        ({"metadata": STOPPED, "spec": HALTED}, True),
        ({"metadata": STOPPED, "spec": HALTED | {"suspend": True}}, False),
        ({"metadata": STOPPED, "spec": HALTED | {"parallelism": 1}}, False),
        ({"metadata": STOPPED, "spec": HALTED | {"activeDeadlineSeconds": 600}}, False),
    ],
)
def test_a_stop_that_somebody_takes_back_is_asked_for_again(
    seen: ObservedAttempts, changed: dict[str, Any], stopping: bool
) -> None:
    seen.found(A1, view_job(raw_job(**changed)))
    assert [(a.phase, a.stopping) for a in seen.attempts["a"]] == [(Phase.ACTIVE, stopping)]


def test_a_job_that_was_stopped_and_deleted_while_suspended_has_ended(seen: ObservedAttempts) -> None:
    suspended = {"conditions": [{"type": "Suspended", "status": "True"}]}
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["parallelproject.io/recorded"]}
    stopped = {"metadata": STOPPED | gone, "spec": {"suspend": True}}
    seen.found(A1, view_job(raw_job(**stopped, status={**suspended, "active": 1})))
    assert phases(seen) == [Phase.ACTIVE]
    seen.found(A1, view_job(raw_job(**stopped, status=suspended))._replace(version=6))
    assert phases(seen) == [Phase.STOPPED]
    assert not list(seen.releasable(lambda attempt, task: False))
    assert list(seen.releasable(lambda attempt, task: True)) == [A1]


@pytest.mark.parametrize(("why", "reason"), [("StartError", "StartError"), (STOP_OVERDUE, "DeadlineExceeded")])
def test_what_was_stopped_for_what_it_did_has_failed(seen: ObservedAttempts, why: str, reason: str) -> None:
    seen.found(A1, job(outcome="Failed", reason="DeadlineExceeded", stopped_for=why))
    assert [(a.phase, a.reason) for a in seen.attempts["a"]] == [(Phase.FAILED, reason)]


def test_what_was_stopped_for_what_it_did_has_failed_also_where_its_job_is_gone(seen: ObservedAttempts) -> None:
    seen.found(A1, job(stopped_for=STOP_OVERDUE))
    seen.gone(A1, "j")
    assert [(a.phase, a.reason) for a in seen.attempts["a"]] == [(Phase.FAILED, "DeadlineExceeded")]


def test_one_that_is_suspended_again_after_its_stop_is_known_to_be_suspended(seen: ObservedAttempts) -> None:
    """Else nobody holds its deadline any more."""
    again = raw_job(metadata=STOPPED, spec=HALTED | {"suspend": True})
    seen.found(A1, view_job(again))
    assert [(a.reason, a.stopping) for a in seen.attempts["a"]] == [("JobSuspended", False)]


def test_a_held_job_that_is_deleted_after_its_end_is_looked_at_again(seen: ObservedAttempts) -> None:
    seen.found(A1, job(outcome="Failed")._replace(held=True))
    seen.changed = False
    seen.found(A1, job(outcome="Failed", version=2)._replace(held=True, deleting=True))
    assert seen.changed


def test_a_claim_and_a_stop_are_known_whoever_removes_the_annotations(seen: ObservedAttempts) -> None:
    seen.found(A1, job(stopped_for="Stopped")._replace(claim="coder\nx"))
    seen.found(A1, job(version=2))
    assert [(a.claim, a.stopping) for a in seen.attempts["a"]] == [(Claim("coder", ("x",)), True)]
    seen.found(A1, job(version=3, outcome="Failed"))
    assert phases(seen) == [Phase.STOPPED]


def test_a_job_is_held_while_it_runs_and_until_its_end_is_recorded(seen: ObservedAttempts) -> None:
    held = job()._replace(held=True)
    seen.found(A1, held)
    assert [j.uid for j in seen.held()] == ["j"]
    assert not list(seen.releasable(lambda attempt, task: True))
    seen.part_found(A1, "p", pod("Succeeded"))
    assert not list(seen.releasable(lambda attempt, task: False))
    assert list(seen.releasable(lambda attempt, task: attempt.phase is Phase.SUCCEEDED)) == [A1]
    seen.found(A1, job(version=2))
    assert not list(seen.releasable(lambda attempt, task: True))
    assert seen.held() == []


def test_a_job_that_is_deleted_before_its_end_is_not_held(seen: ObservedAttempts) -> None:
    seen.found(A1, job()._replace(held=True, deleting=True))
    assert list(seen.releasable(lambda attempt, task: False)) == [A1]


def test_only_finished_jobs_that_are_there_and_recorded_are_counted(seen: ObservedAttempts) -> None:
    seen.found(A1, job(outcome="Failed"))
    seen.found(A2, job(uid="k", outcome="Complete"))
    seen.found(WorkKey.of_task("b", 1), job(uid="l"))
    seen.found(WorkKey.of_task("c", 1), job(uid="m", outcome="Complete")._replace(deleting=True))
    seen.found(WorkKey.of_task("d", 1), job(uid="n", outcome="Complete"))
    seen.gone(WorkKey.of_task("d", 1), "n")
    assert [(j.key.task, j.key.attempt, j.succeeded) for j in seen.finished(lambda a, t: True)] == [
        ("a", 1, False),
        ("a", 2, True),
    ]
    assert [j.key.attempt for j in seen.finished(lambda a, t: a.number == 2)] == [2]


def reporting(phase: str, usage: AgentUsage, *, disrupted: bool = False) -> PodView:
    found = pod(phase, exit_code=1 if phase == "Failed" else None, disrupted=disrupted)
    return found._replace(delivered=Delivered(usage=usage))


@pytest.mark.parametrize(
    ("found", "last", "phase"),
    [
        (job(outcome="Complete"), "Succeeded", Phase.SUCCEEDED),
        (job(outcome="Failed", reason="BackoffLimitExceeded"), "Failed", Phase.FAILED),
        (job(outcome="Failed", reason="DeadlineExceeded", stopped_for="Stopped"), "Failed", Phase.STOPPED),
        (job(outcome="Failed", reason="DeadlineExceeded", stopped_for="StartError"), "Failed", Phase.FAILED),
    ],
)
def test_what_an_agent_used_counts_however_its_attempt_ended_and_also_in_pods_that_were_evicted(
    found: JobView, last: str, phase: Phase
) -> None:
    pods = [
        reporting("Failed", AgentUsage(10, 1, Decimal("0.5")), disrupted=True),
        reporting(last, AgentUsage(5, 2, None)),
    ]
    ended = attempt_of(1, found._replace(claim='{"role":"coder"}'), pods, job_is_gone=False)
    assert (ended.phase, ended.usage) == (phase, AgentUsage(15, 3, Decimal("0.5")))
    assert ended.claim == Claim("coder"), "whose budget it has spent"


@pytest.mark.parametrize(
    ("why", "phase", "reason"),
    [("Stopped", Phase.FAILED, Reason.NEEDS_INPUT), (STOP_OVERDUE, Phase.FAILED, Reason.DEADLINE_EXCEEDED)],
)
def test_an_attempt_that_ends_with_a_question_while_it_is_stopped_asks(why: str, phase: Phase, reason: Reason) -> None:
    found = pod("Failed", exit_code=0)
    found = found._replace(delivered=Delivered(Reason.NEEDS_INPUT, exit_code=1, question="Which port?"))
    stopped = job(outcome="Failed", reason="DeadlineExceeded", stopped_for=why)
    ended = attempt_of(1, stopped, [found], job_is_gone=False)
    assert (ended.phase, ended.reason) == (phase, reason)
    assert ended.question == ("Which port?" if reason is Reason.NEEDS_INPUT else "")
