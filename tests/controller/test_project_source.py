"""What is known of which projects there are: the CRD missing, deleted, not served; missing rights; deletions in a gap.

A control plane and operators of their own: everybody else's projects would be gone with the CRD.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from parallelproject.kube.client import ApiError
from parallelproject.model.names import CRD_NAME, FINALIZER_RECORDED
from rig import ControlPlane
from rig.binaries import Binaries
from rig.deadline import until
from rig.project import project_manifests
from tests.controller.audit import AuditLog, by_user, told, writes
from tests.controller.cluster import Client, Json, Namespace, condition, spec, states, task
from tests.controller.operator_process import USER, OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.sampled(4, of_file=True)]

CRD = Path(__file__).parents[2] / "crds" / f"{CRD_NAME}.yaml"
PATH = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD_NAME}"
SECONDS = 240


@pytest.fixture(scope="module")
def own(binaries: Binaries) -> Iterator[ControlPlane]:
    """A control plane whose CRD may go."""
    with ControlPlane(binaries=binaries, manifests=project_manifests(), audit=True) as made:
        yield made


@pytest.fixture(scope="module")
def admin(own: ControlPlane) -> Iterator[Client]:
    """The admin's requests."""
    with Client(str(own.kubeconfig)) as made:
        yield made


@pytest.fixture
def place(own: ControlPlane, admin: Client, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace, in a cluster with the CRD."""
    name = "own-" + request.node.name.removeprefix("test_").replace("_", "-")[:50].rstrip("-")
    install(own, admin)
    own.create_namespace(name)
    yield Namespace(own, admin, name)
    install(own, admin)
    own.delete_namespace(name)


@pytest.fixture
def started(own: ControlPlane) -> Iterator[Callable[..., OperatorProcess]]:
    """Starts operators that end with the test, and have said nothing of a bug."""
    made: list[OperatorProcess] = []

    def start(*options: str, name: str = "own") -> OperatorProcess:
        operator = OperatorProcess(own, name=name, options=options)
        made.append(operator)
        operator.start(wait=False)
        return operator

    yield start
    for operator in made:
        operator.thaw()
        operator.check()
        operator.stop()
        log = operator.output()
        assert "Traceback" not in log, log[-6000:]
        operator.log.unlink()


def install(own: ControlPlane, admin: Client) -> None:
    """The CRD is there, and served."""
    own.kubectl("apply", "--server-side", "--force-conflicts", "-f", CRD)
    wait_served(admin, True)


def remove(own: ControlPlane, admin: Client) -> None:
    """The CRD is gone, and with it all projects."""
    own.kubectl("delete", "crd", CRD_NAME)
    wait_served(admin, False)


def wait_served(admin: Client, wanted: bool) -> None:
    def is_served() -> bool:
        try:
            admin("GET", "/apis/parallelproject.io/v1alpha1/parallelprojects")
        except ApiError as error:
            if error.status == 404:
                return False
            raise OSError from error
        return True

    until(lambda: is_served() is wanted, f"the CRD to be served: {wanted}", seconds=SECONDS)


def wait_probe(operator: OperatorProcess, wanted: int) -> None:
    until(lambda: operator.probe("readyz") == wanted, f"readyz to answer {wanted}", seconds=SECONDS)
    assert operator.probe("healthz") == 200


def wait_log(operator: OperatorProcess, text: str) -> None:
    until(lambda: text in operator.output(), f"the log to say {text}", seconds=SECONDS)


def synced(operator: OperatorProcess) -> str:
    lines = operator.metrics().splitlines()
    found = [line for line in lines if line.startswith('parallelproject_watch_synced{resource="parallelprojects"}')]
    return found[0].split()[-1] if found else ""


def wait_synced(operator: OperatorProcess, wanted: str) -> None:
    until(lambda: synced(operator) == wanted, f"watch_synced to be {wanted}", seconds=SECONDS)


def test_an_operator_that_starts_before_the_crd_waits_for_it(
    own: ControlPlane, admin: Client, place: Namespace, started: Callable[..., OperatorProcess]
) -> None:
    remove(own, admin)
    operator = started()
    wait_synced(operator, "0.0")
    wait_probe(operator, 503)
    wait_log(operator, "is its CRD installed?")
    assert "planning starts" not in operator.output()
    install(own, admin)
    place.create(spec(task("a"), task("b", "a")))
    assert states(place.wait_end()) == {"a": "Succeeded", "b": "Succeeded"}
    wait_probe(operator, 200)
    wait_synced(operator, "1.0")


def test_a_crd_that_is_deleted_in_the_middle_takes_its_projects_along(
    own: ControlPlane, admin: Client, place: Namespace, started: Callable[..., OperatorProcess]
) -> None:
    operator = started()
    wait_probe(operator, 200)
    pid = operator.pid
    for turn in range(2):
        place.create(spec(task("a"), task("b", "a", hold=True), task("c", "b"), suspendOthers=True, priority="P0"))
        place.wait_state("b", "Running")
        remove(own, admin)
        wait_probe(operator, 503)
        wait_synced(operator, "0.0")
        wait_collected(place, f"its Jobs, turn {turn}")
        install(own, admin)
        place.create(spec(task("a"), task("b", "a")), f"other-{turn}")  # what is gone does not go first any more
        assert states(place.wait_end(f"other-{turn}", seconds=SECONDS)) == {"a": "Succeeded", "b": "Succeeded"}
        wait_probe(operator, 200)
        # Until the garbage collector knows the new kind: of a kind that it never knew it asks ever more rarely.
        place.delete(f"other-{turn}")
        wait_collected(place, f"those of other-{turn}")
    assert operator.pid == pid


def wait_collected(place: Namespace, whose: str) -> None:
    """Waits until no Jobs are left."""
    place.until(lambda: not place.jobs(), f"the garbage collector to take {whose}", seconds=SECONDS)


def test_a_version_that_is_not_served_for_a_while_is_waited_for(
    own: ControlPlane, admin: Client, place: Namespace, started: Callable[..., OperatorProcess]
) -> None:
    operator = started()
    wait_probe(operator, 200)
    made = place.create(spec(task("a", hold=True), task("b"), task("c", "b"), parallelism=1))
    place.wait_state("a", "Running")
    crd = yaml.safe_load(CRD.read_text())
    other = {**crd["spec"]["versions"][0], "name": "v1alpha0", "served": True, "storage": False}
    crd["spec"]["versions"] = [{**crd["spec"]["versions"][0], "served": False}, other]
    own.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=yaml.safe_dump(crd))
    wait_served(admin, False)
    wait_probe(operator, 503)
    wait_synced(operator, "0.0")
    install(own, admin)
    wait_probe(operator, 200)
    if place.jobs("a"):  # the garbage collector may have taken it, for want of an owner that is served
        place.delete_job("a")  # the same project, known again: what becomes of its tasks is seen
    after = place.wait(lambda p: states(p)["b"] == "Succeeded" or p["status"]["tasks"][0]["attempts"] == 2, "to go on")
    assert after["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_missing_right_is_reported_and_tried_again(
    own: ControlPlane, admin: Client, place: Namespace, started: Callable[..., OperatorProcess]
) -> None:
    role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/parallelproject"
    rules = admin("GET", role)["rules"]
    without = [rule for rule in rules if "parallelprojects" not in rule["resources"]]
    change(admin, role, without)
    try:
        operator = started()
        wait_synced(operator, "0.0")
        wait_probe(operator, 503)
        wait_log(operator, "cannot list resource")
    finally:
        change(admin, role, rules)
    place.create(spec(task("a")))
    assert states(place.wait_end(seconds=SECONDS)) == {"a": "Succeeded"}
    wait_probe(operator, 200)


def change(admin: Client, role: str, rules: list[dict[str, list[str]]]) -> None:
    admin("PATCH", role, {"rules": rules}, content_type="application/merge-patch+json")


def test_an_operator_of_a_namespace_that_is_deleted_waits_until_it_is_made_again(
    own: ControlPlane, admin: Client, place: Namespace, started: Callable[..., OperatorProcess]
) -> None:
    operator = started("--namespace", place.name, name="namespaced")
    wait_probe(operator, 200)
    place.create(spec(task("a", hold=True), suspendOthers=True, priority="P0"), "first")
    place.wait_state("a", "Running", name="first")
    own.kubectl("delete", "namespace", place.name)  # waits
    own.create_namespace(place.name)
    place.create(spec(task("a")), "second")
    assert states(place.wait_end("second", seconds=SECONDS)) == {"a": "Succeeded"}
    assert condition(place.get("second"), "Completed")["status"] == "True"
    wait_probe(operator, 200)


BACKOFF_SECONDS = 15
"""Longer than a project counts as there without another look, and than a busy machine takes to freeze the operator."""


def is_created(place: Namespace, name: str) -> bool:
    """Creates a project, over a connection that may be broken; says whether it is there."""
    try:
        place.create(spec(task("a")), name)
    except ApiError as error:
        return error.status == 409
    return True


def is_there(place: Namespace) -> bool:
    """Deletes the project p; says whether it or a Job is still there."""
    if place.exists():
        place.delete()
        return True
    return bool(place.jobs())


def is_held(job: Json) -> bool:
    """Whether the operator's finalizer keeps a Job."""
    return FINALIZER_RECORDED in job["metadata"].get("finalizers", ())


def delete_in_a_gap(own: ControlPlane, place: Namespace, operator: OperatorProcess) -> None:
    """The project p is deleted while the operator stands still, and the API server forgets that it ever was.

    The first restart breaks the watch: what is sent on it would be read later. The second one forgets the deletion.
    The operator removes its finalizer from a Job after the status shows the result: frozen in between, it would keep
    the Job.
    """
    place.until(lambda: not any(map(is_held, place.jobs())), "the operator to release its finished Jobs")
    operator.freeze()
    own.restart_apiserver()
    place.until(lambda: not is_there(place), "the project and its Jobs to be gone", SECONDS)
    own.restart_apiserver()


def test_a_project_deleted_in_a_gap_does_not_go_first_any_more(
    own: ControlPlane, place: Namespace, started: Callable[..., OperatorProcess]
) -> None:
    operator = started()
    wait_probe(operator, 200)
    place.create(spec(task("a", fail_attempts=1), backoff=3600, suspendOthers=True, priority="P0"))
    place.wait_state("a", "Pending", "Backoff")
    place.create(spec(task("a")), "other")
    place.wait_state("a", "Pending", "WaitingForProject", name="other")
    delete_in_a_gap(own, place, operator)
    operator.thaw()
    assert states(place.wait_end("other", seconds=SECONDS)) == {"a": "Succeeded"}


def test_a_project_deleted_in_a_gap_gets_no_job_after_it(
    own: ControlPlane, place: Namespace, started: Callable[..., OperatorProcess]
) -> None:
    operator = started()
    wait_probe(operator, 200)
    audit = AuditLog(own.audit_log)
    made = place.create(spec(task("a", fail_attempts=1), backoff=BACKOFF_SECONDS))
    place.wait_state("a", "Pending", "Backoff")
    over = time.monotonic() + BACKOFF_SECONDS + 1
    delete_in_a_gap(own, place, operator)
    since = audit.position()
    place.until(lambda: time.monotonic() > over, "its backoff to be over")
    place.until(lambda: is_created(place, "other"), "the API server to take a project")
    operator.thaw()
    place.wait_end("other", seconds=SECONDS)  # it has had time to do wrong
    asked = list(by_user(writes(audit.events(since, place.name)), USER))
    assert any("other-a-1" in told(event) for event in asked)
    assert [told(event) for event in asked if made["metadata"]["uid"] in str(event.get("requestObject"))] == []
