"""What the operator has asked the API server for in all the stories before this one: nothing that it may not."""

import pytest

from e2e.clusters import Cluster
from e2e.install import NAMESPACE, Installed
from tests.controller.audit import by_user, refusals

OPERATOR = f"system:serviceaccount:{NAMESPACE}:parallelproject"


def test_the_operator_was_refused_nothing_and_has_read_no_secret(cluster: Cluster, installed: Installed) -> None:
    if cluster.audit is None:
        pytest.skip("what was asked for is not told by this cluster")
    asked = by_user(cluster.audit.events_without_outages(), OPERATOR)
    assert asked
    assert refusals(asked, 403) == []
    resources = {(event.get("objectRef") or {}).get("resource") for event in asked}
    assert not resources & {"secrets", "configmaps"}
