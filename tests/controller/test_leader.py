"""Two operators, of which one is running: who leads, who takes over and when, and what one does that has lost."""

from collections.abc import Callable, Iterator

import pytest

from rig import ControlPlane
from rig.deadline import until
from tests.controller.audit import AuditLog, Json, by_user, writes
from tests.controller.cluster import SECONDS, Namespace, spec, states, task
from tests.controller.fixtures import in_place_of
from tests.controller.operator_process import NAMESPACE, USER, OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.sampled(3, of_file=True)]

LEASE_SECONDS = 4
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/parallelproject"


@pytest.fixture(params=[LEASE_SECONDS])
def two(
    cluster: ControlPlane, operator: OperatorProcess, request: pytest.FixtureRequest
) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """One that leads and one that stands by, in place of the other; the parameter is how long a Lease lasts."""
    options = ("--lease-duration-seconds", str(request.param))
    made = tuple(OperatorProcess(cluster, name=name, options=options) for name in ("first", "second"))
    with in_place_of(operator, made[0]):
        until(lambda: is_leading(made[0]), "the first to lead", seconds=SECONDS)
        try:
            made[1].start()
            yield made[0], made[1]
        finally:
            made[1].stop()


def holder(ns: Namespace) -> str:
    return "" if ns.is_gone(LEASE) else str(ns.client("GET", LEASE)["spec"]["holderIdentity"])


def is_leading(operator: OperatorProcess) -> bool:
    return "parallelproject_leader 1.0" in operator.metrics()


def test_one_leads_and_the_other_is_ready_to(
    ns: Namespace, two: tuple[OperatorProcess, OperatorProcess], audit: AuditLog
) -> None:
    assert holder(ns) == "rig-first"
    assert [is_leading(each) for each in two] == [True, False]
    assert [each.probe("readyz") for each in two] == [200, 200]
    ns.create(spec(task("a"), task("b", "a")))
    assert set(states(ns.wait_end()).values()) == {"Succeeded"}
    assert "project found" not in two[1].output()


@pytest.mark.parametrize("two", [10 * SECONDS], indirect=True)  # no test waits until it has run out
def test_who_ends_in_order_gives_the_lease_back_at_once(
    ns: Namespace, two: tuple[OperatorProcess, OperatorProcess]
) -> None:
    two[0].stop()
    ns.until(lambda: holder(ns) == "rig-second", "the other to lead")
    ns.until(lambda: two[1].probe("readyz") == 200, "it to be ready")


def test_a_dead_leader_is_replaced_and_the_work_goes_on(
    ns: Namespace, two: tuple[OperatorProcess, OperatorProcess], breaches: Callable[[Json], list[str]]
) -> None:
    made = ns.create(spec(*(task(f"t{i}", hold=True) for i in range(12)), parallelism=3))
    ns.release("t0", "t1")
    ns.wait(lambda p: p["status"]["counts"]["succeeded"] >= 2, "the first successes")
    two[0].kill()
    ns.until(lambda: holder(ns) == "rig-second", "the other to lead")
    (done,) = ns.release_until_end()
    assert set(states(done).values()) == {"Succeeded"}
    assert breaches(made) == []


def test_a_leader_that_stood_still_ends_when_it_wakes_and_does_nothing(
    ns: Namespace,
    two: tuple[OperatorProcess, OperatorProcess],
    breaches: Callable[[Json], list[str]],
    audit: AuditLog,
) -> None:
    made = ns.create(spec(*(task(f"t{i}", hold=True) for i in range(16)), parallelism=3))
    ns.release("t0", "t1")
    ns.wait(lambda p: p["status"]["counts"]["succeeded"] >= 2, "the first successes")
    two[0].freeze()
    ns.until(lambda: holder(ns) == "rig-second", "the other to lead")
    ns.release_pods(ns.held())  # so that there is something to do for it
    two[0].thaw()
    assert two[0].wait_ended() == 1
    assert "is held by rig-second now" in two[0].output()
    (done,) = ns.release_until_end()
    assert set(states(done).values()) == {"Succeeded"}
    assert breaches(made) == []


def test_an_api_server_that_is_away_longer_than_the_lease_is_good_for_costs_no_restart(
    cluster: ControlPlane, ns: Namespace, two: tuple[OperatorProcess, OperatorProcess], audit: AuditLog
) -> None:
    two[1].stop()
    pid, since = two[0].pid, audit.position()
    cluster.kill_apiserver()
    try:
        until(lambda: two[0].probe("readyz") == 503, "it to be not ready", seconds=SECONDS)
        assert not is_leading(two[0])
    finally:
        cluster.start_apiserver()
    ns.until(lambda: holder(ns) == "rig-first" and is_leading(two[0]), "it to lead again")
    ns.create(spec(task("a")))
    assert states(ns.wait_end()) == {"a": "Succeeded"}
    audit.outages.append((since, audit.position()))
    assert two[0].pid == pid
    two[0].check()


def test_a_lease_that_is_deleted_ends_the_leader_and_the_next_one_goes_on(
    ns: Namespace, two: tuple[OperatorProcess, OperatorProcess], audit: AuditLog
) -> None:
    since = audit.position()
    ns.client("DELETE", LEASE)
    assert two[0].wait_ended() == 1
    ns.until(lambda: holder(ns) == "rig-second", "the other to lead")
    mine = writes(by_user(audit.events(since), USER))
    assert {event["objectRef"]["resource"] for event in mine} == {"leases"}
