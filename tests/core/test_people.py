"""Tasks that wait for a person: approvals and questions hold nothing, cost nothing, and outlive every restart."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.core.planner.attempt import NEW, QUESTIONS_MAX, Attempt, Inquiry, Phase, settle
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.planner.simulation import makespan
from parallelproject.core.planner.spending import is_whole
from parallelproject.core.report.attention import needs_of_plan, needs_of_rows, waits_only_for_people
from parallelproject.core.report.changes import What, changes
from parallelproject.core.report.readings import PlanReading, StatusReading
from parallelproject.core.report.status import condition, read_row, read_status, render_row, render_status
from parallelproject.core.report.why.why import why
from parallelproject.executors.base.cluster_checks import local_only
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason, TaskState
from tests.core import test_laws as laws
from tests.core.examples import examples
from tests.core.projects import specs
from tests.core.simulation import Chaos, History, simulate

WORK: list[dict[str, Any]] = [{"id": "a"}, {"id": "deploy", "approval": True}, {"id": "b", "dependencies": ["deploy"]}]

USED = AgentUsage(usd=Decimal(2))


def asking(number: int, text: str = "Which port?", code: int = 1) -> Attempt:
    ended = number * 10.0
    return Attempt(number, Phase.FAILED, False, False, ended - 1, ended, Reason.NEEDS_INPUT, code, question=text)


def failing(number: int, reason: str = "ExitCode", code: int = 1) -> Attempt:
    return Attempt(number, Phase.FAILED, False, False, number * 10.0 - 1, number * 10.0, reason, code)


def decide(attempts: dict[str, list[Attempt]] | None = None, now: float = 1000.0, **fields: Any) -> tuple[Plan, Spec]:
    spec = parse_spec({"tasks": WORK, "defaults": {"maxAttempts": 2, "backoffSeconds": 1}} | fields)
    return plan(compile_graph(spec), spec, Ledger(), attempts or {}, now), spec


def starts(found: Plan, spec: Spec) -> list[str]:
    return [spec.tasks[launch.task].id for launch in found.launches]


def reasons(found: Plan, spec: Spec) -> dict[str, str | None]:
    return {task.id: reason for task, reason in zip(spec.tasks, found.reasons, strict=True)}


def test_a_task_waits_for_its_approval_and_holds_no_slot_and_no_files() -> None:
    tasks = [WORK[1] | {"files": ["x"]}, {"id": "a", "files": ["x"]}]
    found, spec = decide(tasks=tasks, parallelism=1)
    assert starts(found, spec) == ["a"]
    assert reasons(found, spec)["deploy"] == Reason.WAITING_FOR_APPROVAL
    found, spec = decide(tasks=tasks, parallelism=2, approvals=[{"id": "deploy"}])
    assert starts(found, spec) == ["deploy"]


def test_it_is_asked_for_when_its_turn_has_come_and_may_be_given_before() -> None:
    tasks = [{"id": "a"}, {"id": "deploy", "approval": True, "dependencies": ["a"]}]
    found, spec = decide(tasks=tasks)
    assert reasons(found, spec)["deploy"] == Reason.WAITING_FOR_DEPENDENCIES
    assert not found.people
    done = {"a": [Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0)]}
    assert starts(*decide(done, tasks=tasks, approvals=[{"id": "deploy"}])) == ["deploy"]
    assert starts(*decide(done, tasks=tasks)) == []


def test_an_approval_holds_for_the_attempts_after_a_failure_and_not_for_a_rerun() -> None:
    tasks, seen = [WORK[1]], {"deploy": [failing(1)]}
    assert starts(*decide(seen, tasks=tasks, approvals=[{"id": "deploy"}])) == ["deploy"]
    rerun = {"tasks": tasks, "retries": [{"id": "deploy", "rerunAfter": 1}]}
    found, spec = decide(seen, **rerun, approvals=[{"id": "deploy"}])
    assert reasons(found, spec)["deploy"] == Reason.WAITING_FOR_APPROVAL
    assert starts(*decide(seen, **rerun, approvals=[{"id": "deploy", "after": 1}])) == ["deploy"]


def test_a_question_costs_no_attempt_and_waits_for_the_answer_to_itself() -> None:
    tasks = [{"id": "a", "maxAttempts": 1}]
    seen = {"a": [asking(1)]}
    found, spec = decide(seen, tasks=tasks)
    assert (starts(found, spec), reasons(found, spec)) == ([], {"a": Reason.WAITING_FOR_INPUT})
    assert (found.running, found.wake_at, found.completed) == (0, None, False)
    assert starts(*decide(seen, 10.0, tasks=tasks, answers=[{"id": "a", "attempt": 1, "text": "80"}])) == ["a"]
    again = {"a": [asking(1), asking(2)]}
    for attempt in (1, 3):  # that of an earlier question, and one of no question
        found, spec = decide(again, tasks=tasks, answers=[{"id": "a", "attempt": attempt, "text": "80"}])
        assert reasons(found, spec) == {"a": Reason.WAITING_FOR_INPUT}


@pytest.mark.parametrize("code", [1, 75])
def test_a_question_after_failures_and_deferrals_is_neither(code: int) -> None:
    record = settle(NEW, [failing(1), failing(2, code=75), asking(3, code=code)])
    assert (record.failures, record.deferrals, record.inquiry) == (1, 1, Inquiry(3, "Which port?", 1))
    assert not record.is_deferred
    found, spec = decide({"a": [failing(1), failing(2, code=75), asking(3, code=code)]}, tasks=[{"id": "a"}])
    assert reasons(found, spec) == {"a": Reason.WAITING_FOR_INPUT}


def test_an_attempt_that_is_stopped_after_the_answer_asks_nothing_again() -> None:
    seen = {"a": [asking(1), Attempt(2, Phase.STOPPED, started=11.0, ended=12.0)]}
    answers = [{"id": "a", "attempt": 1, "text": "80"}]
    assert starts(*decide(seen, tasks=[{"id": "a"}], answers=answers)) == ["a"]


def test_a_task_that_asks_too_often_fails_and_ends() -> None:
    attempts = [asking(number) for number in range(1, QUESTIONS_MAX + 2)]
    answers = [{"id": "a", "attempt": n, "text": "80"} for n in range(1, QUESTIONS_MAX + 1)]
    found, spec = decide({"a": attempts}, tasks=[{"id": "a", "maxAttempts": 5}], answers=answers)
    assert (found.states[0], reasons(found, spec), found.completed) == (
        TaskState.FAILED, {"a": Reason.NEEDS_INPUT}, True,
    )  # fmt: skip


def test_a_project_that_waits_for_people_and_for_a_larger_budget_has_stalled() -> None:
    tasks = [WORK[1], {"id": "a"}, {"id": "b", "dependencies": ["a"]}]
    used = Attempt(1, Phase.FAILED, started=1.0, ended=2.0, reason="ExitCode", exit_code=1, usage=USED)
    found, spec = decide({"a": [used]}, tasks=tasks, budgets=[{"unit": "usd", "limit": "1"}])
    assert reasons(found, spec) == {
        "deploy": Reason.WAITING_FOR_APPROVAL, "a": Reason.WAITING_FOR_BUDGET, "b": Reason.WAITING_FOR_DEPENDENCIES,
    }  # fmt: skip
    assert waits_only_for_people(found)


def test_a_task_that_was_removed_from_the_spec_wants_nothing_of_people() -> None:
    row = {"id": "a", "state": "Failed", "reason": "AgentAuth", "attempts": 1, "failures": 1}
    assert [need.verb for need in needs_of_rows([(row, read_row(row))])] == ["retry"]
    assert needs_of_rows([({**row, "removed": True}, read_row(row))]) == []


@pytest.mark.parametrize("code", [1, 75])
def test_one_question_too_many_is_a_failure_whatever_the_exit_code(code: int) -> None:
    before = settle(NEW, [failing(1, code=75), *(asking(number) for number in range(2, QUESTIONS_MAX + 2))])
    record = settle(before, [asking(QUESTIONS_MAX + 2, code=code)])
    assert (record.failures, record.deferrals, record.is_deferred) == (1, 1, False)


@pytest.mark.parametrize("code", [1, 75])
def test_what_an_attempt_that_asks_has_spent_is_expected_of_others_whatever_its_exit_code(code: int) -> None:
    assert is_whole(asking(1, code=code))
    assert not is_whole(failing(1, code=75))


def test_a_failure_of_an_earlier_version_with_a_question_stays_one() -> None:
    row = {"id": "a", "state": "Failed", "reason": "NeedsInput", "attempts": 1, "failures": 1, "exitCode": 1}
    spec = parse_spec({"tasks": [{"id": "a"}]})
    found = plan(compile_graph(spec), spec, read_status({"tasks": [row]}), {}, 1000.0)
    assert found.states == [TaskState.FAILED]


def test_question_and_number_outlive_the_process_that_saw_them() -> None:
    for seen in ([asking(1, "Which\nport?")], [asking(1), failing(2)], [failing(1), asking(2)]):
        record = settle(NEW, seen)
        row = render_row("a", TaskState.PENDING, 0, Reason.WAITING_FOR_INPUT, record)
        assert read_row(row) == record
        assert settle(record, seen) == record


def test_the_rows_of_many_questions_fit_into_a_status() -> None:
    record = settle(NEW, [asking(1, "<é>" * 1300)])
    one = render_row("a", TaskState.PENDING, 0, None, record)["question"]
    many = render_row("a", TaskState.PENDING, 0, None, record, asking=2000)["question"]
    assert 500 < len(one) <= 4096
    assert 5 < len(many) < 100
    assert many.endswith("…")


def status_of(found: Plan, spec: Spec, last: dict[str, Any] | None = None) -> dict[str, Any]:
    return render_status(compile_graph(spec), spec, found, last or {}, 1, 1000.0, name="shop")


def test_the_condition_lists_all_with_the_commands_and_goes_away() -> None:
    seen = {"a": [asking(1)]}
    status = status_of(*decide(seen, tasks=[{"id": "a"}, WORK[1]], roles=[]))
    attention = condition(status, "NeedsAttention")
    assert (attention["status"], attention["reason"]) == ("True", "Several")
    assert "pproj approve shop deploy" in attention["message"]
    assert "a asks \"Which port?\" (pproj answer shop a 'YOUR ANSWER')" in attention["message"]
    answered = decide(seen, tasks=[{"id": "a"}], answers=[{"id": "a", "attempt": 1, "text": "80"}])
    assert condition(status_of(*answered), "NeedsAttention") == {}


def test_a_project_is_stalled_only_while_nothing_but_people_keeps_it() -> None:
    status = status_of(*decide(tasks=[WORK[1], {"id": "b", "dependencies": ["deploy"]}]))
    for kind, value in (("Stalled", "True"), ("Ready", "Unknown"), ("Completed", "False")):
        assert condition(status, kind)["status"] == value
    assert condition(status, "Stalled")["reason"] == "NeedsAttention"
    assert condition(status_of(*decide()), "Stalled") == {}  # a starts
    ending = decide({"a": [Attempt(1, Phase.ACTIVE, running=False, started=1.0)]}, tasks=WORK[:2])
    assert ending[0].running == 0
    assert condition(status_of(*ending), "Stalled") == {}  # how it has ended is not known yet
    backoff = decide({"a": [failing(1)]}, 10.5, tasks=WORK[:2])
    assert condition(status_of(*backoff), "Stalled") == {}
    assert condition(status_of(*decide(tasks=[WORK[1]], suspend=True)), "NeedsAttention")["reason"] == "Approval"


def test_a_login_that_failed_needs_a_person_also_when_all_is_over() -> None:
    seen = {"a": [failing(1, Reason.AGENT_AUTH)]}
    found, spec = decide(seen, tasks=[{"id": "a"}])
    (need,) = needs_of_plan(compile_graph(spec), found)
    assert need.command("shop", " -n team") == "pproj retry -n team shop a"
    assert condition(status_of(found, spec), "NeedsAttention")["reason"] == "Login"


def test_why_names_the_question_and_what_to_do() -> None:
    found, spec = decide({"a": [asking(1, "Which\n\nport?\nOr\nnone")]}, tasks=[{"id": "a"}, WORK[1]])
    status, graph = status_of(found, spec), compile_graph(spec)
    answer = why(graph, spec, status, "a", 1000.0)
    assert "Which port? Or…" in answer.answer
    assert answer.hint == "answer"
    assert why(graph, spec, status, "deploy", 1000.0).hint == "approve"


def test_a_prediction_is_made_as_if_people_answered_at_once() -> None:
    spec = parse_spec({"tasks": WORK})
    assert makespan(compile_graph(spec), spec, 4) == 2


def test_both_readings_report_what_starts_to_wait_once_for_each_question() -> None:
    tasks = [{"id": "a"}, WORK[1]]
    answers = [{"id": "a", "attempt": 1, "text": "80"}]
    before = decide({"a": [Attempt(1, Phase.ACTIVE, True, started=1.0)]}, tasks=[{"id": "a"}])
    first, second = (
        decide({"a": [asking(1)]}, tasks=tasks),
        decide({"a": [asking(1), asking(2, "And who?")]}, tasks=tasks, answers=answers),
    )
    last: dict[str, Any] = {}
    found = []
    for made, spec in (before, first, first, second):
        status = status_of(made, spec, last)
        found.append([(e.what, e.task, e.message) for e in changes(StatusReading(last), StatusReading(status))])
        last = status
    asks, approval = (What.NEEDS_INPUT, "a", "Which port?"), (What.NEEDS_APPROVAL, "deploy", "")
    assert [each for each in found[1] if each[0] in (What.NEEDS_INPUT, What.NEEDS_APPROVAL)] == [asks, approval]
    assert found[2] == []
    assert (What.NEEDS_INPUT, "a", "And who?") in found[3]
    assert What.NEEDS_APPROVAL not in [what for what, *_ in found[3]]
    graph = compile_graph(first[1])
    running = plan(graph, first[1], Ledger(), {"a": [Attempt(1, Phase.ACTIVE, True, started=1.0)]}, 9.0)
    asked = plan(graph, first[1], running.ledger, {"a": [asking(1)]}, 20.0)
    events = changes(PlanReading(graph, running), PlanReading(graph, asked, reported=["a"]))
    assert [event.what for event in events] == [What.FAILED, What.NEEDS_INPUT]


def test_a_cluster_accepts_no_notifications() -> None:
    spec = parse_spec({"tasks": [{"id": "a"}], "notify": {"command": ["true"]}})
    assert [problem.place for problem in local_only(spec)] == ["spec.notify"]


def with_approvals(spec: Spec, which: set[int]) -> Spec:
    tasks = [task.model_copy(update={"approval": i in which}) for i, task in enumerate(spec.tasks)]
    return spec.model_copy(update={"tasks": tasks})


times = st.integers(0, 40)
chaoses = st.builds(
    Chaos,
    failing=st.sampled_from([0.0, 0.2]),
    asking=st.sampled_from([0.2, 0.6]),
    person=st.sampled_from([0, 5, 60]),
    late=st.sampled_from([0, 2, 6]),
    refused=st.sampled_from([0.0, 0.3]),
    overlooked=st.sampled_from([0.0, 1.0]),
    lazy=st.sampled_from([0.0, 0.5]),
    restarts=st.lists(times, max_size=4).map(tuple),
)
approvals = st.sets(st.integers(0, 8), max_size=4)
without_deadlines = st.builds(with_approvals, specs(deadlines=False), approvals)
histories = st.builds(simulate, without_deadlines, st.integers(0, 2**32), chaoses)


@examples(40)
@given(histories)
def test_nothing_starts_that_waits_for_a_person(history: History) -> None:
    for launched in history.launches:
        spec, task = launched.planned.spec, launched.key.task
        if next(each for each in spec.tasks if each.id == task).approval:
            assert task in {given.id for given in spec.approvals}
        if launched.asked:
            assert (task, launched.asked) in {(given.id, given.attempt) for given in spec.answers}


@examples(40)
@given(histories)
def test_what_waits_for_a_person_holds_nothing_and_all_of_it_is_listed(history: History) -> None:
    for planned in history.plans:
        made = planned.plan
        people = {i for i, reason in enumerate(made.reasons) if reason in ("WaitingForApproval", "WaitingForInput")}
        assert people == set(made.people)
        assert not people & set(laws.holding(planned))
        if waits_only_for_people(made):
            assert people
            assert not made.running
            assert made.wake_at is None
            assert TaskState.RUNNING not in made.states


@examples(40)
@given(histories)
def test_a_project_with_people_who_act_ends_and_never_waits_for_nothing(history: History) -> None:
    """That it ends at all is what ``simulate`` asserts."""
    for planned in history.plans:
        made = planned.plan
        if not made.completed and not made.running and TaskState.RUNNING not in made.states:
            assert made.people or (Reason.BACKOFF in made.reasons and made.wake_at)
    assert history.end.plan.completed


KEPT: list[Callable[[History], None]] = [
    laws.test_no_more_tasks_run_than_parallelism_at_any_moment,
    laws.test_no_task_starts_before_all_its_dependencies_have_succeeded,
    laws.test_with_levels_no_task_starts_before_the_levels_below_are_done,
    laws.test_no_task_has_two_running_attempts,
    laws.test_no_task_starts_after_it_has_succeeded,
    laws.test_no_task_fails_more_often_than_its_attempts_and_what_was_forgiven,
    laws.test_attempts_are_numbered_from_one_without_gaps,
    laws.test_no_task_starts_before_its_backoff_has_ended,
    laws.test_what_succeeded_stays_so_and_attempts_and_failures_never_get_fewer,
    laws.test_what_a_ledger_carries_and_what_is_settled_change_no_plan,
    laws.test_a_plan_that_is_carried_out_is_not_planned_again,
    laws.test_after_a_restart_the_plan_is_the_same_from_any_earlier_ledger,
]
"""Laws of every history that hold with people as well."""


@pytest.mark.parametrize("law", KEPT, ids=lambda law: law.__name__.removeprefix("test_"))
@examples(10)
@given(history=histories)
def test_the_laws_hold_with_people(law: Callable[[History], None], history: History) -> None:
    inner: Any = law
    if "with_levels" in law.__name__ and history.end.spec.scheduling != "Levels":
        return
    inner.hypothesis.inner_test(history)


@examples(40)
@given(
    st.builds(with_approvals, specs(policies=("Continue",), deadlines=False), approvals),
    st.integers(0, 2**32),
    chaoses,
)
def test_a_project_ends_the_same_however_late_people_are_and_whatever_was_restarted(
    spec: Spec, seed: int, chaos: Chaos
) -> None:
    calm = simulate(spec, seed, Chaos(failing=chaos.failing, asking=chaos.asking))
    assert simulate(spec, seed, chaos).final == calm.final
