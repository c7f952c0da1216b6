"""Fixtures of a folder whose tests share one audited control plane and one operator.

The conftest of the folder imports them, and makes the control plane (``cluster``) and the operator (``_operator``).
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from rig import ControlPlane
from tests.controller.audit import AuditLog
from tests.controller.cluster import Client
from tests.controller.operator_process import OperatorProcess

CHECKS_OWNERS = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement"
"""An option of the API server, which some clusters have: whoever sets an owner that blocks needs a right for that."""
_LOG_START = pytest.StashKey[int]()
_LOG_LINES, _LOG_WIDTH = 30, 300
"""So that what failed is not hidden by it where only the end of the output is kept."""


@pytest.fixture(scope="session")
def client(cluster: ControlPlane) -> Iterator[Client]:
    """The admin's requests."""
    with Client(str(cluster.kubeconfig)) as made:
        yield made


@pytest.fixture(scope="session")
def audit(cluster: ControlPlane) -> AuditLog:
    """What the API server was asked for."""
    return AuditLog(cluster.audit_log)


@pytest.fixture
def operator(_operator: OperatorProcess) -> OperatorProcess:
    """The operator, running. A test that fails between a kill and the next start leaves none: it is started again."""
    if not _operator.is_started:
        _operator.start()
    _operator.check()
    return _operator


@contextmanager
def in_place_of(operator: OperatorProcess, *others: OperatorProcess, wait: bool = True) -> Iterator[None]:
    """Others run while the block does, in place of the shared operator. That is started again whatever fails.

    Args:
        operator: The shared one.
        others: Those that are started, one after the other; none, if the block starts them.
        wait: Whether each is waited for until it is ready.
    """
    with ExitStack() as stack:
        operator.stop()
        stack.callback(operator.start)
        for each in others:
            stack.callback(each.stop)
            each.start(wait=wait)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, Any]:
    """Shows the operator's log of a test that failed."""
    used = getattr(item, "funcargs", {})
    operator = used.get("limited") or used.get("operator")
    if operator is not None and call.when == "setup":
        item.stash[_LOG_START] = operator.position()
    report = yield
    if operator is not None and report.failed:
        lines = operator.output(item.stash.get(_LOG_START, 0)).splitlines()[-_LOG_LINES:]
        report.sections.append(("the operator's log", "\n".join(line[:_LOG_WIDTH] for line in lines)))
    return report
