"""Projects with executor Workflow and a forge: a Workflow of ours publishes, by the real ``pproj-publish``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hera.workflows.models import Workflow

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.executors.base.executor import PublishStart
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.workflow.executor import WorkflowExecutor
from parallelproject.model.names import ANNOTATION_PUBLISH
from parallelproject.model.project import parse_spec
from parallelproject.model.work import WorkKey
from tests.argo.objects import workflow_spec
from tests.argo.project import WorkflowNamespace, workflow_spec_of
from tests.argo.test_git import FILE, GIT, ROLE, git_spec, run
from tests.controller.cluster import condition, states, task
from tests.controller.operator_process import OperatorProcess
from tests.forge.conftest import CANARY
from tests.forge.standin import StandIn
from tests.forge.world import World
from tests.git.remote import Remote

Json = dict[str, Any]

FORGE: Json = {"type": "Gitea", "tokenSecretRef": {"name": "shop-forge", "key": "token"}}


def project(*tasks: Json, **fields: Any) -> Json:
    """A project whose work is published."""
    return git_spec(*tasks, git=GIT | {"forge": FORGE} | fields)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Remote(tmp_path, {"README": "hello\n"}))


@pytest.fixture
def forge(world: World) -> Iterator[StandIn]:
    standin = StandIn("Gitea", world, CANARY)
    yield standin
    standin.stop()


@pytest.fixture
def landing(ns: WorkflowNamespace, world: World, forge: StandIn, tmp_path: Path) -> WorkflowNamespace:
    """A namespace with our template, whose work lands in the repository of a forge."""
    made = yaml.safe_load(FILE.read_text())
    made["metadata"]["namespace"] = ns.name
    ns.add_template(made)
    assert ns.argo is not None
    address = {"url": forge.url, "project": World.project}
    ns.argo.land_in(ns.name, tmp_path / "pods", str(world.remote.path), address, CANARY)
    return ns


def published(ns: WorkflowNamespace, status: str) -> Json:
    """The project once it has ended, and the condition Published has a status."""

    def has_ended(found: Json) -> bool:
        return (
            condition(found, "Completed").get("status") == "True" and condition(found, "Published")["status"] == status
        )

    return ns.wait(has_ended, f"Published {status}")


def publishing(ns: WorkflowNamespace) -> list[Json]:
    """The Workflows that publish."""
    return [each for each in ns.workflows() if each["metadata"]["labels"].get("parallelproject.io/kind") == "Publish"]


@pytest.mark.cluster
def test_a_workflow_opens_the_pull_request(landing: WorkflowNamespace, world: World) -> None:
    landing.create(project(run("a", "echo a > a"), run("b", "echo b > b", "a"), branch="parallel/p"))
    done = published(landing, "True")
    assert states(done) == {"a": "Succeeded", "b": "Succeeded"}
    assert condition(done, "Published")["reason"] == "Opened"
    (pull,) = world.pulls
    assert pull.title == "p (2 of 2 tasks)"
    (known,) = done["status"]["publication"]["pullRequests"]
    assert (known["number"], known["state"]) == (pull.number, "open")
    assert not landing.jobs()
    assert all(
        (each["status"]["phase"], "finalizers" in each["metadata"]) == ("Succeeded", False)
        for each in publishing(landing)
    )


@pytest.mark.cluster
def test_the_next_level_waits_for_the_merge_by_workflows_and_over_restarts(
    landing: WorkflowNamespace, world: World, operator: OperatorProcess
) -> None:
    world.ci = lambda sha: "passed"
    by_level = {"pullRequest": {"scope": "Level", "merge": "WhenChecksPass"}}
    landing.create(project(run("a", "echo a > a"), run("b", "cat a > b", "a"), branch="parallel/p", **by_level))
    landing.wait(lambda p: p["status"].get("publication"), "the first report")
    operator.kill()
    operator.start()
    done = published(landing, "True")
    assert states(done) == {"a": "Succeeded", "b": "Succeeded"}
    assert done["status"]["publication"]["mergedLevels"] == 2
    assert [pull.state for pull in world.pulls] == ["merged", "merged"]


@pytest.mark.cluster
def test_a_refusal_has_the_words_of_the_forge_and_is_tried_again(landing: WorkflowNamespace, forge: StandIn) -> None:
    forge.token = "another"
    landing.create(project(run("a", "echo a > a")))
    refused = landing.wait(lambda p: condition(p, "Published").get("reason") == "ForgeRefused", "the refusal")
    assert "HTTP 401" in condition(refused, "Published")["message"]
    forge.token = CANARY
    assert published(landing, "True")["status"]["publication"]["attempts"] == 2
    assert CANARY not in json.dumps(landing.workflows())


def made(roles: list[Json], title: str = "ours") -> Json:
    """The Workflow that publishes a project of one task, whose template names an account."""
    spec = parse_spec(
        workflow_spec_of(task("a"), roles=roles, git=GIT | {"forge": FORGE, "pullRequest": {"title": title}})
    )
    graph, executor = compile_graph(spec), WorkflowExecutor("image")
    planned = plan(graph, spec, Ledger(), {}, 0)
    template = executor.template({"spec": workflow_spec() | {"serviceAccountName": "runner"}})
    templates = dict.fromkeys(executor.templates(spec), template)
    owner = Owner("p", "n", "uid")
    return executor.publishing(
        PublishStart(WorkKey.of_publishing(1), owner, {}, spec, graph, planned, "revision", templates)
    )


def test_it_is_one_by_argos_own_schema_and_argo_replaces_nothing_in_it() -> None:
    workflow = made([ROLE], title="Costs {{workflow.name}}, {{{x}}}")
    read = json.loads(Workflow.model_validate(workflow).model_dump_json(by_alias=True, exclude_none=True))
    assert read["spec"] == workflow["spec"]
    assert "{{" not in json.dumps(workflow)
    instruction = workflow["spec"]["podMetadata"]["annotations"][ANNOTATION_PUBLISH]
    assert json.loads(instruction)["title"] == "Costs {{workflow.name}}, {{{x}}}"


def test_its_pod_has_the_account_and_the_pull_secrets_of_the_tasks_pods() -> None:
    assert made([ROLE])["spec"]["serviceAccountName"] == "runner"
    inline = workflow_spec() | {"serviceAccountName": "own", "imagePullSecrets": [{"name": "registry"}]}
    found = made([{"name": "coder", "workflowSpec": inline}])["spec"]
    assert (found["serviceAccountName"], found["imagePullSecrets"]) == ("own", [{"name": "registry"}])
