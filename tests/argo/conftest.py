"""A control plane with Argo's CRDs, an operator that runs Workflows, and a stand-in for Argo's controller."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig import ControlPlane
from rig.binaries import Binaries
from rig.project import project_manifests
from tests.argo.objects import manifest, template
from tests.argo.project import WorkflowNamespace
from tests.argo.standin import ArgoStandIn
from tests.controller.audit import AuditLog, by_user, refusals
from tests.controller.cluster import Client
from tests.controller.fixtures import CHECKS_OWNERS, audit, client, operator, pytest_runtest_makereport
from tests.controller.operator_process import USER, OperatorProcess

__all__ = ["audit", "client", "operator", "pytest_runtest_makereport"]


@pytest.fixture(scope="session")
def cluster(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An audited control plane that serves Workflows."""
    argo = manifest(Path(tmp_path_factory.mktemp("argo")))
    with ControlPlane(
        binaries=binaries, manifests=[*project_manifests(), argo], audit=True, extra_apiserver_args=[CHECKS_OWNERS]
    ) as made:
        yield made


@pytest.fixture(scope="session")
def _argo(cluster: ControlPlane) -> Iterator[ArgoStandIn]:
    with ArgoStandIn(str(cluster.kubeconfig)) as made:
        yield made


@pytest.fixture
def argo(_argo: ArgoStandIn) -> Iterator[ArgoStandIn]:
    """The stand-in, running; a test may pause it."""
    yield _argo
    _argo.resume()


@pytest.fixture(scope="session")
def _operator(cluster: ControlPlane, audit: AuditLog) -> Iterator[OperatorProcess]:
    made = OperatorProcess(cluster, options=["--workflows"])
    made.start()
    yield made
    made.stop()
    forbidden = refusals(by_user(audit.events_without_outages(), USER), 403)
    assert not forbidden, f"the operator lacks rights for: {forbidden[:5]}"
    log = made.output()
    assert "Traceback" not in log, log[log.index("Traceback") - 2000 :][:6000]


@pytest.fixture
def ns(
    cluster: ControlPlane, client: Client, operator: OperatorProcess, argo: ArgoStandIn
) -> Iterator[WorkflowNamespace]:
    """A new namespace with a template, an operator and a stand-in."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.create_namespace(name)
    made = WorkflowNamespace(cluster, client, name)
    made.argo = argo
    made.add_template(template(namespace=name))
    yield made
    cluster.delete_namespace(name)
