"""The Workflows that are made are Workflows by Argo's own schema, with the arguments that a template declares."""

import json
from typing import Any

import pytest
from hera.workflows.models import ClusterWorkflowTemplate, Workflow, WorkflowTemplate
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.claim import claim_of
from parallelproject.executors.base.executor import TaskStart
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.cluster_check import check_for_cluster
from parallelproject.executors.workflow.arguments import DELIVERY, GIT_IMAGE, GIT_SECRET, OURS, declared
from parallelproject.executors.workflow.checks import template_problems
from parallelproject.executors.workflow.executor import WorkflowExecutor
from parallelproject.executors.workflow.manifest import stop_patch
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec
from parallelproject.model.work import WorkKey
from tests.argo.objects import template, workflow_spec
from tests.argo.project import TEMPLATE, workflow_spec_of
from tests.controller.cluster import task

Json = dict[str, Any]

EXECUTOR = WorkflowExecutor()
OWNER = Owner("p", "team", "u-1")


def made(spec: Spec, declares: Json | None = None, number: int = 1, metadata: Json | None = None) -> Json:
    graph = compile_graph(spec)
    templates = {ref: declared(declares or workflow_spec()) for ref in EXECUTOR.templates(spec)}
    key, claim = WorkKey.of_task(graph.ids[0], number), claim_of(graph, 0).to_json()
    start = TaskStart(key, OWNER, metadata or {}, spec, graph, 0, claim, {}, (), None, templates)
    return EXECUTOR.task(start)


def as_argo_reads(obj: Json) -> Json:
    """The same by Argo's schema: what it does not know is gone."""
    return json.loads(Workflow.model_validate(obj).model_dump_json(by_alias=True, exclude_none=True))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"roles": [{"name": "r", "workflowTemplateRef": {"name": "x", "clusterScope": True}}]},
        {"roles": [{"name": "r", "workflowSpec": workflow_spec(pproj_prompt="", pproj_feedback="", pproj_branch="")}]},
    ],
    ids=["template", "cluster template", "inline"],
)
def test_a_workflow_is_one_by_argos_own_schema(fields: Json) -> None:
    a = task("a", title="A", activeDeadlineSeconds=60, parameters=[{"name": "seconds", "value": "3"}])
    workflow = made(parse_spec(workflow_spec_of(a, **fields)))
    assert as_argo_reads(workflow) == workflow
    assert workflow["metadata"]["finalizers"] == ["parallelproject.io/recorded"]
    assert workflow["spec"]["activeDeadlineSeconds"] == 60


def test_a_stop_is_one_by_argos_own_schema() -> None:
    workflow = made(parse_spec(workflow_spec_of(task("a"))))
    workflow["spec"] |= stop_patch("Stopped")["spec"]
    assert as_argo_reads(workflow) == workflow


def test_the_templates_of_tests_are_ones_by_argos_own_schema() -> None:
    for cluster, model in ((False, WorkflowTemplate), (True, ClusterWorkflowTemplate)):
        found = template("x", cluster=cluster, namespace="team", region="")
        read = model.model_validate(found).model_dump_json(by_alias=True, exclude_none=True)
        assert json.loads(read) == found


def test_with_a_template_only_what_argo_allows_to_set_is_set() -> None:
    workflow = made(parse_spec(workflow_spec_of(task("a", activeDeadlineSeconds=5))))
    assert workflow["spec"].keys() <= {"arguments", "activeDeadlineSeconds", "workflowTemplateRef"}


def test_arguments_that_are_not_declared_are_skipped_and_a_default_counts() -> None:
    declares = {"arguments": {"parameters": [
        {"name": "pproj-title"}, {"name": "size", "default": 3}, {"name": "region", "value": "eu"},
        {"name": "zone", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
    ]}}  # fmt: skip
    a = task("a", title="T", parameters=[{"name": "unknown", "value": "x"}])
    workflow = made(parse_spec(workflow_spec_of(a)), declares)
    assert workflow["spec"]["arguments"] == {"parameters": [
        {"name": "pproj-title", "value": "T"}, {"name": "size", "value": "3"},
    ]}  # fmt: skip


def test_every_argument_of_ours_can_be_declared() -> None:
    without_git = OURS - {DELIVERY, GIT_IMAGE, GIT_SECRET}
    declares = {"arguments": {"parameters": [{"name": name} for name in sorted(without_git)]}}
    a = task("a", title="T", description="D")
    workflow = made(parse_spec(workflow_spec_of(a)), declares, number=3)
    given = {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}
    document = json.loads(given.pop("pproj-task-file"))
    assert (document["task"]["id"], document["attempt"]) == ("a", 3)
    assert given == {
        "pproj-project": "p", "pproj-task-id": "a", "pproj-attempt": "3", "pproj-level": "0", "pproj-role": "coder",
        "pproj-title": "T", "pproj-description": "D", "pproj-prompt": "T\n\nD", "pproj-branch": "",
        "pproj-feedback": "",
    }  # fmt: skip


@given(st.text('{}=x\\"\n', max_size=30), st.text("{}=", max_size=12))
def test_no_text_of_a_task_makes_a_tag_for_argo(title: str, value: str) -> None:
    declares = {"arguments": {"parameters": [{"name": name} for name in [*sorted(OURS), "mine"]]}}
    a = task("a", title=title, description=title, parameters=[{"name": "mine", "value": value}])
    workflow = made(parse_spec(workflow_spec_of(a)), declares)
    given_ = {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}
    assert not [text for text in given_.values() if "{{" in text]
    document = json.loads(given_["pproj-task-file"])
    assert (document["task"].get("title", ""), document["parameters"]) == (title, {"mine": value})


def test_labels_of_the_project_reach_the_workflow() -> None:
    spec = parse_spec(workflow_spec_of(task("a"), jobMetadata={"labels": ["team"]}))
    workflow = made(spec, metadata={"labels": {"team": "shop", "other": "x"}})
    assert workflow["metadata"]["labels"]["team"] == "shop"
    assert "other" not in workflow["metadata"]["labels"]


def problems(*tasks: Json, **fields: Any) -> list[str]:
    return [str(problem) for problem in check_for_cluster(parse_spec(workflow_spec_of(*tasks, **fields)))]


def test_what_cannot_run_as_workflows_is_refused_with_its_place() -> None:
    inline = {"name": "r", "workflowSpec": workflow_spec()}
    assert problems(task("a")) == []
    assert problems(task("a"), roles=[{"name": "r"}]) == [
        "spec.roles[0]: has no Workflow (add workflowTemplateRef or workflowSpec: executor Workflow "
        "does not use podTemplate)"
    ]
    assert problems(task("a"), roles=[{**TEMPLATE, **inline}])[0].startswith(
        "spec.roles[0].workflowSpec: is given next"
    )
    bad = {"name": "r", "workflowSpec": {**workflow_spec(), "shutdown": "Stop"}}
    assert problems(task("a"), roles=[bad])[0].startswith("spec.roles[0].workflowSpec.shutdown: cannot be set")
    strict = {"name": "r", "workflowSpec": workflow_spec(region="")}
    assert "spec.tasks[0].parameters" in problems(task("a"), roles=[strict])[0]
    owned = {"labels": ["parallelproject.io/task"]}
    assert problems(task("a"), jobMetadata=owned)[0].startswith("spec.jobMetadata.labels[0]")
    deep: Json = {}
    for _ in range(200):
        deep = {"x": deep}
    nested = {"name": "r", "workflowSpec": {"entrypoint": "m", "x": deep}}
    assert "is nested more than 100 deep" in problems(task("a"), roles=[nested])[0]


def test_a_job_needs_no_workflow_and_a_role_without_tasks_needs_nothing() -> None:
    assert problems(task("a", role="coder"), roles=[TEMPLATE, {"name": "idle"}]) == []


def test_an_artifact_that_nobody_can_give_is_refused() -> None:
    spec = parse_spec(workflow_spec_of(task("a")))
    (ref,) = EXECUTOR.templates(spec)
    located = {"name": "b", "s3": {"key": "k"}}
    found = declared({"arguments": {"artifacts": [located, {"name": "code"}]}})
    (problem,) = template_problems(spec, {ref: found})
    assert 'declares the artifact "code"' in str(problem)


@pytest.mark.parametrize("odd", [None, [], {"parameters": "x"}, {"parameters": [1, {"name": None}]}, {"artifacts": {}}])
def test_arguments_of_any_shape_are_read(odd: object) -> None:
    assert declared({"arguments": odd}).artifacts == ()
