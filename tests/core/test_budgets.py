"""Budgets: an attempt starts only if what it is expected to spend fits, and a larger limit lets a project go on."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.agent_usage import AgentUsage, sum_of
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.budget import Reservations, amount_text
from parallelproject.core.planner.claim import Claim
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.planner.simulation import makespan
from parallelproject.core.planner.spending import RoleSpending, Spending
from parallelproject.core.report.budget_status import read_spending
from parallelproject.core.report.eta import seconds_left
from parallelproject.core.report.status import condition, read_status, rejected_status, render_status
from parallelproject.core.report.why.why import why
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.spec import Budget, Reserve, Retry, Spec
from parallelproject.model.status import Reason, TaskState
from tests.core.examples import examples
from tests.core.projects import compiled, specs
from tests.core.simulation import EDITS, Chaos, Edit, simulate
from tests.core.test_condition_laws import conditional

IDS = ["a", "b", "c", "d", "e", "f"]
CODER: dict[str, Any] = {"name": "coder", "agent": {"type": "ClaudeCode"}}
CAREFUL: dict[str, Any] = {"name": "coder", "agent": {"type": "ClaudeCode", "maxCost": {"usd": "2.50"}}}


def spent(usd: str | None, number: int = 1, phase: Phase = Phase.SUCCEEDED, **more: Any) -> Attempt:
    usage = AgentUsage(usd=Decimal(usd)) if usd is not None else more.pop("usage", None)
    return Attempt(number, phase, started=1.0, ended=2.0, usage=usage, **more)


def active(number: int = 1) -> Attempt:
    return Attempt(number, Phase.ACTIVE, running=True, started=1.0)


def decide(attempts: dict[str, list[Attempt]], limit: str = "5", **more: Any) -> tuple[Spec, Plan, list[str]]:
    fields = {"tasks": [{"id": i} for i in IDS], "roles": [CODER], "budgets": [{"unit": "usd", "limit": limit}]}
    graph, spec = compiled(**(fields | more))
    found = plan(graph, spec, Ledger(start_time=0.0), attempts, 10.0)
    return spec, found, [graph.ids[launch.task] for launch in found.launches]


def test_an_attempt_starts_only_if_what_is_spent_and_reserved_and_its_own_reservation_fit() -> None:
    assert decide({}, roles=[CAREFUL])[2] == ["a", "b"]
    assert decide({"a": [active()]}, roles=[CAREFUL])[2] == ["b"]
    assert decide({"a": [spent("1")]})[2] == ["b", "c", "d", "e"], "four of $1 each"
    assert decide({"a": [spent("1")], "b": [active()], "c": [active()]})[2] == ["d", "e"]
    _, found, started = decide({"a": [spent("3")]})
    assert started == []
    assert set(found.reasons[1:]) == {Reason.WAITING_FOR_BUDGET}
    assert decide({"a": [spent("2.5")]})[2] == ["b"], "what fits exactly starts"
    assert decide({"a": [spent("2.500001")]})[2] == []


def test_before_an_attempt_has_finished_max_cost_is_reserved_or_nothing() -> None:
    assert decide({})[2] == ["a", "b", "c", "d"], "nothing is known: as many as parallelism"
    assert decide({}, limit="2.49", roles=[CAREFUL])[2] == []
    assert decide({"a": [spent(None)]}, limit="2.49")[2] == ["b", "c", "d", "e"]
    assert decide({}, budgets=[{"unit": "tokens", "limit": "10"}], roles=[CAREFUL])[2] == ["a", "b", "c", "d"]
    assert decide({}, limit="0")[2] == [], "of nothing, nothing starts"


def test_with_max_and_max_cost_no_attempt_can_exceed_what_it_reserves() -> None:
    budgets = [{"unit": "usd", "limit": "5", "reserve": "Max"}]
    assert decide({"a": [spent("0.1")]}, budgets=budgets, roles=[CAREFUL])[2] == ["b"]
    assert decide({"a": [spent("0.1")]}, roles=[CAREFUL])[2] == ["b", "c", "d", "e"]
    said = answer("f", {"a": [spent("0.1")], "b": [active()]}, budgets=budgets, roles=[CAREFUL])
    assert said[1] == "$2.50 is maxCost of role coder"


def test_when_a_limit_is_used_up_nothing_starts_whatever_it_would_reserve() -> None:
    roles = [CODER, {"name": "tester"}]
    tasks = [{"id": "a", "role": "coder"}, {"id": "b", "role": "tester"}]
    assert decide({"a": [spent("4.9")]}, tasks=tasks, roles=roles)[2] == ["b"]
    _, found, started = decide({"a": [spent("5")]}, tasks=tasks, roles=roles)
    assert started == []
    assert found.is_exhausted


def test_a_role_has_a_limit_of_its_own() -> None:
    roles = [CODER, {"name": "tester"}]
    tasks = [{"id": i, "role": "coder" if i < "d" else "tester"} for i in IDS]
    budgets = [{"unit": "usd", "limit": "100", "perRole": {"coder": "3"}}]
    _, found, started = decide({"a": [spent("2")]}, tasks=tasks, roles=roles, budgets=budgets)
    assert started == ["d", "e", "f"]
    assert found.reasons[1:3] == [Reason.WAITING_FOR_BUDGET] * 2
    assert not found.is_exhausted


@pytest.mark.parametrize(
    ("amounts", "reserve", "expected"),
    [
        ([], Reserve.P90, None),
        (["1"], Reserve.P90, "1"),
        (["1", "9"], Reserve.P90, "9"),
        ([str(i) for i in range(1, 10)], Reserve.P90, "9"),
        ([str(i) for i in range(1, 11)], Reserve.P90, "9"),
        ([str(i) for i in range(1, 21)], Reserve.P90, "18"),
        ([str(i) for i in range(1, 21)], Reserve.MAX, "20"),
        (["0.123456"], Reserve.P90, "0.124"),
        (["12345"], Reserve.P90, "12400"),
    ],
)
def test_the_reservation_is_the_90th_percentile_and_the_largest_of_few(
    amounts: list[str], reserve: Reserve, expected: str | None
) -> None:
    found = RoleSpending().plus([(AgentUsage(usd=Decimal(amount)), True) for amount in amounts])
    assert found.expected("usd", reserve) == (None if expected is None else Decimal(expected))
    assert found.usage.usd == (sum(map(Decimal, amounts)) if amounts else None), "what is spent is exact"


def test_attempts_that_were_stopped_or_are_run_later_count_as_spent_and_predict_nothing() -> None:
    stopped = spent("0.1", phase=Phase.STOPPED)
    later = spent("0.2", phase=Phase.FAILED, reason="RateLimited", exit_code=75)
    failed = spent("0.3", phase=Phase.FAILED, reason="ExitCode", exit_code=1)
    _, found, _ = decide({"a": [stopped], "b": [later], "c": [failed]})
    (of_role,) = found.ledger.spending.values()
    assert of_role.usage.usd == Decimal("0.6")
    assert of_role.amounts == {"usd": {Decimal("0.3"): 1}}


@pytest.mark.parametrize(
    ("usage", "unit", "limit"),
    [
        (AgentUsage(900, 100), "tokens", "1500"),
        (AgentUsage.reported({"tokens": 1000}), "tokens", "1500"),
        (AgentUsage.reported({"gpu-hours": 0.5}), "gpu-hours", "0.75"),
    ],
)
def test_tokens_and_any_unit_that_tasks_report_have_budgets(usage: AgentUsage, unit: str, limit: str) -> None:
    budgets = [{"unit": unit, "limit": limit}]
    assert decide({"a": [spent(None, usage=usage)]}, budgets=budgets)[2] == []
    doubled = [{"unit": unit, "limit": str(Decimal(limit) * 2)}]
    assert decide({"a": [spent(None, usage=usage)]}, budgets=doubled)[2] == ["b", "c"]


def test_what_a_task_reports_completes_what_its_agent_says() -> None:
    said = AgentUsage(10, 2, None)
    both = said.completed_by(AgentUsage.reported({"usd": "0.4", "tokens": 9, "gpu-hours": 2}))
    assert both == AgentUsage(10, 2, Decimal("0.4"), (("gpu-hours", Decimal(2)),))
    assert AgentUsage(usd=Decimal(1)).completed_by(AgentUsage.reported({"usd": 2})).usd == 1


@pytest.mark.parametrize(
    "content", [None, [], "x", {}, {"usd": "x"}, {"usd": -1}, {"usd": True}, {"Ä": 1}, {"usd": {}}]
)
def test_a_report_that_names_no_amount_counts_as_none(content: object) -> None:
    assert AgentUsage.reported(content) is None


def exhausted(**more: Any) -> tuple[Spec, Plan]:
    spec, found, _ = decide({"a": [spent("3")]}, **more)
    return spec, found


def test_a_project_whose_budget_is_used_up_is_not_finished_and_says_what_helps() -> None:
    spec, found = exhausted()
    assert (found.is_exhausted, found.completed, found.wake_at) == (True, False, None)
    status = render_status(compile_graph(spec), spec, found, {}, 1, 10.0, name="p")
    shown = {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}
    assert shown["BudgetExhausted"] == ("True", "WaitingForBudget")
    assert shown["Completed"] == ("False", "BudgetExhausted")
    assert (shown["Ready"], shown["Stalled"]) == (("False", "BudgetExhausted"), ("True", "BudgetExhausted"))
    assert condition(status, "BudgetExhausted")["message"] == (
        "the budget of $5.00 is too small for a further attempt: $3.00 spent, and it would reserve $3.00; "
        "a larger spec.budgets[0].limit lets it continue (in a local run: pproj run --budget usd=LIMIT)"
    )
    assert status["budgets"] == [{"unit": "usd", "limit": "5", "spent": "3", "reserved": "0"}]
    larger = spec.model_copy(update={"budgets": [Budget(unit="usd", limit="10")]})
    again = plan(compile_graph(larger), larger, read_status(status), {}, 11.0)
    assert len(again.launches) == 2


def test_it_is_not_exhausted_while_something_else_may_still_happen() -> None:
    assert not decide({"a": [spent("3")], "b": [active()]})[1].is_exhausted
    failed = spent("0.1", phase=Phase.FAILED, reason="ExitCode", exit_code=1)
    _, found, _ = decide({"a": [spent("3")], "b": [failed]}, defaults={"maxAttempts": 5, "backoffSeconds": 60})
    assert (found.is_exhausted, found.wake_at) == (False, 62.0)
    assert not exhausted(suspend=True)[1].is_exhausted
    done = decide({i: [spent("3")] for i in IDS})[1]
    assert (done.completed, done.is_exhausted) == (True, False)


def test_a_project_with_budgets_that_goes_on_shows_what_is_spent_and_reserved() -> None:
    spec, found, _ = decide({"a": [spent("1.2")], "b": [active()]})
    status = render_status(compile_graph(spec), spec, found, {}, 1, 10.0, name="p")
    assert condition(status, "BudgetExhausted")["status"] == "False"
    assert condition(status, "BudgetExhausted")["message"] == "spent $1.20 of $5.00"
    assert status["budgets"] == [{"unit": "usd", "limit": "5", "spent": "1.2", "reserved": "3.6"}]
    assert not condition(render_status(*_without_budgets(), {}, 1, 10.0, name="p"), "BudgetExhausted")


def _without_budgets() -> tuple[Any, Spec, Plan]:
    spec, found, _ = decide({}, budgets=[])
    return compile_graph(spec), spec, found


def answer(task: str, attempts: dict[str, list[Attempt]], **more: Any) -> tuple[str, ...]:
    spec, made, _ = decide(attempts, **more)
    graph = compile_graph(spec)
    if made.launches:  # as they show in a status
        running = {graph.ids[i]: [active(number)] for i, number in made.launches}
        made = plan(graph, spec, made.ledger, attempts | running, 11.0)
    found = why(graph, spec, render_status(graph, spec, made, {}, 1, 12.0, name="p"), task, 12.0)
    assert found.reason == Reason.WAITING_FOR_BUDGET
    return (found.answer, *found.more)


def test_why_has_the_figures_and_who_holds_the_reservations() -> None:
    assert answer("f", {"a": [spent("1.2")]}) == (
        "the budget of $5.00 is too small for a further attempt: $1.20 spent, $3.60 reserved by running attempts, and "
        "it would reserve $1.20",
        "$1.20 is the largest amount of 1 finished attempt of role coder",
        "running, each with its own reservation until its end: b (running for 11 s), c (running for 11 s) and "
        "d (running for 11 s)",
        "a larger spec.budgets[0].limit lets it continue (in a local run: pproj run --budget usd=LIMIT)",
    )
    assert answer("d", {}, roles=[CAREFUL])[1] == "$2.50 is maxCost of role coder: no attempt of it has finished"
    assert answer("d", {"a": [spent("7")]})[0] == "the budget of $5.00 is used up: $7.00 spent"
    budgets = [{"unit": "usd", "limit": "100", "perRole": {"coder": "2"}}]
    assert answer("d", {"a": [spent("1.5")]}, budgets=budgets)[::2] == (
        "the budget of $2.00 of role coder is too small for a further attempt: $1.50 spent, and it would reserve $1.50",
        "a larger spec.budgets[0].perRole.coder lets it continue",
    )


def test_a_prediction_waits_for_reservations_and_never_for_a_person() -> None:
    tasks = [{"id": i, "estimateSeconds": 10} for i in IDS]
    graph, spec = compiled(tasks=tasks, roles=[CAREFUL], budgets=[{"unit": "usd", "limit": "5"}], parallelism=6)
    assert makespan(graph, spec, 6) == 30, "two at once"
    little = spec.model_copy(update={"budgets": [Budget(unit="usd", limit="1")]})
    assert makespan(graph, little, 6) == 60
    made = plan(graph, spec, Ledger(start_time=0.0), {"a": [spent("2")]}, 2.0)
    assert seconds_left(graph, spec, made, {"b": 2.0}, 2.0) == pytest.approx(5.0), "5 tasks of 1 s, one at a time"


def test_units_and_roles_are_checked() -> None:
    with pytest.raises(ProblemsError, match=r'spec.budgets\[1\].unit: "usd" is used twice \(leave one of them\)'):
        compiled(tasks=[], budgets=[{"unit": "usd", "limit": "1"}] * 2)
    with pytest.raises(ProblemsError, match=r'spec.budgets\[0\].perRole: "codr" is not a role \(did you mean "coder"'):
        compiled(tasks=[], roles=[CODER], budgets=[{"unit": "usd", "limit": "1", "perRole": {"codr": "1"}}])
    for wrong in ("1e3", "-1", "", "nan", "0.1234567", 5):
        with pytest.raises(ProblemsError, match=r"spec.budgets\[0\].limit"):
            compiled(tasks=[], budgets=[{"unit": "usd", "limit": wrong}])


def test_amounts_for_people_are_exact() -> None:
    shown = [amount_text("usd", Decimal(each)) for each in ("1234.5", "0.0061", "0")]
    assert shown == ["$1,234.50", "$0.0061", "$0.00"]
    assert amount_text("tokens", Decimal(12000)) == "12,000 tokens"
    assert amount_text("gpu-hours", Decimal("1.50")) == "1.5 gpu-hours"


def test_cents_are_added_exactly() -> None:
    total = sum_of([AgentUsage.read({"costUsd": 0.1})] * 3)
    assert total is not None
    assert total.shown() == {"costUsd": "0.3000"}
    assert decide({i: [spent("0.1")] for i in "abc"}, limit="0.3")[1].is_exhausted


# -- laws

BUDGETED = Chaos(failing=0.3, spends=100)
chaoses = st.sampled_from(
    [
        BUDGETED,
        replace(BUDGETED, late=4, restarts=(7, 25)),
        replace(BUDGETED, late=2, refused=0.2, vanishing=0.2, restarts=(5, 20), lazy=0.3),
    ]
)
budgets = st.builds(
    lambda limit, own, reserve: Budget(unit="usd", limit=str(limit), reserve=reserve, per_role={"one": str(own)}),
    st.integers(0, 6),
    st.integers(0, 6),
    st.sampled_from(Reserve),
)
edits = st.lists(
    st.builds(Edit, st.integers(0, 40), st.sampled_from(EDITS), st.integers(0, 99), st.integers(0, 99)), max_size=3
)


def with_budget(spec: Spec, budget: Budget) -> Spec:
    named = [role.name for role in spec.roles]
    own = {role: limit for role, limit in budget.per_role.items() if role in named}
    return spec.model_copy(update={"budgets": [budget.model_copy(update={"per_role": own})]})


@examples(60)
@given(specs(deadlines=False), budgets, chaoses, edits, st.integers(0, 2**32))
def test_nothing_is_started_over_a_limit(
    spec: Spec, budget: Budget, chaos: Chaos, edits: list[Edit], seed: int
) -> None:
    chaos = replace(chaos, edits=tuple(edits))
    for planned in simulate(with_budget(spec, budget), seed, chaos).plans:
        started = Counter(planned.graph.role[i] for i, _ in planned.plan.launches)
        if not started:
            continue
        snapshot = planned.plan.ledger.snapshot
        assert snapshot is not None
        spending = planned.plan.ledger.spending
        known = Reservations(planned.spec, spending)
        for line in known.lines(Counter(snapshot.usage.roles) + started):
            if any(line.concerns(role) for role in started):
                assert line.spent < line.limit
                assert line.spent + line.reserved <= line.limit


@examples(60)
@given(specs(deadlines=False), budgets, chaoses, edits, st.integers(0, 2**32))
def test_spending_only_grows_and_is_that_of_all_attempts_whose_end_was_observed(
    spec: Spec, budget: Budget, chaos: Chaos, edits: list[Edit], seed: int
) -> None:
    history = simulate(with_budget(spec, budget), seed, replace(chaos, edits=tuple(edits)))
    before = Decimal(0)
    for planned in history.plans:
        total = usd(planned.plan.ledger.spending)
        if not planned.after_restart:
            assert total >= before
        before = total
        in_records = sum_of(record.usage for record in planned.plan.ledger.records.values())
        assert total == ((in_records and in_records.usd) or 0), "the figures of the status say the same"
    if not chaos.vanishing:
        ended = [work for work in history.works.values() if work.ended is not None]
        assert before == Decimal(sum(work.cents for work in ended)) / 100


@examples(60)
@given(specs(deadlines=False), budgets, chaoses, st.integers(0, 2**32))
def test_a_restart_from_the_status_has_the_same_plan(spec: Spec, budget: Budget, chaos: Chaos, seed: int) -> None:
    for planned in simulate(with_budget(spec, budget), seed, chaos).plans:
        made, graph = planned.plan, planned.graph
        status = render_status(graph, planned.spec, made, {}, 1, planned.now, name="p")
        again = replace(read_status(status), merged=planned.prior.merged)
        assert read_spending(status) == made.ledger.spending, "to the last decimal place"
        found = plan(graph, planned.spec, again, planned.observed, planned.now)
        assert found.ledger.spending == made.ledger.spending
        assert found.is_exhausted == made.is_exhausted
        assert [graph.ids[i] for i, _ in found.launches] == [graph.ids[i] for i, _ in made.launches]


@examples(60)
@given(conditional(deadlines=False) | specs(deadlines=False), budgets, chaoses, st.integers(0, 2**32))
def test_it_is_exhausted_if_all_that_could_start_waits_for_a_budget(
    spec: Spec, budget: Budget, chaos: Chaos, seed: int
) -> None:
    """The simulation also checks that a project that has not ended continues with a larger limit."""
    of_tasks = {Reason.WAITING_FOR_LEVEL, Reason.WAITING_FOR_DEPENDENCIES}
    for planned in simulate(with_budget(spec, budget), seed, chaos).plans:
        made = planned.plan
        if made.running or made.queued or made.completed or TaskState.RUNNING in made.removed.values():
            assert not made.is_exhausted
            continue
        waits = {made.reasons[i] for i, state in enumerate(made.states) if state is TaskState.PENDING} - of_tasks
        assert made.is_exhausted == (waits == {Reason.WAITING_FOR_BUDGET})


@pytest.mark.parametrize("policy", ["FinishLevel", "Continue", "FailFast"])
def test_what_follows_a_failure_or_waits_to_be_retried_counts_for_a_budget(policy: str) -> None:
    """Such a task is ready although a dependency of it has not succeeded."""
    rescue = {"id": "b", "role": "tester", "dependencies": ["a"], "when": [{"task": "a", "is": "Failed"}]}
    more: dict[str, Any] = {
        "tasks": [{"id": "a", "role": "coder", "maxAttempts": 1}, rescue], "failurePolicy": policy,
        "roles": [CODER, {"name": "tester"}], "defaults": {"backoffSeconds": 60}, "scheduling": "Graph",
    }  # fmt: skip
    failed = [spent("5", phase=Phase.FAILED)]
    assert decide({"a": failed}, **more)[1].is_exhausted, "else it would wait for ever"
    more["tasks"].append({"id": "c", "role": "coder", "dependencies": ["b"], "when": [{"task": "b", "is": "Failed"}]})
    more["tasks"].append({"id": "d", "role": "coder"})
    more |= {"budgets": [{"unit": "usd", "limit": "100", "perRole": {"coder": "5"}}], "failurePolicy": "Continue"}
    found = decide({"a": failed, "b": [spent(None, phase=Phase.FAILED)]}, **more)[1]
    assert found.reasons == [None, Reason.BACKOFF, Reason.WAITING_FOR_DEPENDENCIES, Reason.WAITING_FOR_BUDGET]
    assert not found.is_exhausted, "b runs again"


def usd(spending: Spending) -> Decimal:
    return sum((found.usage.usd or Decimal(0) for found in spending.values()), Decimal(0))


# -- what is spent stays spent


def test_what_a_task_has_spent_that_runs_again_or_was_removed_still_counts() -> None:
    spec, made, _ = decide({"a": [spent("1")], "b": [spent("0.5", phase=Phase.STOPPED)]}, limit="9")
    rerun = spec.model_copy(update={"retries": [Retry(id="a", rerun_after=1)]})
    graph = compile_graph(rerun)
    for ledger in (made.ledger, Ledger()):  # goes on; and reads all of it again
        again = plan(graph, rerun, ledger, {"a": [spent("1")], "b": [spent("0.5", phase=Phase.STOPPED)]}, 20.0)
        assert again.states[0] is TaskState.PENDING
        assert usd(again.ledger.spending) == Decimal("1.5")
        status = render_status(graph, rerun, again, {}, 1, 20.0, name="p")
        assert status["metrics"]["costUsd"] == "1.5000"
        later = plan(graph, rerun, read_status(status), {"a": [spent("1"), spent("2", 2)]}, 30.0)
        assert usd(later.ledger.spending) == Decimal("3.5")
    fewer = spec.model_copy(update={"tasks": [task for task in spec.tasks if task.id != "b"]})
    graph, found, status = compile_graph(fewer), made, {}
    for _ in range(3):  # its Job may be observed for as long as it exists
        found = plan(graph, fewer, found.ledger, {"b": [spent("0.5", phase=Phase.STOPPED)]}, 40.0)
        status = render_status(graph, fewer, found, {}, 1, 40.0, name="p")
        assert usd(found.ledger.spending) == Decimal("1.5")
        assert status["tasks"][-1] == status["tasks"][-1] | {"id": "b", "state": "Skipped", "removed": True}
        found = plan(graph, fewer, read_status(status), {"b": [spent("0.5", phase=Phase.STOPPED)]}, 50.0)
        assert usd(found.ledger.spending) == Decimal("1.5")


def test_what_ends_while_the_spec_is_not_accepted_counts() -> None:
    spec, made, _ = decide({"a": [spent("1")], "b": [active()]})
    graph = compile_graph(spec)
    status = render_status(graph, spec, made, {}, 1, 10.0, name="p")
    problem = [Problem("spec", "is wrong")]
    ends = {"a": [spent("1")], "b": [spent("0.5")]}
    rejected = rejected_status(problem, status, ends, 2, 11.0)
    rejected = rejected_status(problem, rejected, ends, 2, 12.0)
    assert usd(read_spending(rejected)) == Decimal("1.5")
    assert usd(plan(graph, spec, read_status(rejected), ends, 13.0).ledger.spending) == Decimal("1.5")


def test_what_is_recorded_of_budgets_limits_and_figures_outlives_a_spec_that_is_not_accepted() -> None:
    budgets = [{"unit": "usd", "limit": "9", "perRole": {"coder": "5"}}]
    spec, made, _ = decide({"a": [spent("1.5")], "b": [active()]}, budgets=budgets)
    status = render_status(compile_graph(spec), spec, made, {}, 1, 10.0, name="p")
    status["limits"] = [{"name": "claude", "task": "c", "endTime": "2030-01-01T00:00:00Z", "reported": True}]
    rejected = rejected_status(
        [Problem("spec", "is wrong")], status, {"b": [spent("0.5", claim=Claim("coder"))]}, 2, 11.0
    )
    assert [(row.get("role"), row["limit"], row["spent"]) for row in rejected["budgets"]] == [
        (None, "9", "2"), ("coder", "5", "2"),
    ]  # fmt: skip
    before, after = read_status(status), read_status(rejected)
    assert (after.met, after.peak) == (before.met, before.peak)
    assert before.met
    assert before.peak


TWO_ROLES: list[dict[str, Any]] = [CODER, {"name": "tester"}]
FEW = [{"unit": "usd", "limit": "100", "perRole": {"coder": "3"}}]


@pytest.mark.parametrize("change", ["it is removed", "it has another role", "the spec is not accepted"])
def test_a_task_cannot_evade_the_budget_of_its_role(change: str) -> None:
    tasks = [{"id": i, "role": "coder"} for i in IDS]
    spec, made, _ = decide({"a": [active()]}, tasks=tasks, roles=TWO_ROLES, budgets=FEW)
    later = {"it is removed": tasks[1:], "it has another role": [{"id": "a", "role": "tester"}, *tasks[1:]]}.get(change)
    ends = {"a": [spent("3", claim=Claim("coder"))]}
    ledger = made.ledger
    if later is None:
        status = render_status(compile_graph(spec), spec, made, {}, 1, 10.0, name="p")
        ledger = read_status(rejected_status([Problem("spec", "is wrong")], status, ends, 2, 11.0))
    graph, spec = compiled(tasks=later or tasks, roles=TWO_ROLES, budgets=FEW)
    found = plan(graph, spec, ledger, ends, 20.0)
    assert {role: each.usage.usd for role, each in found.ledger.spending.items()} == {"coder": Decimal(3)}
    assert [graph.ids[launch.task] for launch in found.launches] == []


def test_a_status_of_an_operator_that_did_not_record_spending_counts_by_its_rows() -> None:
    spec, made, _ = decide({"a": [spent("1")], "b": [spent("2")]})
    status = render_status(compile_graph(spec), spec, made, {}, 1, 10.0, name="p")
    del status["spending"]
    found = read_spending(status)
    assert (usd(found), list(found)) == (Decimal(3), [None])
    assert read_spending({"spending": [{"role": 5, "costUsd": "x", "amounts": {"usd": "1:x y 2:3"}}, None]}) == {
        None: RoleSpending(AgentUsage(), {"usd": {Decimal(2): 3}})
    }
