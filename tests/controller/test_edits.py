"""Specs that change while they run: suspended, stopped, tasks added, changed and removed, caps, retries."""

from collections.abc import Callable

import pytest

from tests.controller.audit import AuditLog, history, waits_after_failures
from tests.controller.cluster import Json, Namespace, condition, has_completed, rows, spec, states, task

pytestmark = pytest.mark.cluster

Breaches = Callable[[Json], list[str]]
STOPPED_FOR = "parallelproject.io/stopped-for"


def environment(job: Json) -> dict[str, str]:
    return {e["name"]: e.get("value", "") for e in job["spec"]["template"]["spec"]["containers"][0]["env"]}


def test_while_suspended_running_tasks_finish_and_none_starts(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(task("a", hold=True), task("b", "a")))
    ns.wait_state("a", "Running")
    ns.patch({"suspend": True})
    ns.wait(lambda p: condition(p, "Suspended")["status"] == "True", "the suspension")
    ns.release("a")
    ns.wait_state("a", "Succeeded")
    project = ns.wait(lambda p: rows(p)["b"].get("reason") == "Suspended", "b to wait")
    assert condition(project, "Suspended")["status"] == "True"
    assert ns.jobs("b") == []
    ns.patch({"suspend": False})
    done = ns.wait_end()
    assert states(done) == {"a": "Succeeded", "b": "Succeeded"}
    assert condition(done, "Suspended")["status"] == "False"
    reasons = [reason for reason, _ in ns.events()]
    assert reasons.index("Suspended") < reasons.index("Resumed")
    assert breaches(made) == []


def test_a_stopped_project_ends_its_tasks_and_goes_on_when_stop_is_withdrawn(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(task("a"), task("b", "a", hold=1), task("c", "b"), defaults={"maxAttempts": 1}))
    ns.wait_state("b", "Running")
    ns.patch({"stop": True})
    done = ns.wait_end()
    assert states(done) == {"a": "Succeeded", "b": "Skipped", "c": "Skipped"}
    assert condition(done, "Succeeded")["reason"] == "Stopped"
    ns.patch({"stop": False})
    done = ns.wait_end()
    assert set(states(done).values()) == {"Succeeded"}
    assert (rows(done)["b"]["attempts"], rows(done)["b"].get("failures")) == (2, None)
    assert len(ns.jobs("a")) == 1
    assert breaches(made) == []


def test_tasks_added_changed_and_removed_while_it_runs(ns: Namespace, breaches: Breaches) -> None:
    first = [
        task("done"), task("slow", hold=True), task("gone-later", hold=True),
        task("changed", "slow"), task("gone-before", "slow"),
    ]  # fmt: skip
    made = ns.create(spec(*first, parallelism=3, scheduling="Graph"))
    ns.wait_state("done", "Succeeded")
    ns.wait_state("slow", "Running")
    ns.wait_state("gone-later", "Running")
    changed = task("changed", "slow", parameters=[{"name": "colour", "value": "blue"}])
    ns.patch({"tasks": [task("slow", hold=True), changed, task("new", "changed")]})
    ns.until(lambda: STOPPED_FOR in ns.jobs("gone-later")[0]["metadata"].get("annotations", {}), "the edit to be heard")
    ns.release("slow")
    done = ns.wait_end()
    found = rows(done)
    assert {i: row["state"] for i, row in found.items()} == {
        "slow": "Succeeded", "changed": "Succeeded", "new": "Succeeded", "done": "Succeeded",
    }  # fmt: skip
    assert found["done"]["removed"] is True
    assert done["status"]["progress"] == "3/3"
    assert environment(ns.jobs("changed")[0])["PPROJ_PARAM_COLOUR"] == "blue"
    (stopped,) = ns.jobs("gone-later")
    assert stopped["metadata"]["annotations"][STOPPED_FOR] == "Removed"
    assert any(c["type"] == "Failed" for c in stopped["status"]["conditions"])
    assert ns.jobs("gone-before") == []
    assert breaches(made) == []


def test_the_cap_follows_its_edits(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(*(task(f"t{i}", hold=True) for i in range(10)), parallelism=1, scheduling="Graph"))
    ns.wait(lambda p: p["status"]["counts"]["running"] == 1, "one running")
    ns.patch({"parallelism": 5})
    ns.wait(lambda p: p["status"]["counts"]["running"] == 5, "five running")
    generation = ns.patch({"parallelism": 2})["metadata"]["generation"]
    ns.wait(lambda p: p["status"]["observedGeneration"] == generation, "the edit to be heard")
    ns.release_pods(ns.until(lambda: pods if len(pods := ns.held()) == 5 else None, "five pods")[:4])
    ns.wait(lambda p: p["status"]["counts"]["succeeded"] == 4 and p["status"]["counts"]["running"] == 2, "two running")
    (done,) = ns.release_until_end()
    assert set(states(done).values()) == {"Succeeded"}
    assert done["status"]["metrics"]["peakParallelism"] == 5
    assert breaches(made) == []


def test_failures_that_are_forgiven_let_a_task_run_again(ns: Namespace, breaches: Breaches) -> None:
    made = ns.create(spec(task("a", fail_attempts=2), task("b", "a"), task("c")))
    failed = ns.wait_end()
    assert states(failed) == {"a": "Failed", "b": "Skipped", "c": "Succeeded"}
    ns.patch({"retries": [{"id": "a", "forgive": 2}]})
    done = ns.wait_end()
    assert states(done) == {"a": "Succeeded", "b": "Succeeded", "c": "Succeeded"}
    assert condition(done, "Succeeded")["status"] == "True"
    assert (rows(done)["a"]["attempts"], len(ns.jobs("c"))) == (3, 1)
    assert breaches(made) == []


def test_failures_forgiven_in_advance_do_not_make_a_task_fail_in_a_hot_loop(ns: Namespace, audit: AuditLog) -> None:
    since = audit.position()
    made = ns.create(spec(task("a", fail_attempts=99), retries=[{"id": "a", "forgive": 100_000}]))
    ns.until(lambda: len(ns.jobs("a")) == 4, "four attempts")
    waits = waits_after_failures(history(audit.events(since, ns.name), made["metadata"]["uid"]))
    assert all(wait >= wanted for wait, wanted in zip(waits, (1, 2, 4), strict=True)), waits
    ns.delete()


def test_a_spec_that_becomes_invalid_lets_running_tasks_end_and_starts_none(ns: Namespace, breaches: Breaches) -> None:
    good = [task("a", hold=True), task("b", "a")]
    made = ns.create(spec(*good))
    ns.wait_state("a", "Running")
    ns.patch({"tasks": [task("a", "b", hold=True), task("b", "a")]})
    refused = ns.wait(lambda p: condition(p, "Accepted").get("status") == "False", "the refusal")
    assert condition(refused, "Accepted")["reason"] == "CycleFound"
    assert "a → b → a" in condition(refused, "Accepted")["message"]
    assert condition(refused, "Succeeded")["status"] == "Unknown"
    ns.release("a")
    recorded = ns.wait(lambda p: states(p)["a"] == "Succeeded", "the end of a to be recorded")
    assert recorded["status"]["counts"] == {
        "total": 2, "pending": 1, "running": 0, "succeeded": 1, "failed": 0, "skipped": 0,
    }  # fmt: skip
    assert recorded["status"]["progress"] == "1/2"
    assert ns.jobs("b") == []
    ns.patch({"tasks": good})
    assert states(ns.wait_end()) == {"a": "Succeeded", "b": "Succeeded"}
    assert len(ns.jobs("a")) == 1
    assert breaches(made) == []


def test_skip_is_edited_by_hand_at_any_moment(ns: Namespace, breaches: Breaches) -> None:
    """With ``kubectl edit``, which knows neither what runs nor which tasks there are."""
    tasks = [
        task("held", hold=True),
        task("after", "held"),
        task("flaky", fail_attempts=9),
        task("last", "after", "flaky"),
    ]
    made = ns.create(spec(*tasks, backoff=600, defaults={"maxAttempts": 9}))
    ns.wait_state("held", "Running")
    ns.wait_state("flaky", "Pending", "Backoff")
    ns.patch({"skip": ["held", "nope", "flaky", "held"]})
    done = ns.wait_end()
    assert states(done) == {"held": "Skipped", "after": "Succeeded", "flaky": "Skipped", "last": "Succeeded"}
    assert {rows(done)[id]["reason"] for id in ("held", "flaky")} == {"SkipRequested"}
    assert condition(done, "Succeeded")["status"] == "True"
    ns.patch({"skip": ["flaky", "after", "last"]})
    ns.wait_state("held", "Running")
    ns.patch({"skip": ["held", "after", "flaky", "last"], "suspend": True, "stop": True})
    done = ns.wait_end()
    assert states(done) == {"held": "Skipped", "after": "Succeeded", "flaky": "Skipped", "last": "Succeeded"}
    ns.patch({"tasks": [task("after"), task("last", "after")], "suspend": False, "stop": False})
    done = ns.wait(lambda p: has_completed(p) and rows(p)["flaky"].get("removed") is True, "the removal")
    assert condition(done, "Succeeded")["status"] == "True"
    assert states(done) == {"after": "Succeeded", "flaky": "Failed", "last": "Succeeded"}
    assert breaches(made) == []
