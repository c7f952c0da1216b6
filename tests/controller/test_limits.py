"""What projects share: a limit of all, one of a namespace, and who goes first. Nobody's labels change any of it."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from rig import ControlPlane
from tests.controller.audit import AuditLog, Happened, Json, history
from tests.controller.cluster import Client, Namespace, condition, has_completed, rows, spec, states, task
from tests.controller.conftest import FORBIDDEN_ON_PURPOSE
from tests.controller.fixtures import in_place_of
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

LIMIT = 3
LABEL = "parallelproject.io"
ENDS = ("pod-succeeded", "pod-failed", "complete", "failed", "gone")


@pytest.fixture(scope="module")
def limited(cluster: ControlPlane, _operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """An operator with a limit, in place of the other."""
    made = OperatorProcess(cluster, name="limited", options=("--max-concurrent-tasks", str(LIMIT)))
    with in_place_of(_operator, made):
        yield made


@pytest.fixture
def team(cluster: ControlPlane, client: Client, limited: OperatorProcess) -> Iterator[Callable[[], Namespace]]:
    """New namespaces, with that operator running."""
    limited.check()
    names: list[str] = []

    def new(prefix: str = "limited") -> Namespace:
        names.append(f"{prefix}-{secrets.token_hex(4)}")
        cluster.create_namespace(names[-1])
        return Namespace(cluster, client, names[-1])

    yield new
    for name in names:
        cluster.delete_namespace(name)


def many(count: int, hold: bool = False, **fields: object) -> Json:
    return spec(*(task(f"t{i}", hold=hold) for i in range(count)), parallelism=50, **fields)


def starts_and_ends(audit: AuditLog, since: int, *made: Json) -> list[Happened]:
    """What happened to some projects, in order."""
    events = audit.events(since)
    return sorted((h for p in made for h in history(events, p["metadata"]["uid"])), key=lambda happened: happened.at)


def project_of(happened: Happened) -> str:
    return str(happened.value["metadata"]["labels"][f"{LABEL}/project"])


def most_running(happened: list[Happened]) -> int:
    """Most Jobs that were there at once whose pod had not ended."""
    most, running, owner = 0, set[str](), dict[str, str]()
    for change in happened:
        if change.kind == "created":
            running.add(change.uid)
            most = max(most, len(running))
        elif change.kind == "pod-created":
            owner[change.uid] = change.value["metadata"]["ownerReferences"][0]["uid"]
        elif change.kind in ENDS:
            running.discard(owner.get(change.uid, change.uid))
    return most


def test_all_projects_together_never_have_more_running_than_the_limit_and_use_it(
    team: Callable[[], Namespace], audit: AuditLog, limited: OperatorProcess
) -> None:
    since, a, b = audit.position(), team(), team()
    projects = ((a, "p", 8), (b, "q", 8), (b, "r", 4))
    made = [ns.create(many(count, hold=True), name) for ns, name, count in projects]

    def held() -> list[tuple[Namespace, Json]]:
        return [(ns, pod) for ns, name, _ in projects for pod in ns.held(name)]

    a.until(lambda: len(held()) == LIMIT, "all to be in use")
    for ns, pod in held()[:2]:
        ns.release_pods([pod])
    a.until(lambda: len(held()) == LIMIT, "all to be in use again")
    limited.kill()  # the next one must count what it finds
    limited.start()
    while not all(has_completed(ns.get(name)) for ns, name, _ in projects):
        for ns, pod in held():
            ns.release_pods([pod])
    for ns, name, _ in projects:
        assert set(states(ns.get(name)).values()) == {"Succeeded"}
    assert most_running(starts_and_ends(audit, since, *made)) == LIMIT


def test_a_task_says_that_it_waits_for_others(team: Callable[[], Namespace]) -> None:
    ns = team()
    ns.create(many(LIMIT, hold=True), "long")
    ns.wait(lambda p: p["status"]["counts"]["running"] == LIMIT, "the limit to be used up", "long")
    ns.create(many(1))
    ns.wait_state("t0", "Pending", "WaitingForCapacity")
    found = condition(ns.get(), "Limited")
    assert (found["status"], found["reason"]) == ("True", "WaitingForCapacity")
    assert f"{LIMIT} running tasks of all projects" in found["message"]
    ns.delete("long")
    assert states(ns.wait_end()) == {"t0": "Succeeded"}
    assert condition(ns.get(), "Limited") == {}


def test_a_large_project_does_not_starve_small_ones(team: Callable[[], Namespace], audit: AuditLog) -> None:
    ns = team()
    ns.create(many(40, hold=True), "large")
    ns.wait(lambda p: p["status"]["counts"]["running"] == LIMIT, "the large one to have all there is", "large")
    for name in ("s1", "s2"):
        ns.create(many(3), name)
        ns.wait_state("t0", "Pending", "WaitingForCapacity", name=name)

    def ended() -> bool:
        if len(pods := ns.held("large")) == LIMIT:  # one place becomes free whenever it has all there is
            ns.release_pods(pods[:1])
        return all(has_completed(ns.get(name)) for name in ("s1", "s2"))

    ns.until(ended, "the small ones to end")
    assert ns.get("large")["status"]["counts"]["pending"] > 20
    ns.delete("large")


def test_the_highest_priority_gets_every_place_that_becomes_free(
    team: Callable[[], Namespace], audit: AuditLog
) -> None:
    since, ns = audit.position(), team()
    made = [ns.create(many(30, hold=True), "usual")]
    ns.wait(lambda p: p["status"]["counts"]["running"] == LIMIT, "all to be in use", "usual")
    made.append(ns.create(many(9, hold=True, priority="P0"), "urgent"))
    ns.wait_state("t0", "Pending", "WaitingForCapacity", name="urgent")
    for number in range(9):  # one by one: where two become free at once, the last of it and another start together
        pods = ns.until(lambda: ns.held("usual") + ns.held("urgent"), "a pod")
        ns.release_pods(pods[:1])
        ns.wait(lambda p, number=number: p["status"]["counts"]["pending"] == 8 - number, "a start", "urgent")  # type: ignore[misc]
    ns.release_until_end("urgent")
    created = [project_of(h) for h in starts_and_ends(audit, since, *made) if h.kind == "created"]
    first = created.index("urgent")
    assert created[first : first + 9] == ["urgent"] * 9
    ns.delete("usual")


def test_one_that_suspends_others_stands_alone_in_its_namespace(
    team: Callable[[], Namespace], limited: OperatorProcess
) -> None:
    ns, far = team(), team()
    tasks = task("a", hold=True), task("b", "a", hold=True)
    ns.create(spec(*tasks, priority="P0", suspendOthers=True), "first")
    ns.wait_state("a", "Running", name="first")
    ns.create(many(2), "later")
    far.create(many(1))
    ns.wait_state("t0", "Pending", "WaitingForProject", name="later")
    limited.kill()
    limited.start()
    far.create(many(1), "after")
    far.wait_end("after")  # planned by the next one, which has divided what is shared
    told = ns.wait(lambda p: condition(p, "Suspended")["reason"] == "OtherProject", "the suspension", "later")
    assert condition(told, "Suspended")["status"] == "True"
    assert "project first goes first" in condition(told, "Suspended")["message"]
    far.wait_end()
    assert ns.get("later")["status"]["counts"]["running"] == 0
    ns.release("a", "b", name="first")
    end = ns.wait_end("first")
    last = max(row["completionTime"] for row in rows(end).values())
    assert min(row["startTime"] for row in rows(ns.wait_end("later")).values()) >= last
    assert condition(ns.get("later"), "Suspended")["status"] == "False"


def test_who_waited_for_one_that_is_deleted_goes_on(team: Callable[[], Namespace]) -> None:
    ns = team()
    goes_first = {"suspendOthers": True, "priority": "P0"}
    ns.create(spec(task("a", fail_attempts=9), defaults={"maxAttempts": 9}, backoff=600, **goes_first), "first")
    ns.wait_state("a", "Pending", "Backoff", name="first")
    ns.create(many(1), "later")
    ns.wait_state("t0", "Pending", "WaitingForProject", name="later")
    ns.delete("first")
    assert states(ns.wait_end("later")) == {"t0": "Succeeded"}


@pytest.mark.parametrize("how", ["Background", "Foreground"])
def test_the_places_of_a_project_that_is_deleted_become_free(team: Callable[[], Namespace], how: str) -> None:
    ns = team()
    ns.create(many(LIMIT, hold=True), "long")
    ns.wait(lambda p: p["status"]["counts"]["running"] == LIMIT, "the limit to be used up", "long")
    ns.delete("long", propagation=how)
    ns.create(many(2 * LIMIT, hold=True))
    ns.wait(lambda p: p["status"]["counts"]["running"] == LIMIT, "the limit to be used up again")
    (done,) = ns.release_until_end()
    assert set(states(done).values()) == {"Succeeded"}
    assert ns.get()["status"]["metrics"]["peakParallelism"] == LIMIT


def test_a_namespace_where_jobs_are_refused_does_not_keep_what_others_could_use(team: Callable[..., Namespace]) -> None:
    closed, ns = team(FORBIDDEN_ON_PURPOSE), team()
    closed.kubectl("create", "quota", "none", "--hard=count/jobs.batch=0")
    closed.until(lambda: "0" in closed.kubectl("get", "quota", "none", "-o", "jsonpath={.status.hard}"), "the quota")
    closed.create(many(2 * LIMIT, priority="P0"))
    closed.wait(lambda p: condition(p, "Accepted"), "its status")
    ns.create(many(2 * LIMIT))
    assert set(states(ns.wait_end()).values()) == {"Succeeded"}
    closed.kubectl("delete", "quota", "none")
    assert set(states(closed.wait_end()).values()) == {"Succeeded"}


def test_a_limit_that_is_raised_is_heard_of_where_nothing_else_happens(team: Callable[[], Namespace]) -> None:
    ns = team()
    ns.kubectl("annotate", "namespace", ns.name, f"{LABEL}/max-concurrent-tasks=0")
    ns.create(many(2))
    ns.wait_state("t0", "Pending", "WaitingForCapacity")
    ns.kubectl("annotate", "namespace", ns.name, f"{LABEL}/max-concurrent-tasks=2", "--overwrite")
    assert set(states(ns.wait_end()).values()) == {"Succeeded"}


def test_a_namespace_s_annotation_limits_it_and_no_other(team: Callable[[], Namespace], audit: AuditLog) -> None:
    since, ns, free = audit.position(), team(), team()
    ns.kubectl("annotate", "namespace", ns.name, f"{LABEL}/max-concurrent-tasks=1")
    made = [ns.create(many(3, hold=True)), ns.create(many(2), "q")]
    ns.wait_state("t2", "Pending", "WaitingForCapacity")
    assert f"namespace {ns.name} has a limit of 1 running task" in condition(ns.get(), "Limited")["message"]
    free.create(many(2))
    free.wait_end()
    ns.release_until_end("p", "q")
    assert most_running(starts_and_ends(audit, since, *made)) == 1


def test_jobs_with_forged_labels_take_no_place(team: Callable[[], Namespace]) -> None:
    ns, other = team(), team()
    mine = other.create(many(1, hold=True))
    for i in range(LIMIT + 2):
        marks = {
            "app.kubernetes.io/managed-by": "parallelproject",
            f"{LABEL}/project": "p",
            f"{LABEL}/project-uid": mine["metadata"]["uid"] if i % 2 else f"no-such-{i}",
            f"{LABEL}/task": f"x{i}",
            f"{LABEL}/attempt": "1",
        }
        pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none", "command": ["true"]}]}
        body = {
            "metadata": {"name": f"forged-{i}", "labels": marks},
            "spec": {"template": {"metadata": {"labels": marks}, "spec": pod}, "suspend": True},
        }
        ns.client("POST", f"/apis/batch/v1/namespaces/{ns.name}/jobs", body)
    ns.create(many(2), "q")
    assert set(states(ns.wait_end("q")).values()) == {"Succeeded"}
    assert all(job["spec"]["suspend"] for job in ns.jobs() if job["metadata"]["name"].startswith("forged"))
    other.wait_state("t0", "Running")
    other.delete()
