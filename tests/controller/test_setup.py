"""``spec.workspace.setup`` in a cluster: what its failure means for the task and for all others.

The nodes are fake here, and so is the setup; tests/git/test_pod_setup.py has the real one.
"""

import pytest

from tests.controller.cluster import Json, Namespace, rows, spec, task
from tests.controller.test_delivery import GIT

pytestmark = pytest.mark.cluster

WORKSPACE: Json = {"setup": ["npm", "ci"]}


def failing(id: str, *after: str, code: int = 3, attempts: int = 9) -> Json:
    wanted = {"setup_fail_attempts": str(attempts), "setup_exit_code": str(code)}
    return task(id, *after, parameters=[{"name": name, "value": value} for name, value in wanted.items()])


def test_a_setup_that_fails_is_reported_once_and_no_other_task_pays_for_it(ns: Namespace) -> None:
    tasks = [*(failing(id) for id in "abc"), task("d", "a"), failing("e")]
    ns.create(spec(*tasks, git=GIT, workspace=WORKSPACE, failurePolicy="Continue", defaults={"maxAttempts": 3}))
    found = rows(ns.wait_end())
    failed = [row for row in found.values() if row["state"] == "Failed"]
    assert [(row["reason"], row["exitCode"], row["attempts"], row["failures"]) for row in failed] == [
        ("SetupFailed", 3, 1, 1)
    ]
    assert {row["state"] for row in found.values() if row not in failed} == {"Skipped"}
    assert [row["id"] for row in found.values() if row.get("failures")] == [failed[0]["id"]]


def test_a_setup_that_asks_for_later_costs_no_attempt(ns: Namespace) -> None:
    defaults = {"maxAttempts": 1, "backoffSeconds": 0}
    ns.create(spec(failing("a", code=75, attempts=1), git=GIT, workspace=WORKSPACE, defaults=defaults))
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row["deferrals"], row.get("failures")) == ("Succeeded", 2, 1, None)
