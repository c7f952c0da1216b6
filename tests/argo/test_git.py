"""Work of Workflows lands by the template of ``manifests/argo``: with the real git part, in a real repository."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hera.workflows.models import WorkflowTemplate

from parallelproject.executors.workflow.arguments import declared
from parallelproject.executors.workflow.checks import template_problems
from parallelproject.executors.workflow.executor import WorkflowExecutor
from parallelproject.model.project import parse_spec
from tests.argo.objects import workflow_spec
from tests.argo.project import WorkflowNamespace, workflow_spec_of
from tests.controller.cluster import condition, rows, states, task
from tests.git.remote import Remote
from tests.git.test_pod import handles_sigterm

Json = dict[str, Any]

FILE = Path(__file__).parents[2] / "manifests" / "argo" / "git-workflow-template.yaml"
GIT: Json = {"url": "https://git.example/acme/shop.git", "branch": "parallel/x"}
ROLE = {"name": "coder", "workflowTemplateRef": {"name": "pproj-git"}}
SECRET = {"/pproj/private", "/pproj/credentials"}


def our_template() -> Json:
    found: Json = yaml.safe_load(FILE.read_text())
    return found


def run(identifier: str, command: str, *dependencies: str, **fields: Any) -> Json:
    """A task whose Workflow runs a command of the shell."""
    return task(identifier, *dependencies, parameters=[{"name": "command", "value": command}], **fields)


def git_spec(*tasks: Json, git: Mapping[str, Any] = GIT, **fields: Any) -> Json:
    return workflow_spec_of(*tasks, git=dict(git), **{"roles": [ROLE], **fields})


def refs(remote: Remote) -> set[str]:
    """The refs of the tasks of the only project, as in ``a/landed``."""
    return {"/".join(name.split("/")[3:]) for name in remote.refs() if name.startswith("refs/parallelproject/")}


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path, {"README": "hello\n"})


@pytest.fixture
def landing(ns: WorkflowNamespace, remote: Remote, tmp_path: Path) -> WorkflowNamespace:
    """A namespace with our template, whose work lands in ``remote``."""
    made = our_template()
    made["metadata"]["namespace"] = ns.name
    ns.add_template(made)
    assert ns.argo is not None
    ns.argo.land_in(ns.name, tmp_path / "pods", str(remote.path))
    return ns


def test_our_template_is_one_by_argos_own_schema() -> None:
    read = WorkflowTemplate.model_validate(our_template()).model_dump_json(by_alias=True, exclude_none=True)
    assert json.loads(read) == our_template()


def test_only_the_containers_that_land_see_the_git_directory_and_the_credentials() -> None:
    (pod,) = our_template()["spec"]["templates"]
    containers = {each["name"]: each for each in [*pod["initContainers"], *pod["containerSet"]["containers"]]}
    seen = {name: {mount["mountPath"] for mount in each["volumeMounts"]} & SECRET for name, each in containers.items()}
    assert seen == {"prepare": SECRET, "agent": set(), "main": SECRET}
    mounts = [mount for each in containers.values() for mount in each["volumeMounts"] if mount["name"] == "pproj-work"]
    assert all(mount["mountPath"] == f"/pproj/{mount['subPath']}" for mount in mounts)
    assert "volumeMounts" not in pod["containerSet"]  # those would be in each container


@pytest.mark.cluster
def test_work_lands_as_one_commit_a_task_on_what_landed_before(landing: WorkflowNamespace, remote: Remote) -> None:
    title = "Cost {{x}} $$5 $(HOME)"
    a = run("a", 'cp README copy; printf %s "$PPROJ_PROMPT" > said', title=title)
    landing.create(git_spec(a, run("b", "cat copy copy > twice", "a")))
    done = landing.wait_end()
    assert states(done) == {"a": "Succeeded", "b": "Succeeded"}
    assert remote.tasks() == ["a", "b"]
    assert (remote.show("copy"), remote.show("twice")) == ("hello", "hello\nhello")
    assert remote.show("said") == "Cost { {x}} $$5 $(HOME)"
    assert rows(done)["b"]["commit"] == remote.tip()[:10]
    (workflow,) = landing.workflows("b")
    given = {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}
    assert (given["pproj-git-image"], given["pproj-git-secret"]) == ("parallelproject-git", "none")
    assert json.loads(given["pproj-task-file"])["dependencies"][0]["commit"] == rows(done)["a"]["commit"]
    (first,) = landing.workflows("a")
    texts = {each["name"]: each["value"] for each in first["spec"]["arguments"]["parameters"]}
    assert json.loads(texts["pproj-delivery"])["title"] == title
    assert not [text for text in (texts["pproj-delivery"], texts["pproj-task-file"]) if "$" in text or "{{" in text]


@pytest.mark.cluster
def test_what_a_failed_command_left_is_kept_and_its_exit_code_is_the_reason(
    landing: WorkflowNamespace, remote: Remote
) -> None:
    landing.create(git_spec(run("a", "echo half > new; exit 7"), defaults={"maxAttempts": 1}))
    row = rows(landing.wait_end())["a"]
    assert (row["state"], row["reason"], row["exitCode"]) == ("Failed", "ExitCode", 7)
    assert refs(remote) == {"a/salvage/1"}


@pytest.mark.cluster
def test_work_in_conflict_runs_again_with_feedback(landing: WorkflowNamespace, remote: Remote, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    a = run("a", "echo a > README")
    b = run("b", f'until test -e {gate}; do sleep 0.05; done; echo b >> README; printf %s "$PPROJ_FEEDBACK" > said')
    landing.create(git_spec(a, b, defaults={"backoffSeconds": 1}, scheduling="Graph"))
    landing.running("b")
    landing.wait_state("a", "Succeeded")
    gate.touch()
    done = landing.wait_end()
    row = rows(done)["b"]
    assert (row["state"], row["attempts"], row["conflicts"]) == ("Succeeded", 2, 1)
    assert remote.show("README") == "a\nb"
    said = remote.show("said")
    assert "conflicts with work that landed" in said
    assert "README" in said
    assert "a/landed" in refs(remote)


@pytest.mark.cluster
def test_a_stop_keeps_the_work(landing: WorkflowNamespace, remote: Remote) -> None:
    landing.create(git_spec(run("a", "echo half > new; touch begun; exec sleep 600")))
    workflow = landing.running("a")
    begun = remote.folder / "pods" / workflow["metadata"]["uid"] / "workspace" / "begun"
    landing.until(begun.exists, "the command to run")
    assert landing.argo is not None
    containers = landing.argo.pods[workflow["metadata"]["uid"]].processes
    landing.until(lambda: "main" in containers, "the git container to be started")
    beside = containers["main"]
    landing.until(lambda: handles_sigterm(beside.pid), "the git container to start")
    landing.patch({"stop": True})
    assert states(landing.wait_end()) == {"a": "Skipped"}
    assert refs(remote) == {"a/salvage/1"}


@pytest.mark.cluster
def test_work_that_may_not_land_fails_with_its_reason(landing: WorkflowNamespace, remote: Remote) -> None:
    key = "AKIA" + "Q3EGRPZ7KX5YH2NB"  # in two parts, so that no scanner takes it for one
    landing.create(git_spec(run("a", f"echo 'key = \"{key}\"' > new"), defaults={"maxAttempts": 1}))
    row = rows(landing.wait_end())["a"]
    assert (row["state"], row["reason"]) == ("Failed", "Policy")
    (message,) = [message for reason, message in landing.events() if reason == "WorkflowEnded"]
    assert "{" not in message


@pytest.mark.cluster
def test_a_template_that_lands_nothing_is_refused_before_anything_starts(landing: WorkflowNamespace) -> None:
    landing.create(git_spec(run("a", "true"), roles=[{"name": "coder", "workflowTemplateRef": {"name": "agent"}}]))
    accepted = landing.wait(lambda project: condition(project, "Accepted").get("status") == "False", "the refusal")
    found = condition(accepted, "Accepted")
    assert found["reason"] == "GitNotSupported"
    assert 'WorkflowTemplate agent does not declare the argument "pproj-delivery"' in found["message"]
    assert landing.workflows() == []


def problems(spec: Json, declares: Json) -> list[str]:
    read = parse_spec(spec)
    executor = WorkflowExecutor()
    templates = {ref: declared(declares) for ref in executor.templates(read)}
    return [str(each) for each in [*executor.problems(read, "p"), *template_problems(read, templates)]]


def test_our_template_needs_a_repository() -> None:
    ours = our_template()["spec"]
    assert problems(git_spec(task("a")), ours) == []
    (alone,) = problems(workflow_spec_of(task("a"), roles=[ROLE]), ours)
    assert alone.startswith("spec.git: WorkflowTemplate pproj-git declares")
    assert "set spec.git, or use another template" in alone
    (bad,) = problems(git_spec(task("a"), git=GIT | {"url": "http://git.example/x"}), ours)
    assert bad.startswith("spec.git.url: has the scheme")
    inline = [{"name": "coder", "workflowSpec": workflow_spec()}]
    (lands_nothing,) = problems(git_spec(task("a"), roles=inline), ours)
    assert lands_nothing.startswith("spec.git: spec.roles[0].workflowSpec does not declare")
