"""Projects with a forge: when their work is published, and what is made of how that ended.

The nodes are fake, and so is what the publishing Job says; what it does is tested in tests/forge.
"""

import json
from functools import partial

import pytest

from parallelproject.core.followups.publishing import FIRST_WAIT
from tests.controller.audit import AuditLog, history
from tests.controller.cluster import Json, Namespace, condition, spec, task
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

GIT: Json = {
    "url": "https://git.example/acme/shop.git",
    "credentialsSecretRef": {"name": "shop-git"},
    "forge": {"type": "Gitea", "tokenSecretRef": {"name": "shop-forge", "key": "token"}},
    "pullRequest": {"labels": ["agents"], "merge": "WhenChecksPass"},
}


def publishings(ns: Namespace) -> list[Json]:
    """What the publishing Jobs were told, in their order."""
    jobs = [job for job in ns.jobs() if job["metadata"]["labels"].get("parallelproject.io/kind") == "Publish"]
    jobs.sort(key=lambda job: int(job["metadata"]["labels"]["parallelproject.io/attempt"]))
    notes = [job["spec"]["template"]["metadata"]["annotations"] for job in jobs]
    return [json.loads(note["parallelproject.io/publish"]) for note in notes]


def published(ns: Namespace, status: str, name: str = "p") -> Json:
    """The project once it has ended and its last publishing has."""
    return ns.wait(
        lambda p: condition(p, "Completed")["status"] == "True" and condition(p, "Published")["status"] == status,
        f"Published {status}",
        name,
    )


def test_each_level_s_end_and_the_project_s_is_published_and_only_the_whole_is_merged(ns: Namespace) -> None:
    ns.create(spec(task("a"), task("b"), task("c", "a", hold=True), git=GIT))
    ns.wait(lambda p: condition(p, "Published").get("reason") == "Opened", "the first level to be published")
    ns.release("c")
    done = published(ns, "True")
    assert condition(done, "Published")["reason"] == "Opened"
    assert "https://forge.example/acme/shop/pulls/7" in condition(done, "Published")["message"]
    shown = ns.pproj("get", "p", "-o", "wide").stdout
    assert "https://forge.example/acme/shop/pulls/7 (open)" in shown
    assert "parallel/p of https://git.example/acme/shop.git" in shown
    (pull,) = done["status"]["publication"]["pullRequests"]
    assert (pull["number"], pull["state"]) == (7, "open")
    first, last = publishings(ns)
    assert {row["id"] for row in first["tasks"]} == {"a", "b"}
    assert {row["id"] for row in last["tasks"]} == {"a", "b", "c"}
    assert (first["merge"], last["merge"]) == ("Manual", "WhenChecksPass")
    assert (last["branch"], last["base"], last["labels"]) == ("parallel/p", "main", ["agents"])


def test_what_failed_is_told_and_then_nothing_is_merged(ns: Namespace) -> None:
    tasks = (task("a"), task("bad", fail_attempts=9, exit_code=3), task("c", "bad"))
    ns.create(spec(*tasks, git=GIT, defaults={"maxAttempts": 1}))
    done = published(ns, "True")
    assert condition(done, "Succeeded")["status"] == "False"
    told = publishings(ns)[-1]
    assert told["merge"] == "Manual"
    assert {row["id"]: row.get("reason") for row in told["tasks"]} == {"a": None, "bad": "ExitCode 3"}


def test_each_level_waits_for_the_merge_of_the_one_before(ns: Namespace, operator: OperatorProcess) -> None:
    by_level = GIT | {"pullRequest": {"scope": "Level", "merge": "WhenChecksPass"}}
    ns.create(spec(task("a"), task("b", "a"), git=by_level), name="levels")
    project = ns.wait(lambda p: condition(p, "Published")["reason"] == "ChecksFailed", "failed checks", "levels")
    ns.wait_state("b", "Pending", "WaitingForMerge", name="levels")
    said = ns.pproj("why", "levels", "b").stdout
    assert "it is in L1, which starts when the pull request of L0, https://forge.example/pulls/1, is merged" in said
    assert "ChecksFailed" in said
    assert project["status"]["levels"][0]["pullRequest"]["number"] == 1
    operator.kill()
    operator.start()
    ns.release("", name="levels")  # the second attempt to publish
    done = published(ns, "True", "levels")
    assert done["status"]["publication"]["mergedLevels"] == 2
    assert [level["pullRequest"]["number"] for level in done["status"]["levels"]] == [1, 2]
    told = publishings(ns)
    assert [(one["levels"], one["wholeLevels"]) for one in told] == [(1, 1), (1, 1), (2, 2)]


def test_where_nothing_succeeded_nothing_is_published(ns: Namespace) -> None:
    ns.create(spec(task("a", fail_attempts=9), git=GIT, defaults={"maxAttempts": 1}))
    done = published(ns, "Unknown")
    assert condition(done, "Published")["reason"] == "Waiting"
    assert publishings(ns) == []


def test_without_a_forge_nothing_is_said_of_publishing(ns: Namespace) -> None:
    ns.create(spec(task("a"), git={"url": GIT["url"]}))
    assert condition(ns.wait_end(), "Published") == {}


def test_a_refusal_is_tried_again_after_a_wait(ns: Namespace) -> None:
    ns.create(spec(task("a"), git=GIT), name="refused")
    project = ns.wait(lambda p: condition(p, "Published")["reason"] == "ForgeRefused", "a refusal", "refused")
    assert condition(project, "Published")["status"] == "Unknown"
    assert "HTTP 401" in condition(project, "Published")["message"]
    done = published(ns, "True", "refused")
    assert done["status"]["publication"]["attempts"] == 2
    assert len(publishings(ns)) == 2
    assert FIRST_WAIT < 30


def test_what_is_not_allowed_is_final_until_the_spec_says_otherwise(ns: Namespace) -> None:
    ns.create(spec(task("a"), git=GIT), name="forbidden")
    done = published(ns, "False", "forbidden")
    assert condition(done, "Published")["reason"] == "InvalidTemplate"
    ns.patch({"git": {"pullRequest": {"title": "better"}}}, "forbidden")
    ns.until(lambda: len(publishings(ns)) == 2, "another attempt")
    assert publishings(ns)[-1]["title"] == "better"


def test_after_a_restart_nothing_is_published_again(ns: Namespace, operator: OperatorProcess) -> None:
    ns.create(spec(task("a"), git=GIT))
    before = published(ns, "True")
    ns.kubectl("delete", "jobs", "--all", "--wait=true")
    operator.kill()
    operator.start()
    ns.create(spec(task("b"), git=GIT), name="other")
    published(ns, "True", "other")
    assert [told["project"] for told in publishings(ns)] == ["other"]
    assert ns.get()["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_a_project_stays_until_it_is_published(ns: Namespace, audit: AuditLog) -> None:
    since = audit.position()
    made = ns.create(spec(task("a"), git=GIT, ttlSecondsAfterFinished=0), name="refused")
    ns.until(lambda: not ns.exists("refused"), "its end")
    happened = history(audit.events(since, ns.name), made["metadata"]["uid"])
    pods = [h.value["metadata"] for h in happened if h.kind in ("pod-failed", "pod-succeeded")]
    marks = [{key.removeprefix("parallelproject.io/"): value for key, value in pod["labels"].items()} for pod in pods]
    ended = {(found.get("kind", "Task"), found.get("task"), found["attempt"]) for found in marks}
    assert ended == {("Task", "a", "1"), ("Publish", None, "1"), ("Publish", None, "2")}


def test_an_operator_killed_at_any_moment_publishes_each_state_once(ns: Namespace, operator: OperatorProcess) -> None:
    tasks = [task(f"t{level}{i}", *([f"t{level - 1}{i}"] if level else [])) for level in range(3) for i in range(2)]
    ns.create(spec(*tasks, git=GIT))

    def goes_on(seen: int) -> bool:
        return len(ns.jobs()) > seen or condition(ns.get(), "Published").get("status") == "True"

    for _ in range(6):
        ns.until(partial(goes_on, len(ns.jobs())), "another Job")
        operator.kill()
        operator.start()
    published(ns, "True")
    told = [json.dumps([row["id"] for row in instruction["tasks"]]) for instruction in publishings(ns)]
    assert len(told) == len(set(told))
    assert json.loads(told[-1]) == [t["id"] for t in tasks]
