"""Approvals and questions in a cluster, with the real commands and a real API server; the nodes are fake."""

import pytest

from tests.controller.cluster import Json, Namespace, condition, rows, spec, task
from tests.controller.test_agents import ROLES, attempts, ending
from tests.controller.test_delivery import GIT

pytestmark = pytest.mark.cluster


def test_an_approval_and_an_answer_are_waited_for_and_each_reaches_its_task(ns: Namespace) -> None:
    asks = ending("a", "NeedsInput", question="Which port?\nA number.")
    ns.create(spec(asks, task("deploy", approval=True), git=GIT, defaults={"maxAttempts": 1}, **ROLES))

    def is_stalled(found: Json) -> bool:
        return bool(found.get("status")) and condition(found, "Stalled").get("status") == "True"

    waiting = ns.wait(is_stalled, "both to wait")
    assert {id: row["reason"] for id, row in rows(waiting).items()} == {
        "a": "WaitingForInput", "deploy": "WaitingForApproval",
    }  # fmt: skip
    attention = condition(waiting, "NeedsAttention")
    assert (attention["status"], attention["reason"]) == ("True", "Several")
    assert "pproj approve p deploy" in attention["message"]
    assert waiting["status"]["counts"]["running"] == 0
    assert not ns.pods("deploy")
    assert "Question of attempt 1\n  Which port?\n  A number." in ns.pproj("get", "p", "a").stdout
    ns.until(lambda: {"NeedsInput", "NeedsApproval"} <= {reason for reason, _ in ns.events()}, "their Events")
    assert "it continues with attempt 2" in ns.pproj("answer", "p", "a", "Port 8080.").stdout
    assert ns.pproj("approve", "p", "--all").stdout == "p: deploy is approved\n"
    done = ns.wait_end()
    assert {id: (row["state"], row["attempts"]) for id, row in rows(done).items()} == {
        "a": ("Succeeded", 2), "deploy": ("Succeeded", 1),
    }  # fmt: skip
    assert not any(found["type"] in ("NeedsAttention", "Stalled") for found in done["status"]["conditions"])
    feedback = attempts(ns, "a")["2"]["metadata"]["annotations"]["parallelproject.io/feedback"]
    assert feedback.count("Attempt 1 asked a person:\n\n> Which port?\n> A number.\n\nThe answer:\n\nPort 8080.\n") == 1


def test_a_rerun_asks_for_the_approval_again(ns: Namespace) -> None:
    ns.create(spec(task("deploy", approval=True), approvals=[{"id": "deploy"}]))
    ns.wait_end()
    ns.pproj("rerun", "p")
    ns.wait_state("deploy", "Pending", "WaitingForApproval")
    ns.pproj("approve", "p", "deploy")
    row = rows(ns.wait_end())["deploy"]
    assert (row["state"], row["attempts"]) == ("Succeeded", 2)
