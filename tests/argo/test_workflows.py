"""Projects whose tasks run as Argo Workflows, on a real API server, with a stand-in for Argo's controller."""

import asyncio
import json

import pytest

from parallelproject.controller.reconcile.attempt_watch import SELECTOR
from parallelproject.executors.workflow.manifest import WORKFLOW
from parallelproject.kube.client import MERGE_PATCH, METADATA, Api
from tests.argo.objects import API, template, workflow_spec
from tests.argo.project import WorkflowNamespace, workflow_spec_of
from tests.argo.standin import ArgoStandIn
from tests.controller.cluster import condition, rows, states, task
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

GROUP = "parallelproject.io"


def quirk(name: str) -> dict[str, list[dict[str, str]]]:
    return {"parameters": [{"name": "quirk", "value": name}]}


def test_one_workflow_an_attempt_owned_and_labelled_with_the_tasks_arguments(ns: WorkflowNamespace) -> None:
    a = task("a", title="Say {{hello}}", description="All of it.", parameters=[{"name": "seconds", "value": "0"}])
    made = ns.create(workflow_spec_of(a, task("b", "a", fail_attempts=1, exit_code=7)))
    done = ns.wait_end()
    assert states(done) == {"a": "Succeeded", "b": "Succeeded"}
    assert {i: (row["attempts"], row.get("failures", 0)) for i, row in rows(done).items()} == {"a": (1, 0), "b": (2, 1)}
    (workflow,) = ns.workflows("a")
    metadata, spec = workflow["metadata"], workflow["spec"]
    assert metadata["name"].startswith("p-a-1-")
    (owner,) = metadata["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (made["metadata"]["uid"], True)
    labels = {key: value for key, value in metadata["labels"].items() if not key.startswith("workflows.argoproj.io")}
    assert labels == {
        "app.kubernetes.io/managed-by": "parallelproject",
        f"{GROUP}/project": "p",
        f"{GROUP}/project-uid": made["metadata"]["uid"],
        f"{GROUP}/task": "a",
        f"{GROUP}/level": "0",
        f"{GROUP}/attempt": "1",
    }
    assert spec["workflowTemplateRef"] == {"name": "agent"}
    given = {each["name"]: each["value"] for each in spec["arguments"]["parameters"]}
    assert given == {"seconds": "0", "pproj-attempt": "1", "pproj-task-id": "a"}
    assert [each["metadata"]["labels"][f"{GROUP}/attempt"] for each in ns.workflows("b")] == ["1", "2"]
    ended = [message for reason, message in ns.events() if reason == "WorkflowEnded"]
    assert len(ended) == 1
    assert ended[0].endswith("main: Error (exit code 7)")
    assert ns.jobs() == []


def test_an_inline_spec_is_run_with_its_own_arguments(ns: WorkflowNamespace) -> None:
    inline = workflow_spec(pproj_task_file="", pproj_prompt="", region="eu")
    inline["ttlStrategy"] = {"secondsAfterCompletion": 600}
    a = task("a", title="Fix {{x}}", description="It {{=breaks}}.", activeDeadlineSeconds=77)
    ns.create(workflow_spec_of(a, roles=[{"name": "coder", "workflowSpec": inline}]))
    assert states(ns.wait_end()) == {"a": "Succeeded"}
    (workflow,) = ns.workflows("a")
    spec = workflow["spec"]
    assert (spec["activeDeadlineSeconds"], spec["ttlStrategy"]) == (77, {"secondsAfterCompletion": 600})
    given = {each["name"]: each["value"] for each in spec["arguments"]["parameters"]}
    assert given["region"] == "eu"
    assert given["pproj-prompt"] == "Fix { {x}}\n\nIt { {=breaks}}."
    assert "{{" not in given["pproj-task-file"]
    assert json.loads(given["pproj-task-file"])["task"]["title"] == "Fix {{x}}"


def test_levels_run_one_after_the_other_up_to_the_cap(ns: WorkflowNamespace) -> None:
    first = [task(f"a{i}", hold=True) for i in range(3)]
    ns.create(workflow_spec_of(*first, task("b", "a0", hold=True), parallelism=2))
    ns.running("a0")
    ns.running("a1")
    ns.wait_state("a2", "Pending", "WaitingForSlot")
    ns.let_end("a0")
    ns.running("a2")
    ns.wait_state("b", "Pending", "WaitingForLevel")
    assert len(ns.workflows()) == 3
    ns.let_end("a1", "a2")
    ns.let_end("b")
    assert set(states(ns.wait_end()).values()) == {"Succeeded"}


def test_a_stop_terminates_workflows_and_keeps_them(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a", hold=True), task("b", hold=True)))
    ns.running("a")
    suspended = ns.running("b")
    ns.change(suspended, {"spec": {"suspend": True}})
    ns.wait_state("b", "Running", "JobSuspended")
    ns.patch({"stop": True})
    done = ns.wait_end()
    assert condition(done, "Succeeded")["reason"] == "Stopped"
    assert states(done) == {"a": "Skipped", "b": "Skipped"}
    for workflow in ns.workflows():
        assert (workflow["spec"]["shutdown"], workflow["spec"]["suspend"]) == ("Terminate", False)
        assert workflow["status"]["phase"] == "Failed"
    assert rows(done)["a"].get("failures", 0) == 0


def test_one_that_others_suspend_keeps_its_slot_and_is_resumed(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a", hold=True), task("b", hold=True), parallelism=1))
    workflow = ns.running("a")
    ns.change(workflow, {"spec": {"suspend": True}})
    ns.wait_state("a", "Running", "JobSuspended")
    assert len(ns.workflows()) == 1
    ns.change(workflow, {"spec": {"suspend": None}})
    ns.wait(lambda project: "reason" not in rows(project)["a"], "a to run again")
    ns.let_end("a")
    ns.let_end("b")
    assert set(states(ns.wait_end()).values()) == {"Succeeded"}


def test_a_suspended_one_is_stopped_when_its_deadline_is_over(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a", hold=True, activeDeadlineSeconds=8), defaults={"maxAttempts": 1}))
    ns.change(ns.running("a"), {"spec": {"suspend": True}})
    done = ns.wait_end()
    assert (rows(done)["a"]["state"], rows(done)["a"]["reason"]) == ("Failed", "DeadlineExceeded")


def test_a_deadline_is_a_failure_of_the_task(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a", hold=True, activeDeadlineSeconds=1), defaults={"maxAttempts": 1}))
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["reason"]) == ("Failed", "DeadlineExceeded")


@pytest.mark.parametrize("name", ["ttl", "archive", "large", "slow"])
def test_what_workflows_are_known_for_changes_no_result(ns: WorkflowNamespace, name: str) -> None:
    a = task("a", **quirk(name))
    ns.create(workflow_spec_of(a, task("b", "a"), task("c", "a", fail_attempts=1)))
    done = ns.wait_end()
    assert {i: (row["state"], row["attempts"]) for i, row in rows(done).items()} == {
        "a": ("Succeeded", 1), "b": ("Succeeded", 1), "c": ("Succeeded", 2),
    }  # fmt: skip
    if name == "ttl":
        ns.until(lambda: not ns.workflows("a"), "the Workflow to go once it is recorded")


def test_a_failure_that_goes_by_its_own_ttl_is_recorded_while_no_operator_runs(
    ns: WorkflowNamespace, operator: OperatorProcess
) -> None:
    parameters = [
        *quirk("ttl")["parameters"],
        {"name": "fail_attempts", "value": "9"},
        {"name": "exit_code", "value": "3"},
    ]
    held = [{"name": "hold_attempts", "value": "1"}]
    ns.create(workflow_spec_of({"id": "a", "parameters": [*parameters, *held]}, defaults={"maxAttempts": 1}))
    workflow = ns.running("a")
    operator.kill()
    ns.let_end("a")
    ns.until(lambda: "deletionTimestamp" in ns.workflow("a")["metadata"], "the TTL")
    operator.start()
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["reason"], row["exitCode"]) == ("Failed", "ExitCode", 3)
    ns.until(lambda: ns.is_gone(ns.workflow_path(workflow)), "the Workflow to go")


def test_an_error_of_the_controller_is_a_failure_with_its_words(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a", **quirk("error")), defaults={"maxAttempts": 1}))
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["reason"]) == ("Failed", "WorkflowError")
    assert any('pods "a" is forbidden' in message for reason, message in ns.events() if reason == "WorkflowEnded")


def test_one_that_stays_pending_says_so_and_holds_its_slot(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a", **quirk("pending")), task("b"), parallelism=1))
    ns.wait_state("a", "Running", "WorkflowPending")
    ns.wait_state("b", "Pending", "WaitingForSlot")
    ns.patch({"stop": True})
    assert condition(ns.wait_end(), "Succeeded")["reason"] == "Stopped"


def test_that_no_controller_looks_at_workflows_is_reported(ns: WorkflowNamespace, argo: ArgoStandIn) -> None:
    argo.pause()
    ns.create(workflow_spec_of(task("a")))
    workflow = ns.workflow("a")
    row = ns.wait_state("a", "Running", "NoController")
    assert row["startTime"] == workflow["metadata"]["creationTimestamp"]
    argo.resume()
    assert states(ns.wait_end()) == {"a": "Succeeded"}


def test_one_that_is_deleted_before_its_end_is_lost_and_runs_again(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a", hold=1)))
    ns.client("DELETE", ns.workflow_path(ns.running("a")), {"propagationPolicy": "Background"})
    done = ns.wait_end()
    row = rows(done)["a"]
    assert (row["state"], row["attempts"], row["failures"]) == ("Succeeded", 2, 1)


def test_labels_and_owner_that_others_take_come_back(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a", hold=True)))
    workflow = ns.running("a")
    body = {
        "metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm", f"{GROUP}/task": None}, "ownerReferences": None}
    }
    ns.change(workflow, body)

    def is_restored() -> bool:
        found = ns.client("GET", ns.workflow_path(workflow))["metadata"]
        return found["labels"].get(f"{GROUP}/task") == "a" and bool(found.get("ownerReferences"))

    ns.until(is_restored, "labels and owner")
    ns.let_end("a")
    assert states(ns.wait_end()) == {"a": "Succeeded"}


def test_nothing_starts_before_the_template_is_there(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a"), roles=[{"name": "r", "workflowTemplateRef": {"name": "late"}}]))
    project = ns.wait(lambda project: condition(project, "Accepted")["status"] == "False", "the refusal")
    assert condition(project, "Accepted")["reason"] == "TemplateNotFound"
    assert 'WorkflowTemplate "late" does not exist' in condition(project, "Accepted")["message"]
    ns.add_template(template("late", namespace=ns.name))
    assert states(ns.wait_end()) == {"a": "Succeeded"}


def test_an_argument_that_nobody_gives_is_refused_before_anything_starts(ns: WorkflowNamespace) -> None:
    ns.add_template(template("strict", namespace=ns.name, region=""))
    role = {"name": "r", "workflowTemplateRef": {"name": "strict"}}
    ns.create(workflow_spec_of(task("a", parameters=[{"name": "region", "value": "eu"}]), task("b"), roles=[role]))
    project = ns.wait(lambda project: condition(project, "Accepted")["status"] == "False", "the refusal")
    assert condition(project, "Accepted")["reason"] == "ArgumentRequired"
    assert condition(project, "Accepted")["message"] == (
        'spec.tasks[1].parameters: WorkflowTemplate strict declares the argument "region", and task b has no value '
        "for it (add it to the parameters of the task, or give region a value in the template)"
    )
    assert ns.workflows() == []
    path = f"{API}/namespaces/{ns.name}/workflowtemplates/strict"
    fixed = template("strict", namespace=ns.name, region="us")["spec"]
    ns.client("PATCH", path, {"spec": fixed}, content_type=MERGE_PATCH)
    assert set(states(ns.wait_end()).values()) == {"Succeeded"}
    given = {each["name"]: each["value"] for each in ns.workflows("a")[0]["spec"]["arguments"]["parameters"]}
    assert given["region"] == "eu"


def test_a_project_can_be_stopped_when_its_template_is_gone(ns: WorkflowNamespace) -> None:
    ns.add_template(template("brief", namespace=ns.name))
    roles = [{"name": "coder", "workflowTemplateRef": {"name": "brief"}}]
    ns.create(workflow_spec_of(task("a", hold=True), task("b", "a"), roles=roles))
    ns.running("a")
    ns.client("DELETE", f"{API}/namespaces/{ns.name}/workflowtemplates/brief")
    ns.change(ns.workflow("a"), {"metadata": {"annotations": {"changed": "now"}}})  # Argo looks at it once more
    ns.patch({"suspend": True})  # its templates are read again
    ns.wait(lambda found: condition(found, "Accepted").get("reason") == "TemplateNotFound", "the lack of its template")
    ns.patch({"stop": True})
    assert states(ns.wait_end()) == {"a": "Skipped", "b": "Skipped"}
    assert ns.workflow("a")["spec"]["shutdown"] == "Terminate"


def test_a_cluster_template_is_run(ns: WorkflowNamespace) -> None:
    ns.add_template(template(f"shared-{ns.name}", cluster=True))
    role = {"name": "r", "workflowTemplateRef": {"name": f"shared-{ns.name}", "clusterScope": True}}
    ns.create(workflow_spec_of(task("a"), roles=[role]))
    assert states(ns.wait_end()) == {"a": "Succeeded"}
    assert ns.workflows("a")[0]["spec"]["workflowTemplateRef"]["clusterScope"] is True


def test_an_operator_that_is_started_again_goes_on_and_reads_no_recorded_workflow(
    ns: WorkflowNamespace, operator: OperatorProcess
) -> None:
    ns.create(workflow_spec_of(task("a"), task("b", "a", hold=True)))
    ns.running("b")
    ns.until(lambda: not ns.workflow("a")["metadata"].get("finalizers"), "the release of a")
    operator.kill()
    ns.let_end("b")
    ns.until(lambda: ns.workflow("b")["status"]["phase"] == "Succeeded", "the end of b")
    operator.start()
    assert set(states(ns.wait_end()).values()) == {"Succeeded"}
    assert [len(ns.workflows(each)) for each in "ab"] == [1, 1]


def test_finished_workflows_beyond_the_limit_are_removed(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a"), task("b", "a"), task("c", "b"), jobHistoryLimit=1))
    assert set(states(ns.wait_end()).values()) == {"Succeeded"}
    ns.until(lambda: len(ns.workflows()) == 1, "the removal of two Workflows")


def test_no_event_has_what_a_status_holds(ns: WorkflowNamespace) -> None:
    ns.create(workflow_spec_of(task("a", **quirk("large"), activeDeadlineSeconds=600)))
    ns.wait_end()
    workflow = ns.workflow("a")
    assert len(json.dumps(workflow)) > 900_000

    async def seen() -> int:
        async with await Api.connect(str(ns.cluster.kubeconfig)) as api:
            params = {"labelSelector": SELECTOR, "resourceVersion": "0", "timeoutSeconds": "60"}
            path = WORKFLOW.path(ns.name)
            async for event in api.watch(path, params, 90, accept=METADATA.of_object):
                return len(json.dumps(event))
        return 0

    assert 0 < asyncio.run(seen()) < 10_000


def test_outputs_reach_the_tasks_that_depend_on_it_also_after_a_restart(
    ns: WorkflowNamespace, operator: OperatorProcess
) -> None:
    ns.add_template(template("reader", namespace=ns.name, pproj_task_file=""))
    text = json.dumps({"path": "api/v1.yaml", "tag": "{{x}} $$", "large": "x" * 2000})
    puts = [{"name": "puts", "value": text.replace("{{", "{\\u007b")}]  # else it is not the text of an argument
    a = task("a", parameters=[*puts, {"name": "quirk", "value": "ttl"}])
    roles = [{"name": "coder", "workflowTemplateRef": {"name": "reader"}}]
    c = task("c", parameters=[{"name": "hold_attempts", "value": "1"}])
    ns.create(workflow_spec_of(a, c, task("b", "a"), roles=roles))
    ns.wait_state("a", "Succeeded")
    ns.until(lambda: not ns.workflows("a"), "the Workflow of a to be deleted by its TTL")
    operator.kill()
    operator.start()
    ns.let_end("c")
    done = ns.wait_end()
    expected = {"path": "api/v1.yaml", "tag": "{{x}} $$"}
    assert rows(done)["a"]["outputs"] == expected
    assert "outputs" not in rows(done)["b"]
    (workflow,) = ns.workflows("b")
    given = {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}
    assert json.loads(given["pproj-task-file"])["dependencies"][0]["outputs"] == expected
