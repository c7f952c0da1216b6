"""Whether tools that wait for objects understand a project: kstatus (Flux), and Argo CD by the check of our page."""

import re
from pathlib import Path
from typing import Any

import lupa
import pytest

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.status import rejected_status, render_status
from parallelproject.model.problem import Problem
from parallelproject.model.status import Reason
from tests.core.projects import compiled
from tests.core.test_plan import active, failed, succeeded, task
from tests.core.test_refused import refused

Json = dict[str, Any]

PAGE = Path(__file__).parents[2] / "docs" / "install.md"
TASKS = [task("a"), task("b", "a")]


def project(seen: Json, **spec: Any) -> Json:
    """A project as the operator leaves it."""
    graph, parsed = compiled(tasks=TASKS, defaults={"maxAttempts": 1}, **spec)
    made = plan(graph, parsed, Ledger(start_time=0.0), seen, 100.0)
    words = {"a": "no Jobs today"} if "a" in seen and seen["a"][0].reason == Reason.REFUSED_BY_POLICY else {}
    status = render_status(graph, parsed, made, {}, 3, 100.0, refusals=words, name="p")
    return {"metadata": {"generation": 3}, "spec": spec, "status": status}


def rejected() -> Json:
    status = rejected_status([Problem("spec", "is odd")], {}, {}, 3, 100.0)
    return {"metadata": {"generation": 3}, "spec": {}, "status": status}


def argo(found: Json) -> tuple[str, str]:
    """Status and message by the check that the page has for argocd-cm."""
    code = re.search(r"```lua\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code
    lua = lupa.LuaRuntime(unpack_returned_tuples=True)
    lua.globals().obj = lua.table_from(found, recursive=True)
    health = lua.execute(code[1])
    return health["status"], health["message"]


def kstatus(found: Json) -> str:
    """What kstatus makes of an object of a kind that it does not know, by its description of the conditions."""
    status = found.get("status") or {}
    if status.get("observedGeneration", found["metadata"]["generation"]) != found["metadata"]["generation"]:
        return "InProgress"
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    return "Current" if conditions.get("Ready", "True") == "True" else "InProgress"


@pytest.mark.parametrize(
    ("found", "by_argo", "by_kstatus"),
    [
        (project({}), ("Progressing", "0 running, 2 waiting"), "InProgress"),
        (project({"a": [active()]}), ("Progressing", "1 running, 1 waiting"), "InProgress"),
        (project({"a": [active()]}, suspend=True), ("Suspended", "1 running, 1 waiting"), "InProgress"),
        (project({"a": [refused(90, 130)]}), ("Progressing", "no Jobs today"), "InProgress"),
        (project({"a": [succeeded()], "b": [succeeded()]}), ("Healthy", "2 of 2 tasks succeeded"), "Current"),
        (project({"a": [failed()]}), ("Degraded", "1 failed: a"), "Failed"),
        (project({}, stop=True), ("Degraded", "the rest was stopped"), "Failed"),
        (rejected(), ("Degraded", "spec: is odd"), "Failed"),
        ({**rejected(), "metadata": {"generation": 4}}, ("Progressing", "has not seen it"), "InProgress"),
        ({"metadata": {"generation": 1}, "spec": {}}, ("Progressing", "has not seen it"), None),
    ],
)
def test_tools_understand_how_a_project_stands(found: Json, by_argo: tuple[str, str], by_kstatus: str | None) -> None:
    status, message = argo(found)
    assert status == by_argo[0]
    assert by_argo[1] in message
    assert by_kstatus in (None, kstatus(found))


def test_a_spec_that_is_not_accepted_takes_no_earlier_result_for_that_of_a_rerun() -> None:
    """Which results no longer count stands in the spec."""
    attempts = [Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0), Attempt(2, Phase.ACTIVE, True, started=3.0)]
    last = {"tasks": [{"id": "a", "state": "Running", "level": 0, "attempts": 2}]}
    status = rejected_status([Problem("spec", "is odd")], last, {"a": attempts}, 3, 100.0)
    assert (status["tasks"][0]["state"], status["tasks"][0]["attempts"]) == ("Running", 2)
