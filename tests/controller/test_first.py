"""A project that goes first, where nothing else is limited: also an operator that has just started lets nobody by."""

import pytest

from tests.controller.audit import AuditLog, Json, writes
from tests.controller.cluster import Namespace, condition, spec, task
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster


def test_a_new_operator_knows_who_goes_first_before_it_starts_anything(
    ns: Namespace, operator: OperatorProcess, audit: AuditLog
) -> None:
    ns.create(spec(task("a", hold=True), priority="P0", suspendOthers=True), "first")
    ns.wait_state("a", "Running", name="first")
    waits = [f"before-{number}" for number in range(5)]  # listed before the one that they wait for
    for name in waits:
        ns.create(spec(task("t")), name)
        ns.wait_state("t", "Pending", "WaitingForProject", name=name)
    operator.kill()
    since = audit.position()
    operator.start()
    ns.create(spec(task("t"), priority="P0"), "next")
    ns.wait_end("next")  # by now all were planned
    assert {job["metadata"]["labels"]["parallelproject.io/project"] for job in ns.jobs()} == {"first", "next"}
    assert [said for said in _suspensions(audit.events(since, ns.name), waits) if said["status"] != "True"] == []
    ns.release("a", name="first")
    for name in waits:
        ns.wait_end(name)


def _suspensions(events: list[Json], projects: list[str]) -> list[Json]:
    """What was written of the suspension of some projects."""
    sent = [e["requestObject"] for e in writes(events) if e["objectRef"].get("name") in projects]
    return [condition(body, "Suspended") for body in sent if (body.get("status") or {}).get("conditions")]
