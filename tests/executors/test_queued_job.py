"""Jobs that a queue of Kueue admits: how they are made, what is seen of them, and how they are stopped."""

from typing import Any

import pytest

from parallelproject.core.planner.attempt import Phase
from parallelproject.core.planner.claim import Claim
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.job.executor import JobExecutor
from parallelproject.executors.job.observation import view_job
from parallelproject.executors.job.task_job import job_manifest
from parallelproject.executors.workflow.executor import WorkflowExecutor
from parallelproject.model.names import ANNOTATION_CLAIM, ANNOTATION_STOP
from tests.core.projects import compiled
from tests.executors.test_observed import A1, pod, raw_job, seen

__all__ = ["seen"]

LABEL, CLASS = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"
POD = {"spec": {"containers": [{"name": "agent", "command": ["true"]}]}}
OWNER = Owner("team", "p", "u")


def queued(
    suspend: bool = True, *, version: int = 5, label: bool = True, slots: int = 0, stop: str = "", **status: Any
) -> Any:
    """The view of a Job that was created for a queue."""
    marks = {ANNOTATION_CLAIM: Claim("coder", slots=slots).to_json()} | ({ANNOTATION_STOP: stop} if stop else {})
    metadata = {"annotations": marks, "labels": {LABEL: "q"} if label else {}, "resourceVersion": str(version)}
    return view_job(raw_job(metadata=metadata, spec={"suspend": suspend}, status=status))


def test_a_job_of_a_queue_is_created_suspended_with_its_label() -> None:
    roles = [{"name": "r", "podTemplate": POD, "queueName": "q"}, {"name": "s", "podTemplate": POD}]
    tasks = [{"id": "a", "role": "r"}, {"id": "b", "role": "s"}]
    graph, spec = compiled(roles=roles, tasks=tasks)
    made, plain = (job_manifest(OWNER, spec, graph, task, 1, {}) for task in (0, 1))
    assert (made["spec"]["suspend"], made["metadata"]["labels"][LABEL]) == (True, "q")
    assert made["metadata"]["annotations"][ANNOTATION_CLAIM] == '{"role":"r","slots":0}'
    assert LABEL not in made["spec"]["template"]["metadata"]["labels"]
    assert "suspend" not in plain["spec"]
    assert not {LABEL, CLASS} & plain["metadata"]["labels"].keys()


@pytest.mark.parametrize(
    ("priority", "name"), [("P0", "parallelproject-p0"), ("P2", None), ("P4", "parallelproject-p4")]
)
def test_a_priority_other_than_the_usual_one_has_a_class(priority: str, name: str | None) -> None:
    graph, spec = compiled(
        roles=[{"name": "r", "podTemplate": POD}], tasks=[{"id": "a"}], queueName="q", priority=priority
    )
    assert job_manifest(OWNER, spec, graph, 0, 1, {})["metadata"]["labels"].get(CLASS) == name


@pytest.mark.parametrize(
    ("view", "pods", "expected"),
    [
        (queued(), (), ("WaitingForQuota", 0)),
        (queued(), (pod("Running"),), ("WaitingForQuota", 1)),  # taken back, and its pod still ends
        (queued(suspend=False), (), (None, 1)),
        (queued(label=False), (), ("JobSuspended", 1)),  # nothing will admit it
        (queued(slots=1), (), ("JobSuspended", 1)),  # its label is the user's own
    ],
    ids=["waits", "is evicted", "is admitted", "has lost its label", "was not created for a queue"],
)
def test_what_waits_holds_no_slot(seen: ObservedAttempts, view: Any, pods: tuple[Any, ...], expected: object) -> None:
    seen.found(A1, view)
    for number, each in enumerate(pods):
        seen.part_found(A1, str(number), each)
    (attempt,) = seen.attempts["a"]
    assert attempt.claim is not None
    assert (attempt.reason, attempt.claim.slots) == expected
    assert (attempt.phase, attempt.running, attempt.claim.role) == (Phase.ACTIVE, True, "coder")
    assert attempt.is_queued is (view.is_suspended and view.has_queue)


def test_a_pod_that_is_evicted_proves_nothing_however_it_ends(seen: ObservedAttempts) -> None:
    """A command may end well when it gets SIGTERM."""
    seen.found(A1, queued(suspend=False))
    seen.part_found(A1, "p", pod("Running"))
    seen.found(A1, queued(version=6))
    seen.part_found(A1, "p", pod("Succeeded")._replace(deleting=True))
    assert seen.attempts["a"][0].reason == "WaitingForQuota"
    seen.part_gone(A1, "p")
    seen.found(A1, queued(suspend=False, version=7))
    assert [(a.phase, a.running, a.reason) for a in seen.attempts["a"]] == [(Phase.ACTIVE, True, None)]
    failed = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
    seen.part_found(A1, "q", pod("Failed", exit_code=3))
    seen.found(A1, queued(suspend=False, version=8, **failed))
    assert [(a.phase, a.exit_code) for a in seen.attempts["a"]] == [(Phase.FAILED, 3)]


def test_a_pod_that_ends_well_before_it_is_evicted_counts(seen: ObservedAttempts) -> None:
    seen.found(A1, queued(suspend=False))
    seen.part_found(A1, "p", pod("Succeeded"))
    assert seen.attempts["a"][0].phase is Phase.SUCCEEDED


def test_it_starts_when_it_is_admitted(seen: ObservedAttempts) -> None:
    created = {"creationTimestamp": "2026-01-01T00:00:00Z", "labels": {LABEL: "q"}}
    start = {"startTime": "2026-01-02T00:00:00Z"}
    waits = view_job(raw_job(metadata=created, spec={"suspend": True}))
    admitted = view_job(raw_job(metadata=created | {"resourceVersion": "6"}))
    runs = view_job(raw_job(metadata=created | {"resourceVersion": "7"}, status=start))
    assert (runs.began or 0) - (waits.began or 0) == 86_400
    waits = waits._replace(claim=Claim(slots=0).to_json())
    seen.found(A1, waits)
    assert (seen.attempts["a"][0].reason, seen.next_trouble(0.0)) == ("WaitingForQuota", None)
    for view in (waits, admitted):  # nobody misses a pod since the time when it was created
        seen.found(A1, view)
        assert "PodNotCreated" not in seen.troubles(1e12).values()
    seen.found(A1, runs)
    assert seen.troubles(1e12) == {"a": "PodNotCreated"}


def test_one_that_waits_is_marked_and_then_deleted_and_counts_as_stopped(seen: ObservedAttempts) -> None:
    executor = JobExecutor()
    first = executor.stop(queued(), "Stopped")
    assert (first.method, first.body) == ("PATCH", {"metadata": {"annotations": {ANNOTATION_STOP: "Stopped"}}})
    marked = queued(stop="Stopped", version=6, conditions=[{"type": "Suspended", "status": "True"}])
    seen.found(A1, marked)
    assert not seen.attempts["a"][0].stopping  # so it is asked for again
    assert executor.stop(marked, "Stopped").method == "DELETE"
    seen.gone(A1, "j")
    assert [a.phase for a in seen.attempts["a"]] == [Phase.STOPPED]


def test_one_that_is_admitted_meanwhile_is_stopped_as_any_other() -> None:
    change = JobExecutor().stop(queued(suspend=False, stop="Stopped"), "Stopped")
    assert change.body["spec"] == {"activeDeadlineSeconds": 1, "parallelism": 0, "suspend": False}


def test_workflows_go_into_no_queue() -> None:
    roles = [{"name": "r", "workflowSpec": {"entrypoint": "x"}, "queueName": "q"}]
    _, spec = compiled(executor="Workflow", roles=roles, tasks=[{"id": "a"}], queueName="all")
    found = [str(each) for each in WorkflowExecutor().problems(spec, "p") if "queueName" in str(each)]
    assert [each.partition(":")[0] for each in found] == ["spec.queueName", "spec.roles[0].queueName"]
    assert all("podMetadata" in each for each in found)
