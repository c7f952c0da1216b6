"""What ``/metrics`` tells of a real operator's work, and that it tells what the reference says."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse

from parallelproject.controller.telemetry.gauges import STATES, summary
from parallelproject.controller.telemetry.metric_names import METRICS, Kind
from parallelproject.controller.telemetry.metrics import asked_for
from parallelproject.model.status import TaskState
from rig import ControlPlane
from tests.controller.audit import AuditLog
from tests.controller.cluster import Json, Namespace, rows, spec, task
from tests.controller.fixtures import in_place_of
from tests.controller.operator_process import OperatorProcess
from tests.controller.test_outage import is_created

cluster_test = pytest.mark.cluster
GIT: Json = {"url": "https://git.example/acme/shop.git", "credentialsSecretRef": {"name": "shop-git"}}


def value(operator: OperatorProcess, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels; 0 where there is none."""
    samples = [sample for family in parse(operator.metrics()) for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def by(operator: OperatorProcess, ns: Namespace, name: str, *labels: str) -> dict[Any, float]:
    """What is told of a namespace, without zeros; by the values of labels, or by the value of the only one."""
    found = {}
    for family in parse(operator.metrics()):
        for sample in family.samples:
            if sample.name == name and sample.labels["project_namespace"] == ns.name and sample.value:
                key = tuple(sample.labels[label] for label in labels)
                found[key if len(key) > 1 else key[0]] = sample.value
    return found


@cluster_test
def test_what_is_told_is_what_the_reference_says(ns: Namespace, operator: OperatorProcess) -> None:
    ns.create(spec(task("a"), task("b", "a", fail_attempts=1), task("c", "b")))
    ns.wait_end()
    kinds = {metric.name.removesuffix("_total"): metric.kind for metric in METRICS}
    labels = {metric.name.removesuffix("_total"): set(metric.labels) for metric in METRICS}
    families = {family.name: family for family in parse(operator.metrics())}
    assert {name: Kind(family.type) for name, family in families.items()} == kinds
    meanings = {
        metric.name.removesuffix("_total"): metric.meaning for metric in METRICS if "process" not in metric.name
    }
    assert meanings.items() <= {name: family.documentation for name, family in families.items()}.items()
    for name, family in families.items():
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == labels[name], sample


@cluster_test
def test_it_is_open_metrics_where_that_is_asked_for(operator: OperatorProcess) -> None:
    told = operator.metrics("application/openmetrics-text; version=1.0.0")
    assert told.endswith("# EOF\n")
    names = {family.name for family in parse_open_metrics(told)}
    assert names == {metric.name.removesuffix("_total") for metric in METRICS}


@cluster_test
def test_attempts_are_counted_by_how_they_ended(ns: Namespace, operator: OperatorProcess) -> None:
    created = value(operator, "parallelproject_api_requests_total", verb="create", resource="jobs", code="201")
    released = value(operator, "parallelproject_release_duration_seconds_count")
    tasks = task("a", fail_attempts=1), task("b", "a"), task("bad", fail_attempts=9, maxAttempts=2)
    ns.create(spec(*tasks, failurePolicy="Continue"))
    ns.wait_end()
    started = by(operator, ns, "parallelproject_attempts_started_total", "project_namespace")
    assert started == {ns.name: 5}
    assert by(operator, ns, "parallelproject_retries_total", "project_namespace") == {ns.name: 2}
    ended = by(operator, ns, "parallelproject_attempts_ended_total", "result", "reason")
    assert ended == {("Succeeded", ""): 2, ("Failed", "ExitCode"): 3}
    requests = value(operator, "parallelproject_api_requests_total", verb="create", resource="jobs", code="201")
    assert requests - created == 5
    assert value(operator, "parallelproject_release_duration_seconds_count") - released == 5


@cluster_test
def test_what_was_counted_before_is_not_counted_again_by_the_next_process(
    ns: Namespace, operator: OperatorProcess
) -> None:
    ns.create(spec(task("a", fail_attempts=1), task("b", "a")), "before")
    ns.wait_end("before")
    operator.kill()
    operator.start()
    ns.until(lambda: by(operator, ns, "parallelproject_projects", "state") == {"Succeeded": 1}, "it to be told")
    ns.create(spec(task("c")), "after")
    ns.wait_end("after")
    assert by(operator, ns, "parallelproject_attempts_started_total", "project_namespace") == {ns.name: 1}
    assert by(operator, ns, "parallelproject_attempts_ended_total", "result") == {"Succeeded": 1}
    assert by(operator, ns, "parallelproject_tasks", "state") == {"Succeeded": 3}
    ns.delete("before")
    ns.until(lambda: by(operator, ns, "parallelproject_projects", "state") == {"Succeeded": 1}, "it to be forgotten")


@cluster_test
def test_how_projects_and_tasks_stand_is_what_their_statuses_say(ns: Namespace, operator: OperatorProcess) -> None:
    long = task("long", hold=True)
    ns.create(spec(long, task("next", "long"), task("more"), parallelism=1), "running")
    ns.create(spec(task("a"), suspend=True), "suspended")
    ns.create(spec(task("a", "nobody")), "rejected")
    ns.create(spec(task("a"), task("x", fail_attempts=9), defaults={"maxAttempts": 1}), "failed")
    ns.wait_end("failed")
    ns.wait_state("long", "Running", name="running")
    ns.wait_state("more", "Pending", "WaitingForSlot", name="running")
    ns.wait(lambda p: p["status"]["conditions"][0]["status"] == "False", "a refusal", "rejected")
    ns.wait(lambda p: rows(p)["a"]["reason"] == "Suspended", "a suspension", "suspended")
    expected = {"Running": 1, "Suspended": 1, "Rejected": 1, "Failed": 1}
    ns.until(lambda: by(operator, ns, "parallelproject_projects", "state") == expected, "the projects to be told")
    tasks = {"Running": 1, "Pending": 3, "Succeeded": 1, "Failed": 1}
    assert by(operator, ns, "parallelproject_tasks", "state") == tasks
    assert by(operator, ns, "parallelproject_tasks_by_reason", "state", "reason") == {
        ("Pending", "WaitingForDependencies"): 1,
        ("Pending", "WaitingForSlot"): 1,
        ("Pending", "Suspended"): 1,
        ("Failed", "ExitCode"): 1,
    }
    assert by(operator, ns, "parallelproject_slots_held", "project_namespace") == {ns.name: 1}
    assert value(operator, "parallelproject_leader") == 1


@cluster_test
def test_landings_are_counted_by_outcome(ns: Namespace, operator: OperatorProcess) -> None:
    wanted = {"git_exit_code": "20", "git_fail_attempts": "1", "git_message": json.dumps({"outcome": "Conflict"})}
    conflicting = task("a", parameters=[{"name": name, "value": value} for name, value in wanted.items()])
    ns.create(spec(conflicting, task("b"), git=GIT))
    ns.wait_end()
    assert by(operator, ns, "parallelproject_landings_total", "outcome") == {"Landed": 2, "Conflict": 1}
    ended = by(operator, ns, "parallelproject_attempts_ended_total", "result", "reason")
    assert ended == {("Succeeded", ""): 2, ("Failed", "Conflict"): 1}


@cluster_test
def test_watches_and_the_queue_are_told(ns: Namespace, operator: OperatorProcess) -> None:
    begun = value(operator, "parallelproject_api_requests_total", verb="watch", resource="pods", code="200")
    assert begun >= 1
    assert 0 <= value(operator, "parallelproject_watch_silence_seconds", resource="jobs") < 90
    planned = value(operator, "parallelproject_reconcile_duration_seconds_count")
    ns.create(spec(task("a")))
    ns.wait_end()
    assert value(operator, "parallelproject_reconcile_duration_seconds_count") > planned
    ns.until(lambda: value(operator, "parallelproject_queue_depth") == 0, "the queue to be empty")
    assert value(operator, "parallelproject_status_delay_seconds_count") >= 2


@cluster_test
def test_an_api_server_that_is_away_is_told(
    cluster: ControlPlane, ns: Namespace, operator: OperatorProcess, audit: AuditLog
) -> None:
    def broken() -> float:
        return value(operator, "parallelproject_watch_restarts_total", cause="broken")

    before, since = broken(), audit.position()
    cluster.kill_apiserver()
    try:
        ns.until(lambda: broken() > before, "a watch to break")
        ns.until(lambda: value(operator, "parallelproject_api_requests_total", code="error") > 0, "an error")
    finally:
        cluster.start_apiserver()
    ns.until(lambda: is_created(ns), "the API server to take a project")
    ns.wait_end()
    operator.wait_ready()
    audit.outages.append((since, audit.position()))


@pytest.fixture
def forgetful(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """An operator that forgets namespaces at once, in place of the other."""
    patch = "import parallelproject.controller.telemetry.gauges as gauges; gauges.FORGET_SECONDS = 0.0"
    made = OperatorProcess(cluster, name="forgetful", patch=patch)
    with in_place_of(operator, made):
        yield made


@cluster_test
def test_the_counters_of_a_namespace_without_projects_are_forgotten(ns: Namespace, forgetful: OperatorProcess) -> None:
    ns.create(spec(task("a")))
    ns.wait_end()
    assert by(forgetful, ns, "parallelproject_attempts_started_total", "project_namespace") == {ns.name: 1}
    assert by(forgetful, ns, "parallelproject_attempts_started_total", "project_namespace") == {ns.name: 1}
    ns.delete()
    ns.until(lambda: ns.name not in forgetful.metrics(), "it to be forgotten")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/apis/batch/v1/jobs", ("list", "jobs")),
        ("GET", "/apis/batch/v1/namespaces/n/jobs", ("list", "jobs")),
        ("GET", "/apis/batch/v1/namespaces/n/jobs/x", ("get", "jobs")),
        ("POST", "/api/v1/namespaces/n/events", ("create", "events")),
        ("GET", "/api/v1/pods", ("list", "pods")),
        ("GET", "/api/v1/namespaces", ("list", "namespaces")),
        ("GET", "/api/v1/namespaces/n", ("get", "namespaces")),
        ("PATCH", "/apis/p.io/v1/namespaces/n/parallelprojects/x/status", ("patch", "parallelprojects/status")),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/n/leases/x", ("update", "leases")),
        ("DELETE", "/apis/p.io/v1/namespaces/n/parallelprojects/x", ("delete", "parallelprojects")),
        ("GET", "/version", ("get", "other")),
    ],
)
def test_requests_are_named_as_kubernetes_names_them(method: str, path: str, expected: tuple[str, str]) -> None:
    assert asked_for(method, path) == expected


ACCEPTED = {"type": "Accepted", "status": "True"}


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"tasks": None, "conditions": None},
        {"tasks": [None, 7, {"state": "Lost"}, {"state": ["Failed"]}, {"id": "x"}], "conditions": ["x", {"type": 3}]},
        {"conditions": [{"type": "Accepted", "status": ["True"]}, {"type": "Completed", "status": 1}]},
        {"conditions": [ACCEPTED, {"type": "Completed", "status": "True"}, {"type": "Succeeded", "reason": "a" * 900}]},
        {"conditions": [{"type": "Published", "status": {}, "reason": "a" * 900}]},
        {"tasks": [{"state": "Failed", "reason": f"made up {i}"} for i in range(50)]},
    ],
)
def test_whatever_stands_in_a_status_makes_few_series(status: Mapping[str, Any]) -> None:
    found = summary(status)
    assert found.state in {*STATES, "Other"}
    assert found.tasks.keys() <= {state.value for state in TaskState}
    assert found.reasons.keys() <= {("Failed", "Other")}
    assert found.published in (None, ("Other", "Other"))
