"""Budgets in a cluster: what pods report is spent, what runs reserves, and a larger limit lets a project go on."""

import json

import pytest

from tests.controller.cluster import Json, Namespace, condition, rows, spec, task
from tests.controller.test_delivery import GIT

pytestmark = pytest.mark.cluster


def spending(id: str, usd: str) -> Json:
    """A task that is held, and reports what it has used."""
    made = task(id, hold=True)
    made["parameters"].append({"name": "git_beside", "value": f'"usage": {{"usd": "{usd}"}}'})
    return made


def test_nothing_starts_over_a_budget_and_a_larger_one_goes_on(ns: Namespace) -> None:
    tasks = [spending(id, "1.10") for id in "abcd"]
    ns.create(spec(*tasks, git=GIT, parallelism=1, budgets=[{"unit": "usd", "limit": "3.00"}]))
    ns.release("a")
    ns.release("b")
    done = ns.wait(lambda found: condition(found, "BudgetExhausted")["status"] == "True", "the budget to be used up")
    assert [row["state"] for row in rows(done).values()] == ["Succeeded", "Succeeded", "Pending", "Pending"]
    assert {rows(done)[id]["reason"] for id in "cd"} == {"WaitingForBudget"}
    assert {pod["metadata"]["labels"]["parallelproject.io/task"] for id in "abcd" for pod in ns.pods(id)} == {"a", "b"}
    assert condition(done, "BudgetExhausted")["message"].startswith(
        "the budget of $3.00 is too small for a further attempt: $2.20 spent, and it would reserve $1.10; "
    )
    assert (condition(done, "Completed")["status"], condition(done, "Stalled")["status"]) == ("False", "True")
    assert done["status"]["budgets"] == [{"unit": "usd", "limit": "3", "spent": "2.2", "reserved": "0"}]
    document = json.loads(ns.pods("a")[0]["metadata"]["annotations"]["parallelproject.io/delivery"])
    assert (document["outputs"], document["readsUsage"]) == ("/pproj/outputs", True)
    ns.patch({"budgets": [{"unit": "usd", "limit": "6"}], "parallelism": 4})
    ns.release("c", "d")
    ended = ns.wait_end()
    assert condition(ended, "Succeeded")["status"] == "True"
    assert condition(ended, "BudgetExhausted")["message"] == "spent $4.40 of $6.00"
    assert ended["status"]["metrics"]["costUsd"] == "4.4000"
