"""A control plane with a real Kueue, and an operator; each test has a namespace and queues of its own."""

import secrets
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from rig import ControlPlane
from rig.binaries import Binaries
from rig.kueue import Kueue, crd_files
from rig.project import project_manifests
from tests.cli.conftest import pproj
from tests.controller.audit import AuditLog, by_user, refusals
from tests.controller.cluster import Client
from tests.controller.operator_process import USER, OperatorProcess
from tests.kueue.queued import QueuedNamespace

__all__ = ["pproj"]


@pytest.fixture(scope="session")
def cluster(binaries: Binaries, kueue_program: Binaries) -> Iterator[ControlPlane]:
    """An audited control plane that serves Kueue's kinds."""
    plugin = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement"  # of some clusters: asks for a right
    manifests = [*project_manifests(), *crd_files(kueue_program)]
    with ControlPlane(binaries=binaries, manifests=manifests, audit=True, extra_apiserver_args=[plugin]) as made:
        yield made


@pytest.fixture(scope="session")
def kueue(cluster: ControlPlane, kueue_program: Binaries) -> Iterator[Kueue]:
    """The real Kueue, running."""
    with Kueue(cluster, binaries=kueue_program) as made:
        yield made


@pytest.fixture(scope="session")
def client(cluster: ControlPlane) -> Iterator[Client]:
    """The admin's requests."""
    made = Client(str(cluster.kubeconfig))
    yield made
    made.close()


@pytest.fixture(scope="session")
def audit(cluster: ControlPlane) -> AuditLog:
    """What the API server was asked for."""
    return AuditLog(cluster.audit_log)


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
def operator(_operator: OperatorProcess) -> OperatorProcess:
    """The operator, running."""
    _operator.check()
    return _operator


@pytest.fixture
def ns(cluster: ControlPlane, client: Client, operator: OperatorProcess, kueue: Kueue) -> Iterator[QueuedNamespace]:
    """A new namespace without queues."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.create_namespace(name)
    made = QueuedNamespace(cluster, client, name)
    made.kueue = kueue
    yield made
    cluster.delete_namespace(name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, Any]:
    """Shows the operator's log of a test that failed."""
    operator = getattr(item, "funcargs", {}).get("operator")
    if operator is not None and call.when == "setup":
        item.stash[_LOG_START] = operator.position()
    report = yield
    if operator is not None and report.failed:
        lines = operator.output(item.stash.get(_LOG_START, 0)).splitlines()[-30:]
        report.sections.append(("the operator's log", "\n".join(line[:300] for line in lines)))
    return report


_LOG_START = pytest.StashKey[int]()
