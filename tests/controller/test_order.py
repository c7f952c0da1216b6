"""What runs when: levels, dependencies, caps, roles, files, priority, and how soon."""

import os
import signal
from collections.abc import Callable

import pytest

from rig import ControlPlane
from tests.controller.cluster import Json, Namespace, role, rows, spec, states, task

pytestmark = pytest.mark.cluster

Breaches = Callable[[Json], list[str]]


def started(ns: Namespace) -> list[str]:
    """The tasks in the order in which their Jobs were created."""
    jobs = sorted(ns.jobs(), key=lambda job: _created(ns, job))
    return [job["metadata"]["labels"]["parallelproject.io/task"] for job in jobs]


def _created(ns: Namespace, job: Json) -> int:
    events = ns.client("GET", f"/api/v1/namespaces/{ns.name}/events")["items"]
    of_job = [e for e in events if e["involvedObject"]["uid"] == job["metadata"]["uid"]]
    return min(int(e["metadata"]["resourceVersion"]) for e in of_job)


DIAMOND = [task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"), task("x")]


@pytest.mark.parametrize("scheduling", ["Levels", "Graph"])
def test_all_tasks_run_once_and_in_order(ns: Namespace, breaches: Breaches, scheduling: str) -> None:
    made = ns.create(spec(*DIAMOND, scheduling=scheduling))
    done = ns.wait_end()
    assert set(states(done).values()) == {"Succeeded"}
    assert len(ns.jobs()) == len(DIAMOND)
    assert [row["level"] for row in rows(done).values()] == [0, 1, 1, 2, 0]
    assert done["status"]["progress"] == "5/5"
    assert breaches(made) == []


def test_by_level_a_task_waits_for_the_whole_level_before(ns: Namespace) -> None:
    ns.create(spec(*DIAMOND[:-1], task("x", hold=True), scheduling="Levels"))
    ns.wait_state("a", "Succeeded")
    ns.wait_state("b", "Pending", "WaitingForLevel")
    ns.release("x")
    ns.wait_end()


def test_by_graph_a_task_waits_for_its_dependencies_alone(ns: Namespace) -> None:
    ns.create(spec(task("a"), task("b", "a"), task("slow", hold=True), scheduling="Graph"))
    ns.wait_state("b", "Succeeded")
    assert states(ns.get())["slow"] == "Running"
    ns.release("slow")
    ns.wait_end()


def test_never_more_tasks_run_than_the_cap(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(*(task(f"t{i}", hold=True) for i in range(12)), parallelism=3, scheduling="Graph"))
    ns.wait(lambda p: "WaitingForSlot" in {row.get("reason") for row in rows(p).values()}, "a wait for a slot")
    ns.wait(lambda p: p["status"]["counts"]["running"] == 3, "the cap to be reached")
    (done,) = ns.release_until_end()
    assert done["status"]["metrics"]["peakParallelism"] == 3
    assert breaches(made) == []


def test_never_more_tasks_of_a_role_run_than_its_cap(ns: Namespace, breaches: Breaches) -> None:
    roles = [role("coder"), role("tester", maxConcurrent=1)]
    tasks = [task(f"t{i}", hold=True, role="tester") for i in range(3)] + [task("c", hold=True, role="coder")]
    made = ns.create(spec(*tasks, roles=roles, scheduling="Graph"))
    ns.wait_state("t2", "Pending", "WaitingForRole")
    ns.wait_state("c", "Running")
    (done,) = ns.release_until_end()
    assert set(states(done).values()) == {"Succeeded"}
    assert breaches(made) == []


def test_tasks_that_write_the_same_files_never_run_together(ns: Namespace, breaches: Breaches) -> None:
    files = {"a": ["src/**"], "b": ["src/app.py"], "c": ["docs/x.md"], "d": ["src/lib/x.py", "docs/x.md"]}
    made = ns.create(spec(*(task(i, hold=True, files=files[i]) for i in files), scheduling="Graph"))
    ns.wait_state("b", "Pending", "WaitingForFiles")
    ns.wait_state("c", "Running")
    (done,) = ns.release_until_end()
    assert set(states(done).values()) == {"Succeeded"}
    assert breaches(made) == []


def test_among_ready_tasks_priority_goes_first(ns: Namespace) -> None:
    ns.create(spec(task("low"), task("high", priority=5), task("mid", priority=1), parallelism=1, scheduling="Graph"))
    ns.wait_end()
    assert started(ns) == ["high", "mid", "low"]


def test_a_pod_that_succeeded_releases_its_dependents_before_the_job_controller_tells(
    cluster: ControlPlane, ns: Namespace
) -> None:
    ns.create(spec(task("a", hold=True), task("b", "a"), scheduling="Graph"))
    ns.until(ns.held, "the pod of a")
    job_controller = cluster.pids["kube-controller-manager"]
    os.kill(job_controller, signal.SIGSTOP)
    try:
        ns.release("a")
        ns.until(lambda: ns.jobs("b"), "the Job of b")
        assert "conditions" not in ns.jobs("a")[0]["status"]
    finally:
        os.kill(job_controller, signal.SIGCONT)
    assert states(ns.wait_end()) == {"a": "Succeeded", "b": "Succeeded"}
