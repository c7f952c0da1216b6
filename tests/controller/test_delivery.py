"""Projects whose work lands: what their pods are, and what is made of how the git container ended.

The nodes are fake here, and so is what git says; the containers themselves are tested in tests/git/test_pod.py.
"""

import json

import pytest

from parallelproject.cli.commands.retry import failed_tasks, retry_patch
from tests.controller.cluster import Json, Namespace, condition, rows, spec, states, task

pytestmark = pytest.mark.cluster

GIT: Json = {"url": "https://git.example/acme/shop.git", "credentialsSecretRef": {"name": "shop-git"}}


def delivering(id: str, *, code: int = 20, attempts: int = 1, message: Json | str = "", **fields: object) -> Json:
    """A task whose git container fails in its first attempts."""
    text = message if isinstance(message, str) else json.dumps(message)
    wanted = {"git_exit_code": str(code), "git_fail_attempts": str(attempts), "git_message": text}
    return task(id, parameters=[{"name": name, "value": value} for name, value in wanted.items()], **fields)


def test_what_landed_is_in_the_status(ns: Namespace) -> None:
    ns.create(spec(task("a"), task("b", "a"), git=GIT))
    done = ns.wait_end()
    found = rows(done)
    assert {row["state"] for row in found.values()} == {"Succeeded"}
    commits = {row["commit"] for row in found.values()}
    assert len(commits) == 2
    assert all(len(commit) == 10 for commit in commits)
    assert done["status"]["metrics"]["conflictRate"] == "0.00"
    told = json.loads(ns.pods("b")[0]["metadata"]["annotations"]["parallelproject.io/task-file"])
    assert told["dependencies"][0]["commit"] == found["a"]["commit"]


def test_what_nothing_had_announced_is_in_the_status_and_told(ns: Namespace) -> None:
    beside = '"undeclared": ["x", "y"], "undeclaredTotal": 7, "shared": ["y"]'
    ns.create(spec(task("a", parameters=[{"name": "git_beside", "value": beside}]), task("b"), git=GIT))
    found = rows(ns.wait_end())
    assert (found["a"]["undeclared"], found["a"]["shared"]) == (7, 1)
    assert not found["b"].keys() & {"undeclared", "shared"}
    commit = found["a"]["commit"]

    def told() -> dict[str, str]:
        return {reason: message for reason, message in ns.events() if reason in ("UndeclaredFiles", "SharedFiles")}

    ns.until(lambda: len(told()) == 2, "both to be told")
    hint = "next: declare them in the files of the task, so that writers of the same file take turns"
    assert told() == {
        "UndeclaredFiles": f"a: commit {commit} changed 7 paths that its files do not declare; {hint}",
        "SharedFiles": f"a: commit {commit} changed 1 path that others changed while it ran; it merged; {hint}",
    }


def test_after_a_conflict_the_task_runs_again_and_is_told_of_it(ns: Namespace) -> None:
    message = {
        "outcome": "Conflict",
        "paths": ["src/app.py", "docs/ü.md"],
        "ref": "refs/parallelproject/x/a/conflict/1",
    }
    ns.create(spec(delivering("a", message=message), git=GIT, defaults={"maxAttempts": 1}))
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row["conflicts"], row.get("failures")) == ("Succeeded", 2, 1, None)
    pod = next(p for p in ns.pods("a") if p["metadata"]["labels"]["parallelproject.io/attempt"] == "2")
    told = pod["metadata"]["annotations"]["parallelproject.io/feedback"]
    assert "src/app.py\ndocs/ü.md\n" in told
    assert "refs/parallelproject/x/a/conflict/1" in told
    environment = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}
    assert environment["PPROJ_FEEDBACK"] == "/pproj/task/feedback.txt"


def test_conflicts_without_end_end(ns: Namespace) -> None:
    conflicts = {"maxReruns": 1}
    ns.create(spec(delivering("a", attempts=9), git=GIT, conflicts=conflicts))
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["reason"], row["attempts"], row["conflicts"]) == ("Failed", "Conflict", 2, 2)


def test_conflicts_can_be_retried_after_the_end(ns: Namespace) -> None:
    made = ns.create(spec(delivering("a", attempts=2), git=GIT, conflicts={"maxReruns": 1}))
    row = rows(ns.wait_end())["a"]
    assert (row["reason"], row["conflicts"]) == ("Conflict", 2)
    patch = retry_patch(ns.get(), failed_tasks(ns.get(), ["a"]))
    assert patch["spec"]["retries"] == [{"id": "a", "forgive": 0, "forgiveConflicts": 2}]
    ns.patch(patch["spec"])
    done = ns.wait(lambda p: p["metadata"]["generation"] > made["metadata"]["generation"]
                   and p["status"]["observedGeneration"] == p["metadata"]["generation"]
                   and condition(p, "Completed")["status"] == "True", "the end")  # fmt: skip
    row = rows(done)["a"]
    assert (row["state"], row["attempts"]) == ("Succeeded", 3)


def test_where_conflicts_are_to_fail_they_do(ns: Namespace) -> None:
    ns.create(spec(delivering("a"), git=GIT, conflicts={"onMergeConflict": "Fail"}))
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["reason"], row["attempts"]) == ("Failed", "Conflict", 1)


@pytest.mark.parametrize(("code", "reason"), [(21, "BranchRewritten"), (22, "Policy"), (23, "AuthOrProtected")])
def test_what_another_attempt_cannot_mend_is_final(ns: Namespace, code: int, reason: str) -> None:
    ns.create(spec(delivering("a", code=code, attempts=9), git=GIT, defaults={"maxAttempts": 5}))
    done = ns.wait_end()
    row = rows(done)["a"]
    assert (row["state"], row["reason"], row["attempts"], row.get("exitCode")) == ("Failed", reason, 1, None)
    assert f"a ({reason}, attempts 1)" in condition(done, "Succeeded")["message"]


@pytest.mark.parametrize(("code", "reason"), [(24, "Exhausted"), (25, "Transient"), (137, "Transient")])
def test_trouble_that_may_pass_is_followed_by_another_attempt(ns: Namespace, code: int, reason: str) -> None:
    ns.create(spec(delivering("a", code=code, message="no JSON"), git=GIT), name="p")
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row["failures"]) == ("Succeeded", 2, 1)
    ns.create(spec(delivering("a", code=code, attempts=9), git=GIT), name="q")
    row = rows(ns.wait_end("q"))["a"]
    assert (row["state"], row["reason"], row["attempts"]) == ("Failed", reason, 2)


def test_the_exit_code_of_the_task_counts_where_both_containers_failed(ns: Namespace) -> None:
    ns.create(spec(task("a", fail_attempts=9, exit_code=7), git=GIT, defaults={"maxAttempts": 1}))
    row = rows(ns.wait_end())["a"]
    assert (row["reason"], row["exitCode"]) == ("ExitCode", 7)


def test_every_pod_is_admitted_under_the_restricted_standard(ns: Namespace) -> None:
    ns.kubectl("label", "namespace", ns.name, "pod-security.kubernetes.io/enforce=restricted")
    secure: Json = {
        "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    agent = {"name": "agent", "image": "none", "command": ["true"], "securityContext": secure}
    ns.create(spec(task("a"), git=GIT, roles=[{"name": "coder", "podTemplate": {"spec": {"containers": [agent]}}}]))
    assert states(ns.wait_end()) == {"a": "Succeeded"}


def test_what_cannot_land_is_not_accepted(ns: Namespace) -> None:
    ns.create(spec(task("a"), git={"url": "ext::sh -c id"}), name="p")
    project = ns.wait(lambda p: condition(p, "Accepted")["status"] == "False", "a refusal")
    assert condition(project, "Accepted")["reason"] == "InvalidSpec"
    assert condition(project, "Accepted")["message"].startswith("spec.git.url: ")
