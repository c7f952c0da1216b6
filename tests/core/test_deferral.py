"""An attempt that asks to be run later costs nothing; what a whole role would meet ends the role."""

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import DEFERRALS_MAX, NEW, Attempt, Phase, Record, settle
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.status import read_row, render_row, render_status
from parallelproject.core.report.why.why import why
from parallelproject.model.names import EX_TEMPFAIL
from parallelproject.model.project import parse_spec
from parallelproject.model.status import Reason, TaskState


def deferred(number: int, reason: str = "ExitCode", retry_at: float | None = None) -> Attempt:
    ended = number * 10.0
    return Attempt(number, Phase.FAILED, False, False, ended - 1, ended, reason, EX_TEMPFAIL, retry_at=retry_at)


def decide(
    attempts: dict[str, list[Attempt]], now: float, **spec: object
) -> tuple[list[str], dict[str, str | None], float | None]:
    made = parse_spec({"tasks": [{"id": "a", "maxAttempts": 1}, {"id": "b"}], "defaults": {"backoffSeconds": 1}} | spec)
    graph = compile_graph(made)
    found = plan(graph, made, Ledger(), attempts, now)
    return [graph.ids[x.task] for x in found.launches], dict(zip(graph.ids, found.reasons, strict=True)), found.wake_at


def test_exit_75_counts_as_no_failure_and_waits_twice_as_long_each_time() -> None:
    assert settle(NEW, [deferred(1), deferred(2)]).failures == 0
    assert settle(NEW, [deferred(1), deferred(2)]).deferrals == 2
    assert decide({"a": [deferred(1)]}, 10.5) == (["b"], {"a": Reason.BACKOFF, "b": Reason.STARTING}, 11.0)
    assert decide({"a": [deferred(1), deferred(2)]}, 20.5)[2] == 22.0
    assert decide({"a": [deferred(1), deferred(2)]}, 22.0)[0] == ["a", "b"]


def test_a_limit_is_waited_for_until_its_reset() -> None:
    started, reasons, wake = decide({"a": [deferred(1, Reason.RATE_LIMITED, 5000.0)]}, 4999.0)
    assert (started, set(reasons.values()), wake) == ([], {Reason.WAITING_FOR_LIMIT}, 5000.0)
    assert decide({"a": [deferred(1, Reason.RATE_LIMITED, 5000.0)]}, 5000.0)[0] == ["a", "b"]


def test_exit_75_without_a_backoff_makes_no_loop() -> None:
    for reason in ("ExitCode", Reason.RATE_LIMITED):
        assert decide({"a": [deferred(1, reason)]}, 10.5, defaults={"backoffSeconds": 0})[2] == 11.0


def test_a_reset_in_the_past_or_in_years_makes_no_loop_and_no_wait_without_end() -> None:
    assert decide({"a": [deferred(1, Reason.RATE_LIMITED, 3.0)]}, 10.5)[2] == 11.0
    assert decide({"a": [deferred(1, Reason.RATE_LIMITED, 1e11)]}, 10.5)[2] == 10.0 + 8 * 86_400


def test_no_task_goes_on_for_ever() -> None:
    attempts = [deferred(n) for n in range(1, DEFERRALS_MAX + 2)]
    record = settle(NEW, attempts)
    assert (record.deferrals, record.failures) == (DEFERRALS_MAX, 1)
    assert decide({"a": attempts}, 1e6)[1]["a"] == "ExitCode"


def test_a_deferral_outlives_the_process_that_saw_it() -> None:
    record = settle(NEW, [deferred(1, Reason.RATE_LIMITED, 5000.0)])
    row = render_row("a", TaskState.PENDING, 0, Reason.WAITING_FOR_LIMIT, record)
    assert read_row(row) == record
    assert settle(record, [deferred(1, Reason.RATE_LIMITED, 5000.0)]) == record


def test_what_every_task_of_a_role_would_meet_ends_the_role_and_no_other() -> None:
    roles = [{"name": "x"}, {"name": "y"}]
    tasks = [{"id": "a", "role": "x"}, {"id": "b", "role": "x"}, {"id": "c", "role": "y"}]
    for reason, is_role in ((Reason.AGENT_AUTH, True), (Reason.AGENT_DENIED, True), (Reason.NEEDS_INPUT, False)):
        failed = Attempt(1, Phase.FAILED, False, False, 1.0, 2.0, reason, 1)
        started, reasons, _ = decide({"a": [failed]}, 3.0, roles=roles, tasks=tasks, failurePolicy="Continue")
        assert reasons["a"] == (reason if is_role else Reason.WAITING_FOR_INPUT)
        assert started == (["c"] if is_role else ["b", "c"])
        assert reasons["b"] == (Reason.STOPPED if is_role else Reason.STARTING)


def test_a_lost_attempt_after_a_deferral_waits_for_no_reset() -> None:
    record = settle(settle(NEW, [deferred(1, Reason.RATE_LIMITED, 5000.0)]), [Attempt(3, Phase.ACTIVE, True)])
    assert (record.failures, record.deferrals, record.reason, record.retry_at) == (1, 1, "Lost", None)


def test_what_depends_on_a_task_of_such_a_role_is_skipped_too_so_that_the_project_ends() -> None:
    roles = [{"name": "x"}, {"name": "y"}]
    tasks = [
        {"id": "a", "role": "x"},
        {"id": "b", "role": "x"},
        {"id": "c", "role": "x", "dependencies": ["a"]},
        {"id": "d", "role": "y", "dependencies": ["b"]},
        {"id": "e", "role": "y", "dependencies": ["d"]},
    ]
    spec = parse_spec({"tasks": tasks, "roles": roles, "failurePolicy": "Continue"})
    graph = compile_graph(spec)
    failed = Attempt(1, Phase.FAILED, False, False, 1.0, 2.0, Reason.AGENT_AUTH, 1)
    found = plan(graph, spec, Ledger(), {"a": [failed]}, 3.0)
    below = Reason.DEPENDENCY_FAILED
    assert (found.completed, found.launches) == (True, [])
    assert found.reasons == [Reason.AGENT_AUTH, Reason.STOPPED, below, below, below]
    status = render_status(graph, spec, found, {}, 1, 3.0, name="p")
    answer = why(graph, spec, status, "e", 3.0)
    assert answer.answer.endswith("and every other task of the role x would fail in the same way")
    assert answer.to_retry == ("a",)


def test_a_success_after_deferrals_is_one() -> None:
    good = Attempt(2, Phase.SUCCEEDED, started=11.0, ended=12.0)
    assert settle(NEW, [deferred(1), good]) == Record(TaskState.SUCCEEDED, 2, 0, None, None, 11.0, 12.0, deferrals=1)


def test_the_exit_code_of_a_check_is_no_request_of_the_task() -> None:
    record = settle(NEW, [deferred(1), deferred(2, Reason.GATE_FAILED)])
    assert (record.deferrals, record.failures, record.is_deferred) == (1, 1, False)


def test_a_setup_that_fails_for_several_tasks_is_reported_by_the_first_one_alone() -> None:
    data = {"tasks": [{"id": id} for id in "abc"], "failurePolicy": "Continue", "workspace": {"setup": ["x"]}}
    spec = parse_spec(data)
    graph = compile_graph(spec)

    def failed(at: float, number: int = 1) -> Attempt:
        return Attempt(number, Phase.FAILED, False, False, 1.0, at, Reason.SETUP_FAILED, 3)

    first = plan(graph, spec, Ledger(), {"a": [failed(5.0)], "b": [failed(4.0)]}, 99.0)
    assert first.reasons == [Reason.STOPPED, Reason.SETUP_FAILED, Reason.STOPPED]
    seen = {"a": [failed(5.0)], "b": [failed(4.0)], "c": [failed(3.0)]}
    later = plan(graph, spec, first.ledger, seen, 100.0)
    assert later.reasons == first.reasons, "one that is known later does not take its place"
    records = later.ledger.records
    assert {id: (records[id].failures, records[id].deferrals) for id in "abc"} == {
        "a": (0, 1),
        "b": (1, 0),
        "c": (0, 1),
    }
    assert plan(graph, spec, Ledger(records=records), seen, 101.0).reasons == first.reasons, "from the status"
    again = parse_spec(data | {"retries": [{"id": "b", "forgive": 1}]})
    retried = compile_graph(again)
    assert len(plan(retried, again, Ledger(records=records), seen, 9999.0).launches) == 3
    anew = {**seen, "b": [failed(4.0), failed(102.0, 2)]}
    running = records | {"b": records["b"]._replace(state=TaskState.RUNNING, attempts=2)}
    found = plan(retried, again, Ledger(records=running), anew, 103.0)
    assert found.reasons == first.reasons, "what is forgiven reports nothing"


def test_a_setup_that_failed_ends_the_project_and_one_that_another_task_reports_costs_nothing() -> None:
    tasks = [{"id": "a", "role": "x"}, {"id": "b", "role": "y"}, {"id": "c", "role": "y", "dependencies": ["a"]}]
    spec = parse_spec({"tasks": tasks, "roles": [{"name": "x"}, {"name": "y"}], "failurePolicy": "Continue"})
    graph = compile_graph(spec)
    failed = Attempt(1, Phase.FAILED, False, False, 1.0, 2.0, Reason.SETUP_FAILED, 3)
    earlier = Attempt(1, Phase.FAILED, False, False, 1.0, 2.0, Reason.EXIT_CODE, 1)
    later = deferred(2, Reason.SETUP_FAILED)
    alone = plan(graph, spec, Ledger(), {"b": [earlier, later]}, 99.0)
    assert (alone.states[1], alone.ledger.records["b"].failures) == (TaskState.PENDING, 1), "it is not final for b"
    found = plan(graph, spec, Ledger(), {"a": [failed], "b": [earlier, later]}, 99.0)
    assert (found.completed, found.launches) == (True, [])
    assert found.reasons == [Reason.SETUP_FAILED, Reason.STOPPED, Reason.DEPENDENCY_FAILED]
    status = render_status(graph, spec, found, {}, 1, 99.0, name="p")
    answer = why(graph, spec, status, "b", 99.0)
    assert answer.answer.endswith("and every other task would fail in the same way")
    assert answer.to_retry == ("a",)
    assert "spec.workspace.setup failed before the task's command" in str(why(graph, spec, status, "a", 99.0).more)
