"""Finished Jobs are removed by a limit or where a quota counts them, and never before their result is written down."""

import re
from collections.abc import Callable

import pytest

from tests.controller.audit import AuditLog, by_user, history
from tests.controller.cluster import Json, Namespace, rows, spec, states, task
from tests.controller.laws import judge
from tests.controller.operator_process import USER, OperatorProcess

pytestmark = pytest.mark.cluster

Breaches = Callable[[Json], list[str]]


def quota(ns: Namespace, **hard: str) -> None:
    text = ",".join(f"{name.replace('__', '/').replace('_', '.')}={value}" for name, value in hard.items())
    ns.kubectl("create", "quota", "jobs", f"--hard={text}")
    ns.until(lambda: ns.kubectl("get", "quota", "jobs", "-o", "jsonpath={.status.hard}"), "the quota")


def test_six_tasks_end_under_a_quota_of_three_jobs(
    forbidden_ns: Namespace, operator: OperatorProcess, audit: AuditLog
) -> None:
    ns, since = forbidden_ns, audit.position()
    quota(ns, count__jobs_batch="3")
    made = ns.create(spec(*(task(f"t{i}") for i in range(6)), parallelism=2))
    done = ns.wait_end()
    assert set(states(done).values()) == {"Succeeded"}
    assert len(ns.jobs()) <= 3
    removed = ns.until(lambda: [m for reason, m in ns.events() if reason == "JobRemoved"], "the event")
    found = [re.match(r"(t[0-5]): finished Job p-\1-1-.*exceeded quota", message) for message in removed]
    assert all(found), removed
    # The first of them is one of the three that start first; which of these ends first is not known.
    assert any(match and match[1] in ("t0", "t1", "t2") for match in found)
    operator.kill()
    operator.start()
    ns.create(spec(task("x")), "after")  # planned after all that is known from before
    ns.wait_end("after")
    assert [row["attempts"] for row in rows(ns.get()).values()] == [1] * 6
    assert judge(history(audit.events(since, ns.name), made["metadata"]["uid"])) == []


def test_a_quota_is_met_by_the_finished_jobs_of_other_projects_too(forbidden_ns: Namespace) -> None:
    ns = forbidden_ns
    ns.create(spec(*(task(f"t{i}") for i in range(3)), parallelism=3), "old")
    ns.wait_end("old")
    quota(ns, count__jobs_batch="3")
    ns.create(spec(task("a")), "new")
    assert states(ns.wait_end("new")) == {"a": "Succeeded"}


def test_no_more_finished_jobs_are_kept_than_the_limit(ns: Namespace, audit: AuditLog, breaches: Breaches) -> None:
    since = audit.position()
    tasks = [task("a", fail_attempts=9, maxAttempts=2), *(task(f"t{i}") for i in range(5))]
    made = ns.create(spec(*tasks, jobHistoryLimit=2, parallelism=2, failurePolicy="Continue"))
    done = ns.wait_end()
    ns.until(lambda: len(ns.jobs()) == 2, "the others to be removed")
    assert len(ns.jobs("a")) == 2  # those that failed stay longest
    assert rows(done)["a"]["state"] == "Failed"
    assert breaches(made) == []
    recorded: set[str] = set()
    for event in by_user(audit.events(since, ns.name), USER):
        ref = event.get("objectRef") or {}
        answer = event.get("responseObject") or {}
        if ref.get("subresource") == "status" and event["verb"] == "patch":
            recorded |= {row["id"] for row in answer["status"]["tasks"] if row["state"] in ("Succeeded", "Failed")}
        if ref.get("resource") == "jobs" and event["verb"] == "delete":
            assert any(f"p-{task_id}-" in ref["name"] for task_id in recorded), ref["name"]


def test_all_finished_jobs_are_removed_where_none_is_to_be_kept(ns: Namespace) -> None:
    ns.create(spec(task("a", fail_attempts=1), task("b", "a"), jobHistoryLimit=0))
    done = ns.wait_end()
    ns.until(lambda: not ns.jobs() and not ns.pods(), "all Jobs to be removed")
    assert (states(done), rows(done)["a"]["attempts"]) == ({"a": "Succeeded", "b": "Succeeded"}, 2)
