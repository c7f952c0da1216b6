"""Jobs in queues of a real Kueue: they wait without a slot, start in its order, and end by a stop."""

import json

import pytest
from typer.testing import CliRunner

from tests.controller.cluster import Json, condition, role, rows, states, task
from tests.kueue.queued import QueuedNamespace, needs_cpu, spec, waiting_of


def test_jobs_wait_for_quota_and_start_in_the_order_of_their_queue(ns: QueuedNamespace) -> None:
    queue = ns.queue(jobs=1)
    ns.create(spec(task("a", hold=True), task("b", hold=True, priority=5), task("c", hold=True), queue=queue))
    ns.running("b")
    ns.waiting("a", "c")
    project = ns.get()
    assert project["status"]["counts"] | {"running": 1, "pending": 2} == project["status"]["counts"]
    job = ns.jobs("a")[-1]
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == queue
    first = sorted("ac", key=lambda each: ns.jobs(each)[0]["metadata"]["creationTimestamp"])
    ns.release("b")
    ns.until(lambda: ns.held(), "the next one to run")
    (pod,) = ns.held()
    started = pod["metadata"]["labels"]["parallelproject.io/task"]
    assert started in first
    (project,) = ns.release_until_end()
    assert condition(project, "Succeeded")["status"] == "True"
    assert {row["attempts"] for row in rows(project).values()} == {1}
