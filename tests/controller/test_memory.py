"""What the controller keeps in memory: the project that is there, and nothing of those that are gone."""

from typing import Any

import pytest
from kubernetes.aio import client

from parallelproject.controller.reconcile.attempt_watch import ObjectSink, PartSink
from parallelproject.controller.reconcile.controller import Controller
from parallelproject.executors.job.executor import JobExecutor
from parallelproject.kube.client import Api
from parallelproject.kube.lease import Leader
from parallelproject.model.names import job_name
from parallelproject.model.work import WorkKey
from tests.controller.cluster import spec, task

Json = dict[str, Any]
EXECUTOR = JobExecutor()


@pytest.fixture
def controller() -> Controller:
    configuration = client.Configuration(host="http://127.0.0.1:1")  # nothing is asked for before it runs
    api = Api(configuration, "default")
    return Controller(api, Leader(api, "me"), EXECUTOR)


def sinks(controller: Controller) -> tuple[ObjectSink, PartSink]:
    registry = controller.registry
    return ObjectSink(EXECUTOR, registry, controller._actions.lookup, controller._evidence), PartSink(
        EXECUTOR, EXECUTOR, registry
    )


def project(uid: str = "new", version: int = 100) -> Json:
    metadata = {"name": "p", "namespace": "n", "uid": uid, "resourceVersion": str(version), "generation": 1}
    return {"metadata": metadata, "spec": spec(task("a"))}


def made(kind: str, uid: str, owner: Json, **status: Any) -> Json:
    labels = {f"parallelproject.io/{k}": v for k, v in {"project": "p", "task": "a", "attempt": "1"}.items()}
    labels["parallelproject.io/project-uid"] = "new"
    name = job_name("p", "new", WorkKey.of_task("a", 1))
    metadata = {"name": name, "namespace": "n", "uid": uid, "resourceVersion": "101", "labels": labels}
    return {"kind": kind, "metadata": metadata | {"ownerReferences": [owner | {"controller": True}]}, "status": status}


JOB = made("Job", "j", {"uid": "new"})
POD = made("Pod", "p", {"uid": "j", "name": JOB["metadata"]["name"]}, phase="Succeeded")


def test_nothing_is_kept_of_a_project_that_is_gone(controller: Controller) -> None:
    jobs, pods = sinks(controller)
    controller.source.event("ADDED", project())
    jobs.seen(JOB)
    pods.seen(POD)
    assert controller.registry.observed("n", "new", EXECUTOR).attempts
    controller.source.event("DELETED", project())
    pods.seen(POD)  # still being deleted
    jobs.gone(JOB)
    pods.gone(POD)
    registry = controller.registry
    assert (registry._projects, registry._observed, registry._timers) == ({}, {}, {})


def test_nothing_is_kept_of_what_only_has_our_labels(controller: Controller) -> None:
    jobs, pods = sinks(controller)
    foreign = made("Job", "x", {"uid": "other"})
    jobs.seen(foreign)
    jobs.gone(foreign)
    alone = made("Pod", "y", {"uid": "z", "name": "other"})
    pods.seen(alone)
    pods.gone(alone)
    assert controller.registry._observed == {}


def test_a_part_that_cannot_be_read_stops_no_other_one(
    controller: Controller, caplog: pytest.LogCaptureFixture
) -> None:
    _, pods = sinks(controller)
    controller.source.event("ADDED", project())
    owner = POD["metadata"]["ownerReferences"][0]
    pods.seen(made("Pod", "forged", owner, phase="Succeeded", containerStatuses=7))
    assert "cannot be read" in caplog.text
    pods.seen(POD)
    pods.gone(made("Pod", "forged", owner, phase="Succeeded", containerStatuses=7))
    pod, *others = controller.registry.observed("n", "new", EXECUTOR).parts(WorkKey.of_task("a", 1))
    assert pod == EXECUTOR.part(POD)
    assert not others


def test_late_news_of_a_project_of_the_same_name_is_left_aside(controller: Controller) -> None:
    controller.source.event("ADDED", project("old", 50))
    controller.source.event("ADDED", project("new", 100))
    controller.source.event("MODIFIED", project("old", 60))
    controller.source.event("DELETED", project("old", 61))
    assert controller.registry._projects["n", "p"].owner.uid == "new"
