"""A control plane with a real Kueue, and an operator; each test has a namespace and queues of its own."""

import secrets
from collections.abc import Iterator

import pytest

from rig import ControlPlane
from rig.binaries import Binaries
from rig.kueue import Kueue, crd_files
from rig.project import project_manifests
from tests.cli.conftest import pproj
from tests.controller.audit import AuditLog, by_user, refusals
from tests.controller.cluster import Client
from tests.controller.fixtures import CHECKS_OWNERS, audit, client, operator, pytest_runtest_makereport
from tests.controller.operator_process import USER, OperatorProcess
from tests.kueue.queued import QueuedNamespace

__all__ = ["audit", "client", "operator", "pproj", "pytest_runtest_makereport"]


@pytest.fixture(scope="session")
def cluster(binaries: Binaries, kueue_program: Binaries) -> Iterator[ControlPlane]:
    """An audited control plane that serves Kueue's kinds."""
    manifests = [*project_manifests(), *crd_files(kueue_program)]
    with ControlPlane(binaries=binaries, manifests=manifests, audit=True, extra_apiserver_args=[CHECKS_OWNERS]) as made:
        yield made


@pytest.fixture(scope="session")
def kueue(cluster: ControlPlane, kueue_program: Binaries) -> Iterator[Kueue]:
    """The real Kueue, running."""
    with Kueue(cluster, binaries=kueue_program) as made:
        yield made


@pytest.fixture(scope="session")
def _operator(cluster: ControlPlane, audit: AuditLog, kueue: Kueue) -> Iterator[OperatorProcess]:
    made = OperatorProcess(cluster)
    made.start()
    yield made
    made.stop()
    asked = by_user(audit.events_without_outages(), USER)
    forbidden = refusals(asked, 403)
    assert not forbidden, f"the operator lacks rights for: {forbidden[:5]}"
    of_kueue = [each["requestURI"] for each in asked if "kueue" in each["requestURI"].partition("?")[0]]
    assert not of_kueue, f"the operator needs no right on Kueue's objects: {of_kueue[:5]}"
    log = made.output()
    assert "Traceback" not in log, log[log.index("Traceback") - 2000 :][:6000]


@pytest.fixture
def ns(cluster: ControlPlane, client: Client, operator: OperatorProcess, kueue: Kueue) -> Iterator[QueuedNamespace]:
    """A new namespace without queues."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.create_namespace(name)
    made = QueuedNamespace(cluster, client, name)
    made.kueue = kueue
    yield made
    cluster.delete_namespace(name)
