"""A project that runs again from the start: new attempts with new numbers, and no result of before counts."""

import json

import pytest

from tests.controller.cluster import Json, Namespace, condition, role, rows, spec, states, task
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster


def attempts(project: Json) -> dict[str, int]:
    return {name: row["attempts"] for name, row in rows(project).items()}


def test_a_finished_project_runs_again_from_the_start(ns: Namespace, operator: OperatorProcess) -> None:
    ns.create(spec(task("a"), task("b", "a", fail_attempts=1), task("c"), activeDeadlineSeconds=600))
    done = ns.wait_end()
    assert attempts(done) == {"a": 1, "b": 2, "c": 1}
    said = ns.pproj("rerun", "p", check=False)
    assert (said.returncode, said.stdout) == (0, "p: 3 tasks to run again from the start: a, b, c\n"), said.stderr
    operator.kill()  # who comes next finds Jobs and rows of before
    operator.start()
    again = ns.wait_end()
    assert attempts(again) == {"a": 2, "b": 3, "c": 2}
    assert set(states(again).values()) == {"Succeeded"}
    assert again["status"]["metrics"]["retries"] == 0
    assert again["status"]["startTime"] >= done["status"]["completionTime"]
    jobs = [j["metadata"]["name"] for j in ns.jobs()]
    assert len(jobs) == len(set(jobs)) == 7


def test_some_tasks_run_again_with_all_that_depend_on_them(ns: Namespace) -> None:
    ns.create(spec(task("a"), task("b", "a"), task("c", "b"), task("d")))
    done = ns.wait_end()
    ns.pproj("rerun", "p", "b")
    again = ns.wait_end()
    assert attempts(again) == {"a": 1, "b": 2, "c": 2, "d": 1}
    # Its deadline counts from then on, also where only some run again.
    assert again["status"]["startTime"] >= done["status"]["completionTime"]
    ns.pproj("rerun", "p")
    assert attempts(ns.wait_end()) == {"a": 2, "b": 3, "c": 3, "d": 2}


def test_a_retry_after_a_rerun_keeps_it(ns: Namespace) -> None:
    ns.create(spec(task("a", fail_attempts=2), defaults={"maxAttempts": 3}))
    assert attempts(ns.wait_end()) == {"a": 3}
    ns.pproj("rerun", "p")
    assert attempts(ns.wait_end()) == {"a": 4}
    made = ns.create(spec(task("a", fail_attempts=4), defaults={"maxAttempts": 2}), "q")
    ns.wait_end("q")
    ns.pproj("rerun", "q")
    assert states(ns.wait_end("q")) == {"a": "Failed"}
    ns.pproj("retry", "q")
    done = ns.wait_end("q")
    assert (states(done), attempts(done)) == ({"a": "Succeeded"}, {"a": 5}), made


def test_what_cannot_run_again_is_refused_with_the_fix(ns: Namespace) -> None:
    ns.create(spec(task("a", hold=True)))
    ns.wait_state("a", "Running")
    running = ns.pproj("rerun", "p", check=False)
    assert running.returncode == 1
    assert "a runs: nothing is run again while it runs" in running.stderr
    assert "pproj stop p first" in running.stderr
    ns.create(spec(task("a"), suspend=True, git={"url": "https://git.example/acme/shop.git"}), "landed")
    landed = ns.pproj("rerun", "landed", check=False)
    assert landed.returncode == 1
    assert "what has landed is never done again" in landed.stderr
    ns.patch({"retries": [{"id": "a", "rerunAfter": 1}]}, "landed")
    project = ns.wait(lambda p: condition(p, "Accepted").get("status") == "False", "the spec to be refused", "landed")
    assert "spec.retries[0].rerunAfter" in condition(project, "Accepted")["message"]
    assert condition(project, "Stalled")["status"] == "True"
    assert condition(project, "Ready")["status"] == "False"
    assert ns.pproj("rerun", "p", "x", check=False).returncode == 1


def test_named_labels_and_annotations_of_a_project_reach_its_jobs_and_pods(ns: Namespace) -> None:
    wanted = {"labels": ["cost-centre", "team.example/name", "absent"], "annotations": ["team.example/note"]}
    coder = role()
    coder["podTemplate"]["metadata"] = {"labels": {"cost-centre": "of-the-template"}}
    labels = {"cost-centre": "4711", "team.example/name": "shop", "other": "x"}
    made = spec(task("a", hold=True), roles=[coder], jobMetadata=wanted)
    ns.create(made, labels=labels, annotations={"team.example/note": "any text", "not": "asked for"})
    ns.wait_state("a", "Running")
    job = ns.jobs("a")[0]["metadata"]
    pod = ns.until(lambda: ns.pods("a"), "its pod")[0]["metadata"]
    assert (job["labels"]["cost-centre"], pod["labels"]["cost-centre"]) == ("4711", "of-the-template")
    for found in (job, pod):
        assert found["labels"]["team.example/name"] == "shop"
        assert found["labels"]["parallelproject.io/task"] == "a"
        assert found["annotations"]["team.example/note"] == "any text"
        assert not {"other", "absent", "not"} & {*found["labels"], *found["annotations"]}
    for odd in ("parallelproject.io/task", "app.kubernetes.io/managed-by"):
        ns.create({**made, "jobMetadata": {"labels": [odd]}}, f"odd-{odd[:3]}", labels=labels)
        project = ns.wait(lambda p: condition(p, "Accepted"), "a verdict", f"odd-{odd[:3]}")
        assert condition(project, "Accepted")["status"] == "False"
        assert "spec.jobMetadata.labels[0]" in condition(project, "Accepted")["message"]
    refused = ns.kubectl(
        "apply", "-f", "-", check=False,
        input=json.dumps({"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject",
                          "metadata": {"name": "no"}, "spec": {**made, "jobMetadata": {"labels": ["not a name"]}}}),
    )  # fmt: skip
    assert refused == ""
