"""Jobs in queues of a real Kueue: they wait without a slot, start in its order, and end by a stop."""

import pytest

from rig.kueue import Kueue
from tests.cli.conftest import Pproj
from tests.controller.audit import AuditLog, by_user
from tests.controller.cluster import Json, condition, has_completed, role, rows, states, task
from tests.controller.operator_process import USER, OperatorProcess
from tests.kueue.queued import QueuedNamespace, needs_cpu, spec, waiting_of

pytestmark = pytest.mark.cluster


def all_succeeded(project: Json) -> bool:
    return condition(project, "Succeeded").get("status") == "True"


def most_pods(events: list[Json]) -> int:
    """The largest number of pods at once that had not ended, in the order of their writes."""
    answers = [each.get("responseObject") or {} for each in events]
    written = [each for each in answers if each.get("kind") == "Pod" and "resourceVersion" in each["metadata"]]
    live: set[str] = set()
    most = 0
    for made in sorted(written, key=lambda each: int(each["metadata"]["resourceVersion"])):
        has_ended = made["status"].get("phase") in ("Succeeded", "Failed")
        (live.discard if has_ended else live.add)(made["metadata"]["uid"])
        most = max(most, len(live))
    return most


def test_jobs_wait_for_quota_without_a_slot_and_run_one_by_one(ns: QueuedNamespace) -> None:
    queue = ns.queue(jobs=1)
    ns.create(spec(*(task(each, hold=True) for each in "abc"), queue=queue))
    (pod,) = ns.until(ns.held, "one to run")
    first = pod["metadata"]["labels"]["parallelproject.io/task"]
    others = {"a", "b", "c"} - {first}
    ns.waiting(*others)
    ns.running(first)
    counts = ns.get()["status"]["counts"]
    assert (counts["running"], counts["pending"]) == (1, 2)
    (job, *_) = ns.jobs(min(others))
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == queue
    (project,) = ns.release_until_end()
    assert all_succeeded(project)
    assert {row["attempts"] for row in rows(project).values()} == {1}


def test_the_order_is_that_of_kueue(ns: QueuedNamespace) -> None:
    queue = ns.queue(jobs=0)
    ns.priority_classes()
    for name, priority in (("low", "P4"), ("usual", "P2"), ("high", "P0")):
        ns.create(spec(task("a", hold=True), queue=queue, priority=priority), name)
        ns.waiting("a", name=name)
    ns.queue(jobs=1)
    for name in ("high", "usual", "low"):
        ns.running("a", name=name)
        assert len([each for each in ns.pods() if each["status"].get("phase") == "Running"]) == 1
        ns.release("a", name=name)
    assert all(map(all_succeeded, ns.release_until_end("low", "usual", "high")))


def test_two_projects_in_two_queues_never_have_more_than_the_quota(ns: QueuedNamespace, audit: AuditLog) -> None:
    since = audit.position()
    one, two = ns.queue(2, "one", cohortName=ns.name), ns.queue(1, "two", cohortName=ns.name)
    names = {"p": one, "q": two}
    for name, queue in names.items():
        tasks = [task(f"t{i}", hold=True) for i in range(6)]
        ns.create(spec(*tasks, queue=queue, parallelism=6, maxQueued=6), name)
    ns.until(lambda: len(ns.held("p")) + len(ns.held("q")) == 3, "three to run")
    for name in names:
        ns.wait(lambda found: len(waiting_of(found)) >= 3, "the rest to wait", name)
    assert all(map(all_succeeded, ns.release_until_end("p", "q")))
    assert most_pods(audit.events(since, ns.name)) == 3


def test_why_says_what_kueue_says(ns: QueuedNamespace, pproj: Pproj) -> None:
    ns.create(spec(task("a", hold=True), task("b", hold=True), queue=ns.queue(jobs=1), roles=[needs_cpu(role())]))
    ns.until(ns.held, "one of them to run")
    (waits,) = ns.wait(lambda found: len(waiting_of(found)) == 1, "the other one to wait") and waiting_of(ns.get())

    def words() -> str:
        conditions = (ns.workload(waits).get("status") or {}).get("conditions") or ()
        return next((each["message"] for each in conditions if each["type"] == "QuotaReserved"), "")

    said = ns.until(words, "what Kueue says")
    assert "insufficient unused quota for cpu" in said
    options = ["-n", ns.name, "--kubeconfig", ns.cluster.kubeconfig]
    answer = pproj("why", *options, "p", waits, "-o", "json").json
    assert (answer["state"], answer["reason"]) == ("Pending", "WaitingForQuota")
    assert answer["more"][0] == f"Kueue says: {said}"
    assert answer["next"] == [f"kubectl get workloads -n {ns.name}"]
    text = pproj("why", *options, "p", waits, width=200).out
    assert f"in queue {ns.jobs(waits)[0]['metadata']['labels']['kueue.x-k8s.io/queue-name']}" in text
    ns.release_until_end()


def test_an_eviction_costs_no_attempt_and_the_task_runs_again(ns: QueuedNamespace) -> None:
    queue = ns.queue(jobs=1)
    ns.create(spec(task("a", hold=True, maxAttempts=1), queue=queue))
    ns.running("a")
    (before,) = ns.held()
    ns.queue(jobs=1, stopPolicy="HoldAndDrain")  # what is admitted is taken back
    ns.waiting("a")
    ns.until(lambda: ns.is_gone(f"/api/v1/namespaces/{ns.name}/pods/{before['metadata']['name']}"), "its pod to go")
    ns.queue(jobs=1, stopPolicy="None")
    ns.running("a")
    (project,) = ns.release_until_end()
    row = rows(project)["a"]
    assert (row["state"], row["attempts"], row.get("failures")) == ("Succeeded", 1, None)
    assert len(ns.jobs("a")) == 1


def test_a_project_of_a_higher_priority_preempts_another_one(ns: QueuedNamespace) -> None:
    queue = ns.queue(jobs=1, preemption={"withinClusterQueue": "LowerPriority"})
    ns.priority_classes()
    ns.create(spec(task("a", hold=True), queue=queue, priority="P4"), "low")
    ns.running("a", name="low")
    ns.create(spec(task("b", hold=True), queue=queue, priority="P0"), "high")
    ns.running("b", name="high")
    ns.waiting("a", name="low")
    low, high = ns.release_until_end("low", "high")
    assert all_succeeded(low)
    assert all_succeeded(high)
    assert rows(low)["a"]["attempts"] == 1


def test_what_waits_in_a_queue_takes_no_slot_and_maxqueued_bounds_it(ns: QueuedNamespace) -> None:
    roles = [needs_cpu(role("queued", queueName=ns.queue(jobs=0))), role("plain")]
    tasks = [task(each, role="queued", priority=9) for each in "abc"] + [task("d", role="plain", hold=True)]
    ns.create(spec(*tasks, roles=roles, parallelism=1, maxQueued=2))
    ns.running("d")
    ns.waiting("a", "b")
    assert rows(ns.get())["c"]["reason"] in ("WaitingForQueue", "WaitingForSlot")
    ns.release("d")
    ns.wait_state("c", "Pending", "WaitingForQueue")
    assert len(ns.jobs("c")) == 0
    ns.patch({"maxQueued": 3})
    ns.waiting("a", "b", "c")


def test_a_stop_ends_what_waits_in_a_queue(ns: QueuedNamespace) -> None:
    ns.create(spec(task("a"), task("b", "a"), queue=ns.queue(jobs=0)))
    ns.waiting("a")
    ns.patch({"stop": True})
    project = ns.wait_end()
    assert states(project) == {"a": "Skipped", "b": "Skipped"}
    ns.until(lambda: not ns.jobs(), "its Job to go")


def test_a_stop_ends_what_a_queue_has_admitted(ns: QueuedNamespace) -> None:
    ns.create(spec(task("a", hold=True), queue=ns.queue(jobs=1)))
    ns.running("a")
    ns.patch({"stop": True})
    project = ns.wait_end()
    assert states(project) == {"a": "Skipped"}
    ns.until(lambda: not ns.held(), "its pod to go")


def test_a_task_that_is_removed_or_skipped_leaves_its_queue(ns: QueuedNamespace) -> None:
    queue = ns.queue(jobs=0)
    ns.create(spec(task("a"), task("b"), task("c"), queue=queue))
    ns.waiting("a", "b", "c")
    ns.patch({"tasks": [task("b"), task("c")], "skip": ["b"]})
    ns.waiting("c")
    ns.until(lambda: not ns.jobs("a") and not ns.jobs("b"), "their Jobs to go")
    assert states(ns.get()) | {"b": "Skipped", "c": "Pending"} == states(ns.get())


def test_a_suspended_project_starts_nothing_that_waits(ns: QueuedNamespace) -> None:
    ns.create(spec(task("a"), queue=ns.queue(jobs=0)))
    ns.waiting("a")
    ns.patch({"suspend": True})
    ns.wait_state("a", "Pending", "Suspended")
    ns.until(lambda: not ns.jobs(), "its Job to go")
    ns.queue(jobs=1)
    ns.patch({"suspend": False})
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row.get("failures")) == ("Succeeded", 2, None)


def test_a_project_is_deleted_with_what_waits(ns: QueuedNamespace) -> None:
    ns.create(spec(task("a"), queue=ns.queue(jobs=0)))
    ns.waiting("a")
    ns.delete()
    ns.until(lambda: not ns.exists() and not ns.jobs(), "all of it to go")


def test_a_restarted_operator_finds_what_waits(ns: QueuedNamespace, operator: OperatorProcess) -> None:
    queue = ns.queue(jobs=1)
    ns.create(spec(task("a", hold=True, maxAttempts=1), task("b", hold=True, maxAttempts=1), queue=queue))
    ns.until(ns.held, "one of them to run")
    ns.wait(lambda found: len(waiting_of(found)) == 1, "the other one to wait")
    operator.kill()
    ns.queue(jobs=2)
    ns.until(lambda: len(ns.held()) == 2, "both to run")
    operator.start()
    ns.running("a", "b")
    operator.kill()
    ns.queue(jobs=2, stopPolicy="HoldAndDrain")
    ns.until(lambda: all(job["spec"]["suspend"] for job in ns.jobs()), "both to be suspended")
    operator.start()
    ns.waiting("a", "b")
    ns.queue(jobs=2, stopPolicy="None")
    (project,) = ns.release_until_end()
    assert all_succeeded(project)
    assert {row["attempts"] for row in rows(project).values()} == {1}


def test_a_failure_in_a_queue_is_one_and_the_next_attempt_waits_again(ns: QueuedNamespace) -> None:
    ns.create(spec(task("a", fail_attempts=1, exit_code=3), queue=ns.queue(jobs=1), defaults={"maxAttempts": 2}))
    project = ns.wait_end()
    row = rows(project)["a"]
    assert (row["state"], row["attempts"], row["failures"]) == ("Succeeded", 2, 1)


def test_a_hundred_jobs_in_a_queue_cost_no_request(ns: QueuedNamespace, audit: AuditLog) -> None:
    empty, other = ns.queue(jobs=0), ns.queue(1, "other")
    ns.create(spec(*(task(f"t{i}") for i in range(100)), queue=empty, parallelism=100))
    ns.wait(lambda found: len(waiting_of(found)) == 100, "all of them to wait")
    for name in ("first", "second"):  # what is written about the start of the large one ends with the first
        since = audit.position()
        ns.create(spec(*(task(f"s{i}") for i in range(4)), queue=other), name)  # as long as this takes
        assert all_succeeded(ns.wait_end(name))
    asked = by_user(audit.events(since, ns.name), USER)
    about = [each["requestURI"] for each in asked if "/p-t" in each["requestURI"] or "/p/" in each["requestURI"]]
    assert about == []
    ns.delete()


def test_an_absent_kueue_is_waited_for(ns: QueuedNamespace, kueue: Kueue) -> None:
    queue = ns.queue(jobs=1)
    kueue.stop()
    try:
        ns.create(spec(task("a"), queue=queue))
        ns.wait_state("a", "Pending", "FailedCreate")  # its webhook does not answer
    finally:
        kueue.start()
    assert all_succeeded(ns.wait_end())


def test_workflows_have_no_queue_of_jobs(ns: QueuedNamespace) -> None:
    workflow = {"name": "r", "workflowSpec": {"entrypoint": "x"}}
    ns.create(spec(task("a"), roles=[workflow], executor="Workflow", queue="q"))
    project = ns.wait(lambda found: condition(found, "Accepted").get("status") == "False", "a refusal")
    assert not has_completed(project)
