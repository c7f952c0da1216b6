"""The API server away, and what the probes and the runs make of it."""

from collections.abc import Callable, Iterator

import pytest

from parallelproject.kube.client import ApiError
from rig import ControlPlane
from tests.controller.audit import AuditLog
from tests.controller.cluster import Json, Namespace, rows, spec, states, task
from tests.controller.fixtures import in_place_of
from tests.controller.operator_process import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.sampled(1, of_file=True)]

READY_SECONDS = 15
"""On a busy machine, seconds pass between the last news of a project and a look at the probe."""


@pytest.fixture
def impatient(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """An operator that is not ready after seconds of silence, in place of the other; it may not be ready yet."""
    patch = f"import parallelproject.controller.process.health as health; health.READY_SECONDS = {READY_SECONDS}"
    made = OperatorProcess(cluster, name="impatient", patch=patch)
    with in_place_of(operator, made, wait=False):
        yield made


def is_created(ns: Namespace) -> bool:
    try:
        ns.create(spec(task("a"), task("b", "a")))
    except ApiError as error:
        return error.status == 409
    return True


def test_the_probes_tell_of_an_api_server_that_is_away_and_of_its_return(
    cluster: ControlPlane, ns: Namespace, impatient: OperatorProcess, audit: AuditLog
) -> None:
    names = iter(range(10**6))

    def ready_after_news() -> bool:
        """A watch may be silent for longer than this operator has patience: news on all of them make it ready."""
        ns.create(spec(task("a")), name := f"news-{next(names)}")
        ns.wait_end(name)
        return impatient.probe("readyz") == 200

    ns.until(ready_after_news, "it to be ready")
    assert impatient.probe("healthz") == 200
    since = audit.position()
    cluster.kill_apiserver()
    try:
        ns.until(lambda: impatient.probe("readyz") == 503, "it to be not ready")
        assert impatient.probe("healthz") == 200
    finally:
        cluster.start_apiserver()
    audit.outages.append((since, audit.position()))
    ns.until(lambda: is_created(ns), "the API server to take a project")
    assert set(states(ns.wait_end()).values()) == {"Succeeded"}
    ns.until(ready_after_news, "it to be ready")
    assert impatient.probe("healthz") == 200


def test_a_run_goes_on_after_the_api_server_was_away(
    cluster: ControlPlane,
    ns: Namespace,
    operator: OperatorProcess,
    audit: AuditLog,
    breaches: Callable[[Json], list[str]],
) -> None:
    pid = operator.pid
    tasks = [task(f"t{i}", *([f"t{i - 3}"] if i > 2 else []), seconds=0.3) for i in range(18)]
    for each in tasks[4::5]:
        each["parameters"].append({"name": "fail_attempts", "value": "1"})
    made = ns.create(spec(*tasks, scheduling="Graph"))
    for done in (3, 9):
        ns.wait(lambda p, done=done: p["status"]["counts"]["succeeded"] >= done, f"{done} successes")  # type: ignore[misc]
        since = audit.position()
        cluster.restart_apiserver()
        ns.wait(lambda p, done=done: p["status"]["counts"]["succeeded"] > done, "one more")  # type: ignore[misc]
        audit.outages.append((since, audit.position()))
    end = ns.wait_end()
    assert set(states(end).values()) == {"Succeeded"}
    assert {i: row.get("failures", 0) for i, row in rows(end).items()} == {f"t{i}": int(i % 5 == 4) for i in range(18)}
    assert operator.pid == pid
    operator.check()
    assert breaches(made) == []
