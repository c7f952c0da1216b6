"""A cluster without Argo Workflows: the operator works, and says to projects with executor Workflow what is missing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig import ControlPlane
from rig.binaries import Binaries
from rig.project import project_manifests
from tests.argo.objects import crd, rights, workflow_spec
from tests.argo.project import WorkflowNamespace, workflow_spec_of
from tests.argo.standin import ArgoStandIn
from tests.controller.cluster import Client, condition, spec, states, task
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

NAMESPACE = "team"
INLINE = [{"name": "coder", "workflowSpec": workflow_spec()}]


@pytest.fixture(scope="module")
def bare(binaries: Binaries) -> Iterator[ControlPlane]:
    with ControlPlane(binaries=binaries, manifests=project_manifests(), controllers=False) as made:
        made.create_namespace(NAMESPACE)
        yield made


@pytest.fixture
def team(bare: ControlPlane) -> Iterator[WorkflowNamespace]:
    client = Client(str(bare.kubeconfig))
    yield WorkflowNamespace(bare, client, NAMESPACE)
    client.close()


def test_an_operator_that_does_not_run_workflows_says_so(bare: ControlPlane, team: WorkflowNamespace) -> None:
    operator = OperatorProcess(bare, name="without")
    operator.start()
    try:
        team.create(workflow_spec_of(task("a"), roles=INLINE), "disabled")
        project = team.wait(lambda found: condition(found, "Accepted")["status"] == "False", "it", "disabled")
    finally:
        operator.stop()
    assert condition(project, "Accepted")["reason"] == "ExecutorNotEnabled"
    assert "executors.workflow.enabled" in condition(project, "Accepted")["message"]
    team.delete("disabled")


def test_without_the_crd_projects_wait_and_jobs_run_until_it_is_there(
    bare: ControlPlane, team: WorkflowNamespace, tmp_path: Path
) -> None:
    operator = OperatorProcess(bare, name="with", options=["--workflows"])
    operator.start()  # it is ready, although it cannot watch Workflows
    try:
        team.create(workflow_spec_of(task("a"), roles=INLINE), "early")
        project = team.wait(lambda found: condition(found, "Accepted")["status"] == "False", "it", "early")
        assert condition(project, "Accepted")["reason"] == "ExecutorNotAvailable"
        assert "Workflows cannot be watched" in condition(project, "Accepted")["message"]
        assert "argoproj.io/v1alpha1" in condition(project, "Accepted")["message"]
        team.create(spec(task("b")), "jobs")
        team.until(lambda: team.jobs("b"), "a Job of another project")
        objects = [*rights(), crd("Workflow")]
        bare.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        with ArgoStandIn(str(bare.kubeconfig)):
            assert states(team.wait_end("early")) == {"a": "Succeeded"}
        assert "Traceback" not in operator.output()
    finally:
        operator.stop()
