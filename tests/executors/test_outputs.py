"""Outputs of Jobs: how they are observed, and what the Jobs of later tasks get of them."""

import json
from typing import Any

import pytest

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Phase, Record
from parallelproject.executors.job.observation import attempt_of, view_job, view_pod
from parallelproject.executors.job.task_job import check_for_cluster, job_manifest
from parallelproject.model.names import ANNOTATION_CONTAINER, ANNOTATION_DELIVERY, ANNOTATION_TASK
from parallelproject.model.project import parse_spec
from parallelproject.model.status import TaskState
from tests.executors.test_delivery_pod import GIT, OWNER
from tests.executors.test_observed import job, pod

Json = dict[str, Any]
ROLE = {"name": "r", "podTemplate": {"spec": {"containers": [{"name": "agent", "image": "x", "command": ["agent"]}]}}}
RESULT = '{"outcome": "Landed", "commit": "0123456789abcdef"}'


def ended(name: str, message: str = "", code: int = 0) -> Json:
    return {"name": name, "state": {"terminated": {"exitCode": code, **({"message": message} if message else {})}}}


def observed(phase: str, *containers: Json, git: bool = False) -> Json:
    marks = {ANNOTATION_CONTAINER: "agent"} | ({ANNOTATION_DELIVERY: "{}"} if git else {})
    owner = {"uid": "j", "controller": True}
    return {
        "metadata": {"annotations": marks, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": each["name"]} for each in containers]},
        "status": {"phase": phase, "containerStatuses": list(containers)},
    }


def outputs_of(pod_found: Json) -> dict[str, str]:
    return dict(attempt_of(1, job(), [view_pod(pod_found)], job_is_gone=False).outputs)


def test_with_git_they_are_in_the_message_of_the_container_that_lands_the_work() -> None:
    message = f'{RESULT}\n["severity", "low"]\n["n", "1"]'
    found = observed("Succeeded", ended("agent", '{"outputs": {"a": "1"}}'), ended("git", message), git=True)
    attempt = attempt_of(1, job(), [view_pod(found)], job_is_gone=False)
    assert (attempt.commit, dict(attempt.outputs)) == ("0123456789", {"severity": "low", "n": "1"})
    assert outputs_of(observed("Succeeded", ended("agent"), ended("git", RESULT), git=True)) == {}


def test_without_git_they_are_in_the_message_of_the_task_s_own_container() -> None:
    message = '{"outputs": {"severity": "low"}}'
    assert outputs_of(observed("Succeeded", ended("agent", message))) == {"severity": "low"}
    assert outputs_of(observed("Succeeded", ended("sidecar", message), ended("agent", "done"))) == {}


@pytest.mark.parametrize("git", [True, False])
def test_a_pod_that_failed_has_none(git: bool) -> None:
    message = RESULT + '\n["severity", "low"]' if git else '{"outputs": {"severity": "low"}}'
    containers = (ended("agent", message, 1), ended("git", message, 1)) if git else (ended("agent", message, 1),)
    assert outputs_of(observed("Failed", *containers, git=git)) == {}


def test_a_job_that_is_complete_before_its_pod_is_known_to_have_ended_is_not_over() -> None:
    complete = job(outcome="Complete")
    early = attempt_of(1, complete, [pod()], job_is_gone=False)
    assert (early.phase, early.running) == (Phase.ACTIVE, False)
    late = view_pod(observed("Succeeded", ended("agent", '{"outputs": {"severity": "low"}}')))
    assert attempt_of(1, complete, [late], job_is_gone=False).outputs == (("severity", "low"),)
    assert attempt_of(1, complete, [], job_is_gone=False).phase is Phase.SUCCEEDED


def made(tasks: list[Json], records: dict[str, Record], **fields: Any) -> tuple[Json, Json]:
    """The task file and the environment of the last task."""
    spec = parse_spec({"roles": [ROLE], "tasks": tasks, **fields})
    assert not check_for_cluster(spec)
    template = job_manifest(OWNER, spec, compile_graph(spec), len(tasks) - 1, 1, records)["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    assert sum(len(value.encode()) for value in annotations.values()) < 256 * 1024
    environment = {each["name"]: each.get("value") for each in template["spec"]["containers"][0]["env"]}
    return json.loads(annotations[ANNOTATION_TASK]), environment


def succeeded(**outputs: str) -> Record:
    return Record(TaskState.SUCCEEDED, 1, outputs=tuple(sorted(outputs.items())))


@pytest.mark.parametrize("fields", [{}, {"git": GIT}])
def test_the_job_of_a_later_task_has_the_value_and_the_outputs(fields: Json) -> None:
    taken = {"name": "schema", "valueFrom": {"task": "a", "output": "path"}}
    tasks = [{"id": "a"}, {"id": "b", "dependencies": ["a"]}, {"id": "c", "dependencies": ["b"], "parameters": [taken]}]
    document, environment = made(tasks, {"a": succeeded(path="$(HOME)/x"), "b": succeeded(n="1")}, **fields)
    assert document["parameters"] == {"schema": "$(HOME)/x"}
    assert environment["PPROJ_PARAM_SCHEMA"] == "$$(HOME)/x"  # literal, for the kubelet
    assert document["dependencies"][0]["outputs"] == {"n": "1"}


def test_the_outputs_of_many_dependencies_fit_into_the_annotations_of_a_pod() -> None:
    many = [{"id": f"t{i}"} for i in range(300)]
    last = {"id": "last", "dependencies": [each["id"] for each in many], "description": "ü" * 32_000}
    records = {each["id"]: succeeded(a="x" * 300, b="<" * 50) for each in many}
    document, _ = made([*many, last], records)
    held = [each["outputs"] for each in document["dependencies"]]
    assert held[0]
    assert not held[-1]


def test_a_job_is_read_as_before_where_it_has_no_pod() -> None:
    metadata = {"name": "a-1", "uid": "j", "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}
    conditions = [{"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T00:01:00Z"}]
    found = view_job({"metadata": metadata, "spec": {}, "status": {"conditions": conditions}})
    assert attempt_of(1, found, [], job_is_gone=False).phase is Phase.SUCCEEDED
