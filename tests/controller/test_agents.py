"""Attempts of coding agents in a cluster: what the verdict of the git container means for the task.

The nodes are fake here, and so is the verdict; tests/git/test_pod_agent.py has the real one.
"""

import time

import pytest

from parallelproject.core.times import epoch
from tests.controller.cluster import Json, Namespace, role, rows, spec, task
from tests.controller.operator_process import OperatorProcess
from tests.controller.test_delivery import GIT, delivering

pytestmark = pytest.mark.cluster

FAILED = 26
ROLES: Json = {
    "roles": [
        {
            "name": "coder",
            "agent": {"type": "ClaudeCode"},
            "podTemplate": {"spec": {"containers": [{"name": "agent", "image": "agent"}]}},
        }
    ]
}


def ending(id: str, outcome: str, *, code: int = 1, attempts: int = 1, **verdict: object) -> Json:
    """A task whose agent fails in its first attempts."""
    agent = {"outcome": outcome, "reason": outcome, "exitCode": code, "message": "so it says", **verdict}
    message: Json = {"outcome": "Failed", "exitCode": code, "agent": agent}
    return delivering(id, code=FAILED, attempts=attempts, message=message)


def attempts(ns: Namespace, id: str) -> dict[str, Json]:
    return {pod["metadata"]["labels"]["parallelproject.io/attempt"]: pod for pod in ns.pods(id)}


def test_a_limit_costs_no_attempt_and_the_next_one_starts_when_it_is_over(ns: Namespace) -> None:
    reset = int(time.time()) + 20
    limited = ending("a", "RateLimited", code=75, resetAt=reset)
    ns.create(spec(limited, git=GIT, defaults={"maxAttempts": 1}, **ROLES))
    waiting = ns.wait(lambda found: rows(found)["a"].get("deferrals") == 1, "the limit to be met")
    assert rows(waiting)["a"]["reason"] == "WaitingForLimit"
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row["deferrals"], row.get("failures")) == ("Succeeded", 2, 1, None)
    pods = attempts(ns, "a")
    created = epoch(pods["2"]["metadata"]["creationTimestamp"])
    assert created is not None
    assert created >= reset
    assert pods["2"]["metadata"]["annotations"]["parallelproject.io/feedback"] == (
        "Attempt 1 ended with RateLimited: so it says\n"
    )


def test_an_agent_that_failed_costs_an_attempt_and_the_next_one_has_its_last_words(ns: Namespace) -> None:
    ns.create(spec(ending("a", "NoChange", lastMessage="I am done"), git=GIT, **ROLES))
    row = rows(ns.wait_end())["a"]
    assert (row["state"], row["attempts"], row["failures"]) == ("Succeeded", 2, 1)
    feedback = attempts(ns, "a")["2"]["metadata"]["annotations"]["parallelproject.io/feedback"]
    assert feedback == "Attempt 1 ended with NoChange: so it says\n\nIts last message:\n\nI am done\n"


def test_a_refused_key_is_final_and_no_other_task_of_the_role_meets_it(ns: Namespace) -> None:
    refused = ending("a", "Auth", attempts=9, reason="AgentAuth")
    roles = [*ROLES["roles"], role("agent")]
    other, later = task("other", role="agent"), task("later", "other", role="agent")
    tasks = [refused | {"role": "coder"}, other, task("b", "other", role="coder"), later]
    ns.create(spec(*tasks, git=GIT, failurePolicy="Continue", defaults={"maxAttempts": 5}, roles=roles))
    found = rows(ns.wait_end())
    assert (found["a"]["state"], found["a"]["reason"], found["a"]["attempts"]) == ("Failed", "AgentAuth", 1)
    assert (found["b"]["state"], found["b"]["reason"]) == ("Skipped", "Stopped")
    assert found["later"]["state"] == "Succeeded"


def test_tokens_and_cost_of_all_attempts_are_in_the_status(ns: Namespace) -> None:
    used = {"inputTokens": 1200, "outputTokens": 30, "costUsd": 0.125}
    ns.create(spec(ending("a", "NoChange", **used), task("b"), git=GIT, **ROLES))
    done = ns.wait_end()
    row = rows(done)["a"]
    assert (row["state"], row["attempts"]) == ("Succeeded", 2)
    assert (row["inputTokens"], row["outputTokens"], row["costUsd"]) == (1200, 30, "0.1250")
    assert "costUsd" not in rows(done)["b"]
    assert done["status"]["metrics"]["costUsd"] == "0.1250"


def test_a_fallback_runs_the_task_while_the_limit_of_its_role_is_used_up(
    ns: Namespace, operator: OperatorProcess
) -> None:
    limited = ending("a", "RateLimited", code=75, resetAt=int(time.time()) + 86_400)
    coder = ROLES["roles"][0] | {"fallbacks": ["other"], "fallbackAfterSeconds": 60}
    codex = {"containers": [{"name": "agent", "image": "codex"}]}
    roles = [coder, {"name": "other", "agent": {"type": "Codex"}, "podTemplate": {"spec": codex}}]
    tasks = [limited | {"role": "coder"}, task("b", "a", role="coder", hold=True)]
    ns.create(spec(*tasks, git=GIT, roles=roles))
    ns.wait(lambda found: rows(found)["b"]["state"] == "Running", "b to run")
    assert rows(ns.get())["a"] | {"fallback": "other", "attempts": 2} == rows(ns.get())["a"]
    first, second = (attempts(ns, "a")[number]["spec"]["containers"][0] for number in ("1", "2"))
    assert (first["image"], second["image"]) == ("agent", "codex")
    assert ns.get()["status"]["limits"][0]["task"] == "a"
    operator.kill()
    operator.start()
    ns.release("b")
    assert rows(ns.wait_end())["b"]["fallback"] == "other"


def test_without_a_repository_the_verdict_is_that_of_the_container_that_only_reads(ns: Namespace) -> None:
    ns.create(spec(ending("a", "NoChange", inputTokens=1200, lastMessage="I am done"), task("b"), **ROLES))
    found = rows(ns.wait_end())
    assert (found["a"]["state"], found["a"]["attempts"], found["a"]["failures"]) == ("Succeeded", 2, 1)
    assert (found["a"]["inputTokens"], found["b"]["state"], "commit" in found["b"]) == (1200, "Succeeded", False)
    second = attempts(ns, "a")["2"]
    assert [each["name"] for each in second["spec"]["containers"]] == ["agent", "reader"]
    assert "I am done" in second["metadata"]["annotations"]["parallelproject.io/feedback"]


def test_a_retry_continues_the_session_of_its_agent_on_a_volume_also_with_another_operator(
    ns: Namespace, operator: OperatorProcess
) -> None:
    session = {"session": "3f0f5f55-8f4e", "sessionOf": "ClaudeCode/"}
    volumes = {"volumes": [{"name": "pproj-sessions", "emptyDir": {}}]}
    template = ROLES["roles"][0]["podTemplate"]["spec"] | volumes
    coder = ROLES["roles"][0] | {"podTemplate": {"spec": template}}
    tasks = [ending("a", "NoChange", **session), ending("b", "TurnLimit", **session)]
    defaults = {"backoffSeconds": 5}
    ns.create(spec(*tasks, git=GIT, roles=[coder], defaults=defaults))
    ns.wait(lambda found: all(rows(found)[id].get("failures") for id in "ab"), "both to fail")
    operator.kill()
    operator.start()
    ns.wait_end()

    def resumed(id: str) -> str | None:
        environment = attempts(ns, id)["2"]["spec"]["containers"][0]["env"]
        return next((each["value"] for each in environment if each["name"] == "PPROJ_SESSION"), None)

    assert (resumed("a"), resumed("b")) == (session["session"], None)
