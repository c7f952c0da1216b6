"""One audited control plane and one operator for all tests of this folder; each test has a namespace of its own.

The operator is the same process throughout: a test that kills it starts it again.
"""

import secrets
import sys
from collections.abc import Callable, Iterator

import pytest

from rig import ControlPlane
from rig.binaries import Binaries
from rig.project import project_manifests
from tests.controller.audit import AuditLog, Json, by_user, history, refusals, told, writes
from tests.controller.cluster import Client, Namespace
from tests.controller.fixtures import CHECKS_OWNERS, audit, client, operator, pytest_runtest_makereport
from tests.controller.laws import judge
from tests.controller.operator_process import USER, OperatorProcess

__all__ = ["audit", "client", "operator", "pytest_runtest_makereport"]

FORBIDDEN_ON_PURPOSE = "forbidden-on-purpose"
"""In the name of a namespace where the operator is meant to be refused."""


_DEPTH = 50_000
"""Some hostile projects are nested deeper than Python reads JSON by default."""


@pytest.fixture(scope="session")
def cluster(binaries: Binaries) -> Iterator[ControlPlane]:
    """An audited control plane."""
    sys.setrecursionlimit(max(_DEPTH, sys.getrecursionlimit()))
    with ControlPlane(
        binaries=binaries, manifests=project_manifests(), audit=True, extra_apiserver_args=[CHECKS_OWNERS]
    ) as made:
        yield made


@pytest.fixture(scope="session")
def _operator(cluster: ControlPlane, audit: AuditLog) -> Iterator[OperatorProcess]:
    made = OperatorProcess(cluster)
    made.start()
    yield made
    made.stop()
    log = made.output()
    asked = by_user(audit.events_without_outages(), USER)
    forbidden = [line for line in refusals(asked, 403) if FORBIDDEN_ON_PURPOSE not in line]
    assert not forbidden, f"the operator lacks rights for: {forbidden[:5]}"
    secret = [e["requestURI"] for e in asked if (e.get("objectRef") or {}).get("resource") == "secrets"]
    assert not secret, f"the operator asked for Secrets: {secret[:5]}"
    assert "Traceback" not in log, log[log.index("Traceback") - 2000 :][:6000]


@pytest.fixture
def ns(cluster: ControlPlane, client: Client, operator: OperatorProcess) -> Iterator[Namespace]:
    """A new namespace, with an operator running."""
    yield from _namespace(cluster, client, f"test-{secrets.token_hex(4)}")


@pytest.fixture
def forbidden_ns(cluster: ControlPlane, client: Client, operator: OperatorProcess) -> Iterator[Namespace]:
    """The same, where the operator may be refused."""
    yield from _namespace(cluster, client, f"{FORBIDDEN_ON_PURPOSE}-{secrets.token_hex(4)}")


def _namespace(cluster: ControlPlane, client: Client, name: str) -> Iterator[Namespace]:
    cluster.create_namespace(name)
    yield Namespace(cluster, client, name)
    cluster.delete_namespace(name)


@pytest.fixture
def breaches(ns: Namespace, audit: AuditLog) -> Callable[[Json], list[str]]:
    """Judges the whole life of a project that this test has made."""
    since = audit.position()

    def judged(made: Json) -> list[str]:
        events = audit.events(since, ns.name)
        found = judge(history(events, made["metadata"]["uid"]))
        if found:  # shown with a test that fails
            for event in writes(events):
                body = (event.get("requestObject") or {}).get("status")
                answer = event.get("responseObject") or {}
                print(event["stageTimestamp"], told(event), answer.get("metadata", {}).get("resourceVersion"), body)  # noqa: T201
        return found

    return judged
