"""What a verification wants of people, and how it shows where a project does not continue by itself."""

import pytest

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.constraints.verified_work import VerifiedWork
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.report.attention import PersonNeed, condition_of, needs_of_status
from parallelproject.core.report.notifications import due
from parallelproject.core.report.status import condition, render_status
from parallelproject.core.report.why.why import why
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Notify, NotifyEvent, Spec
from parallelproject.model.status import Reason
from tests.core.test_budgets import CODER, spent
from tests.core.test_people import asking

TASKS = [{"id": "a"}, {"id": "z"}, {"id": "c", "dependencies": ["z"]}]
DONE = Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0)
STOPPED = (
    "False",
    "BaseFailed",
    "test failed on 1234567890, and also without the work of any task: the base is broken",
)


def decide(attempts: dict[str, list[Attempt]], *, repairs: dict[str, int], **fields: object) -> tuple[Plan, Spec]:
    verification = {"checks": [{"name": "test", "command": ["true"]}]}
    spec = parse_spec({"tasks": TASKS, "verification": verification, "scheduling": "Graph"} | fields)
    graph = compile_graph(spec).with_repairs(repairs, ())
    return plan(graph, spec, Ledger(start_time=0.0, verified=VerifiedWork()), attempts, 10.0), spec


def test_a_repair_that_waits_for_a_budget_ends_the_session_though_others_wait_for_the_checks() -> None:
    budgets = [{"unit": "usd", "limit": "5"}]
    seen = {"a": [spent("3")], "z": [spent("2")]}
    found, _ = decide(seen, repairs={"a": 1}, roles=[CODER], budgets=budgets)
    assert found.reasons == [Reason.WAITING_FOR_BUDGET, None, Reason.WAITING_FOR_VERIFICATION]
    assert found.is_exhausted


def test_a_repair_that_asks_stalls_the_project_though_others_wait_for_the_checks() -> None:
    found, spec = decide({"a": [DONE, asking(2)], "z": [DONE]}, repairs={"a": 1})
    assert found.reasons == [Reason.WAITING_FOR_INPUT, None, Reason.WAITING_FOR_VERIFICATION]
    graph = compile_graph(spec)
    repairing = render_status(graph, spec, found, {}, 1, 10.0, verified=("False", "Repairing", "a broke it"), name="p")
    assert condition(repairing, "Stalled")["reason"] == "NeedsAttention"
    verifying = render_status(graph, spec, found, {}, 1, 10.0, verified=("Unknown", "Verifying", "L0: test"), name="p")
    assert condition(verifying, "Stalled") == {}


@pytest.mark.parametrize("reason", ["BaseFailed", "BrokenByOthers", "CauseUnknown"])
def test_what_no_task_can_repair_asks_for_a_person(reason: str) -> None:
    found, spec = decide({"a": [DONE], "z": [DONE]}, repairs={}, stop=True)
    graph, verified = compile_graph(spec), ("False", reason, STOPPED[2])
    status = render_status(graph, spec, found, {}, 1, 10.0, verified=verified, name="shop")
    attention = condition(status, "NeedsAttention")
    assert (attention["status"], attention["reason"]) == ("True", "Verification")
    assert STOPPED[2] in attention["message"]
    assert "(pproj retry shop --run)" in attention["message"]
    (need,) = needs_of_status(status, ())
    assert need.command("shop", " -n team") == "pproj retry -n team shop --run"
    spec = spec.model_copy(update={"stop": False})  # the file does not say so
    answer = why(graph, spec, status, "c", 10.0)
    assert "the verification stopped the run" in answer.answer
    assert STOPPED[2] in answer.more[0]


def test_a_broken_check_is_no_success_though_all_tasks_have_succeeded() -> None:
    seen = {"a": [DONE], "z": [DONE], "c": [DONE]}
    found, spec = decide(seen, repairs={}, stop=True)
    assert found.completed
    graph = compile_graph(spec)
    status = render_status(graph, spec, found, {}, 1, 10.0, verified=STOPPED, name="p")
    assert condition(status, "Succeeded")["status"] == "False"
    assert condition(status, "Succeeded")["reason"] == "BaseFailed"
    assert condition(status, "Ready")["status"] == "False"
    told = spec.model_copy(update={"notify": Notify(command=["true"], on=list(NotifyEvent))})
    sent = due("shop", graph, told, found, (), "", STOPPED)
    assert [each.event for each in sent] == [NotifyEvent.NEEDS_ATTENTION, NotifyEvent.FAILED]
    assert sent[0].body["commands"] == ["pproj retry shop --run"]
    assert sent[0].body["message"].startswith("shop: test failed on 1234567890")
    again = due("shop", graph, told, found, [each.key for each in sent], "", STOPPED)
    assert again == []


def test_the_verification_is_counted_beside_tasks() -> None:
    verification = PersonNeed("", "BaseFailed", "x", "verify")
    one = PersonNeed("a", "WaitingForApproval", "waits", "approve")
    for needs, said in (
        ([verification], "the verification needs a person: "),
        ([one], "1 task needs a person: "),
        ([one, one], "2 tasks need a person: "),
        ([verification, one], "1 task and the verification need a person: "),
    ):
        found = condition_of(needs, "p")
        assert found
        assert found[1].startswith(said)
