"""What the planner decides, behaviour by behaviour."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.planner.attempt import STOP_OVERDUE, Attempt, Phase, Record
from parallelproject.core.planner.claim import Claim
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.model.status import Reason, TaskState
from tests.core.projects import compiled

PENDING, RUNNING, SUCCEEDED = TaskState.PENDING, TaskState.RUNNING, TaskState.SUCCEEDED
FAILED, SKIPPED = TaskState.FAILED, TaskState.SKIPPED

Seen = Mapping[str, Sequence[Attempt]]


def launching(number: int = 1) -> Attempt:
    return Attempt(number, Phase.LAUNCHING, running=True)


def active(number: int = 1, *, stopping: bool = False, started: float = 10.0) -> Attempt:
    return Attempt(number, Phase.ACTIVE, running=True, stopping=stopping, started=started, name=f"job-{number}")


def succeeded(number: int = 1) -> Attempt:
    return Attempt(number, Phase.SUCCEEDED, started=10.0, ended=20.0, name=f"job-{number}")


def failed(number: int = 1, *, ended: float = 20.0, reason: str = "ExitCode") -> Attempt:
    return Attempt(number, Phase.FAILED, started=10.0, ended=ended, reason=reason, exit_code=3, name=f"job-{number}")


def stopped(number: int = 1) -> Attempt:
    return Attempt(number, Phase.STOPPED, started=10.0, ended=20.0, name=f"job-{number}")


def lost(number: int = 1, *, running: bool = False) -> Attempt:
    return Attempt(number, Phase.LOST, running, started=10.0, ended=20.0, name=f"job-{number}")


def task(id: str, *dependencies: str, **fields: Any) -> dict[str, Any]:
    return {"id": id, "dependencies": list(dependencies)} | fields


class Decided:
    """A plan, read by the names of tasks."""

    def __init__(self, ids: Sequence[str], made: Plan) -> None:
        self.plan, self.ledger, self._ids = made, made.ledger, ids
        self.starts = [ids[launch.task] for launch in made.launches]
        self.numbers = {ids[launch.task]: launch.number for launch in made.launches}
        self.stops = {stop.id: stop.why for stop in made.stops}
        self.states = dict(zip(ids, made.states, strict=True))
        self.reasons = {task_id: reason for task_id, reason in zip(ids, made.reasons, strict=True) if reason}


def decide(
    tasks: list[dict[str, Any]], seen: Seen | None = None, prior: Any = None, now: float = 100.0, **spec: Any
) -> Decided:
    """Plans once, without a wait before a second attempt unless told otherwise."""
    defaults = {"maxAttempts": 2, "backoffSeconds": 0} | spec.pop("defaults", {})
    graph, parsed = compiled(tasks=tasks, defaults=defaults, **spec)
    ledger = prior if isinstance(prior, Ledger) else Ledger(prior or {}, start_time=0.0)
    return Decided(graph.ids, plan(graph, parsed, ledger, seen or {}, now))


# Order


def test_tasks_start_by_priority_then_upward_rank_then_place_in_the_spec() -> None:
    tasks = [
        task("first"),
        task("second"),
        task("long", estimateSeconds=90),
        task("head-of-chain"),
        task("tail", "head-of-chain", estimateSeconds=50),
        task("urgent", priority=1),
    ]
    decided = decide(tasks, parallelism=9)
    assert decided.starts == ["urgent", "head-of-chain", "long", "first", "second"]


def test_the_least_important_tasks_wait_for_a_slot() -> None:
    decided = decide([task("a"), task("b", priority=5), task("c")], parallelism=2)
    assert decided.starts == ["b", "a"]
    assert decided.reasons == {"a": "Starting", "b": "Starting", "c": "WaitingForSlot"}
    assert decided.plan.running == 2


def test_a_task_that_cannot_start_does_not_keep_a_less_important_one_from_starting() -> None:
    roles = [{"name": "x", "maxConcurrent": 1}, {"name": "y"}]
    tasks = [task("a", priority=9, role="x"), task("b", priority=8, role="x"), task("c", role="y")]
    decided = decide(tasks, parallelism=2, roles=roles)
    assert decided.starts == ["a", "c"]


# Caps


@pytest.mark.parametrize("held", [launching(), active(), active(stopping=True), lost(running=True)])
def test_whatever_is_at_work_holds_its_slot(held: Attempt) -> None:
    decided = decide([task("a"), task("b")], {"a": [held]}, parallelism=1)
    assert decided.starts == []
    assert decided.reasons["b"] == Reason.WAITING_FOR_SLOT


@pytest.mark.parametrize("over", [succeeded(), failed(), stopped(), lost()])
def test_what_has_ended_holds_no_slot(over: Attempt) -> None:
    decided = decide([task("a"), task("b", priority=1)], {"a": [over]}, parallelism=1)
    assert decided.starts == ["b"]


def test_a_pod_that_has_ended_frees_its_slot_before_its_job_has() -> None:
    over = active()._replace(running=False)
    decided = decide([task("a"), task("b")], {"a": [over]}, parallelism=1)
    assert decided.starts == ["b"]
    assert decided.states["a"] is RUNNING


def test_a_role_is_never_over_its_own_cap() -> None:
    roles = [{"name": "x", "maxConcurrent": 2}]
    tasks = [task(name) for name in "abcd"]
    decided = decide(tasks, {"a": [active()]}, parallelism=9, roles=roles)
    assert decided.starts == ["b"]
    assert decided.reasons["c"] == Reason.WAITING_FOR_ROLE


def test_after_the_cap_was_lowered_nothing_starts_until_enough_have_ended() -> None:
    tasks = [task(name) for name in "abcd"]
    decided = decide(tasks, {"a": [active()], "b": [active()], "c": [active()]}, parallelism=2)
    assert decided.starts == []
    assert decided.stops == {}
    assert decide(tasks, {"a": [succeeded()], "b": [succeeded()], "c": [active()]}, parallelism=2).starts == ["d"]


def test_an_attempt_that_is_recorded_as_running_and_not_seen_holds_its_slot_and_is_to_be_looked_up() -> None:
    prior = {"a": Record(RUNNING, attempts=2, failures=1, job="job-2")}
    decided = decide([task("a"), task("b")], prior=prior, parallelism=1)
    assert decided.plan.unseen == [("a", 2, "job-2", "")]
    assert decided.starts == []
    assert decided.states["a"] is RUNNING
    assert decided.plan.running == 1


def test_the_peak_is_the_most_that_were_ever_at_work() -> None:
    decided = decide([task(name) for name in "abc"], prior=Ledger(start_time=0.0, peak=2), parallelism=3)
    assert decided.ledger.peak == 3
    assert decide([task("a")], prior=Ledger(start_time=0.0, peak=2)).ledger.peak == 2


# Files


def test_tasks_that_write_the_same_path_run_one_after_another() -> None:
    tasks = [task("a", files=["src/**"]), task("b", files=["src/x.py"]), task("c", files=["docs/"])]
    decided = decide(tasks)
    assert decided.starts == ["a", "c"]
    assert decided.reasons["b"] == Reason.WAITING_FOR_FILES
    assert decide(tasks, {"a": [succeeded()], "c": [active()]}).starts == ["b"]


def test_a_task_keeps_its_files_between_being_asked_for_and_its_end() -> None:
    tasks = [task("a", files=["x"]), task("b", files=["x"], priority=5)]
    assert decide(tasks, {"a": [launching()]}).starts == []
    assert decide(tasks, {"a": [active()]}).starts == []
    assert decide(tasks, prior={"a": Record(RUNNING, attempts=1)}).starts == []
    assert decide(tasks, {"a": [failed()]}).starts == ["b"]


@pytest.mark.parametrize("overlap", ["Warn", "Ignore"])
def test_they_run_together_where_overlaps_are_only_reported_or_ignored(overlap: str) -> None:
    tasks = [task("a", files=["x"]), task("b", files=["x"])]
    assert decide(tasks, conflicts={"onFileOverlap": overlap}).starts == ["a", "b"]


# Levels and graph


def test_with_levels_a_level_starts_when_all_of_the_one_before_is_done() -> None:
    tasks = [task("a"), task("b"), task("c", "a")]
    waiting = decide(tasks, {"a": [succeeded()], "b": [active()]}, scheduling="Levels")
    assert waiting.starts == []
    assert waiting.reasons == {"c": Reason.WAITING_FOR_LEVEL}
    assert waiting.plan.level == 0
    going = decide(tasks, {"a": [succeeded()], "b": [succeeded()]}, scheduling="Levels")
    assert going.starts == ["c"]
    assert going.plan.level == 1


def test_with_graph_a_task_starts_when_its_dependencies_have_succeeded() -> None:
    tasks = [task("a"), task("b"), task("c", "a")]
    assert decide(tasks, {"a": [succeeded()], "b": [active()]}, scheduling="Graph").starts == ["c"]


def test_a_dependency_at_work_or_asked_for_or_waiting_is_waited_for() -> None:
    for seen in ([launching()], [active()], [active()._replace(running=False)], [failed()]):
        decided = decide([task("a"), task("b", "a")], {"a": seen}, scheduling="Graph")
        assert decided.reasons["b"] == Reason.WAITING_FOR_DEPENDENCIES


# Failure policies

DIAMOND = [
    task("bad", maxAttempts=1),
    task("good"),
    task("slow"),
    task("below-bad", "bad"),
    task("below-good", "good"),
    task("last", "below-bad", "below-good"),
]


@pytest.mark.parametrize("scheduling", ["Levels", "Graph"])
def test_finish_level_lets_the_level_finish_and_then_ends(scheduling: str) -> None:
    seen = {"bad": [failed()], "good": [succeeded()]}
    decided = decide(DIAMOND, seen, scheduling=scheduling, failurePolicy="FinishLevel")
    assert decided.starts == ["slow"]
    assert decided.stops == {}
    assert decided.states["bad"] is FAILED
    assert [decided.states[name] for name in ("below-bad", "below-good", "last")] == [SKIPPED] * 3
    assert [decided.reasons[name] for name in ("below-bad", "below-good", "last")] == [
        Reason.DEPENDENCY_FAILED,
        Reason.STOPPED,
        Reason.DEPENDENCY_FAILED,
    ]
    ended = decide(DIAMOND, {**seen, "slow": [succeeded()]}, scheduling=scheduling, failurePolicy="FinishLevel")
    assert ended.plan.completed


def test_finish_level_with_graph_lets_tasks_of_higher_levels_that_run_finish() -> None:
    seen = {"bad": [failed()], "good": [succeeded()], "slow": [succeeded()], "below-good": [active()]}
    decided = decide(DIAMOND, seen, scheduling="Graph", failurePolicy="FinishLevel")
    assert decided.stops == {}
    assert decided.states["below-good"] is RUNNING
    assert not decided.plan.completed


def test_finish_level_ends_after_the_lowest_level_with_a_failure() -> None:
    tasks = [task("a"), task("b"), task("c", "a"), task("d", "a"), task("e", "d")]
    seen = {"a": [succeeded()], "b": [failed(1), failed(2)], "c": [failed(1), failed(2)]}
    decided = decide(tasks, seen, scheduling="Graph", failurePolicy="FinishLevel")
    assert decided.starts == []
    assert decided.states["d"] is SKIPPED
    only_c = decide(tasks, {**seen, "b": [succeeded()]}, scheduling="Graph", failurePolicy="FinishLevel")
    assert only_c.starts == ["d"]
    assert only_c.reasons["e"] == Reason.STOPPED


@pytest.mark.parametrize("scheduling", ["Levels", "Graph"])
def test_continue_runs_all_that_does_not_depend_on_the_failure(scheduling: str) -> None:
    seen = {"bad": [failed()], "good": [succeeded()], "slow": [succeeded()]}
    decided = decide(DIAMOND, seen, scheduling=scheduling, failurePolicy="Continue")
    assert decided.starts == ["below-good"]
    assert decided.reasons["below-bad"] == Reason.DEPENDENCY_FAILED
    assert decided.reasons["last"] == Reason.DEPENDENCY_FAILED


@pytest.mark.parametrize("scheduling", ["Levels", "Graph"])
def test_fail_fast_starts_nothing_more_and_stops_what_runs(scheduling: str) -> None:
    seen = {"bad": [failed()], "good": [active()]}
    decided = decide(DIAMOND, seen, scheduling=scheduling, failurePolicy="FailFast")
    assert decided.starts == []
    assert decided.stops == {"good": "FailFast"}
    assert decided.states["slow"] is SKIPPED
    assert not decided.plan.completed
    ended = decide(DIAMOND, {**seen, "good": [stopped()]}, scheduling=scheduling, failurePolicy="FailFast")
    assert ended.plan.completed
    assert ended.states["good"] is SKIPPED
    assert ended.ledger.records["good"].failures == 0


@pytest.mark.parametrize("policy", ["FinishLevel", "Continue", "FailFast"])
def test_a_failure_with_attempts_left_keeps_nothing_from_running(policy: str) -> None:
    decided = decide([task("a"), task("b")], {"a": [failed()]}, failurePolicy=policy)
    assert decided.starts == ["a", "b"]
    assert decided.numbers["a"] == 2


# Attempts and backoff


def test_a_task_fails_when_its_attempts_are_used_up_and_tells_why_the_last_one_did() -> None:
    first, second = failed(1), failed(2, reason="DeadlineExceeded")
    decided = decide([task("a")], {"a": [first, second]})
    assert decided.states["a"] is FAILED
    assert decided.reasons["a"] == Reason.DEADLINE_EXCEEDED
    assert decided.plan.completed


def test_a_task_s_own_attempts_go_before_the_defaults() -> None:
    assert decide([task("a", maxAttempts=1)], {"a": [failed()]}).states["a"] is FAILED
    assert decide([task("a", maxAttempts=3)], {"a": [failed(1), failed(2)]}).numbers == {"a": 3}


@pytest.mark.parametrize("reason", [Reason.INVALID_POD_TEMPLATE, Reason.NAME_CONFLICT])
def test_what_another_attempt_cannot_mend_is_final_at_once(reason: Reason) -> None:
    decided = decide([task("a", maxAttempts=5)], {"a": [failed(reason=reason.value)]})
    assert decided.states["a"] is FAILED
    assert decided.reasons["a"] == reason


def backoff_after(failures: int, first: int) -> float:
    seen = {"a": [failed(n) for n in range(1, failures)] + [failed(failures, ended=1000.0)]}
    decided = decide([task("a")], seen, now=1000.0, defaults={"maxAttempts": 100, "backoffSeconds": first})
    assert decided.reasons == {"a": Reason.BACKOFF}
    assert decided.plan.wake_at is not None
    ready = decided.plan.wake_at
    defaults = {"maxAttempts": 100, "backoffSeconds": first}
    assert decide([task("a")], seen, now=ready - 0.001, defaults=defaults).starts == []
    assert decide([task("a")], seen, now=ready, defaults=defaults).numbers == {"a": failures + 1}
    return ready - 1000.0


def test_the_backoff_doubles_up_to_six_minutes() -> None:
    assert [backoff_after(n, 10) for n in (1, 2, 3, 4, 5, 6, 7, 8, 90)] == [10, 20, 40, 80, 160, 320, 360, 360, 360]


def test_a_backoff_over_six_minutes_stays_as_it_is_given() -> None:
    assert [backoff_after(n, 900) for n in (1, 2, 9)] == [900, 900, 900]


@given(st.floats(-2000, 2000), st.integers(0, 900), st.integers(1, 9), st.lists(st.floats(0, 500), max_size=4))
def test_no_backoff_is_longer_than_it_is_whatever_the_clock_of_who_wrote_the_end(
    ahead: float, first: int, failures: int, pauses: list[float]
) -> None:
    now = 10_000.0
    seen = {"a": [failed(n) for n in range(1, failures)] + [failed(failures, ended=now + ahead)]}
    defaults = {"maxAttempts": 100, "backoffSeconds": first}
    wait = max(first, min(first * 2 ** (failures - 1), 360)) if first else 0
    prior = decide([task("a")], seen, now=now, defaults=defaults).ledger
    for pause in (0.0, *pauses):  # by the same operator, or by one that knows no more than what is written down
        decided = decide([task("a")], seen, now=now + pause, defaults=defaults, prior=replace(prior, snapshot=None))
        assert decided.plan.wake_at is None or decided.plan.wake_at <= now + wait + 1e-6
        prior = decided.ledger
    assert decide([task("a")], seen, now=now + wait + 1e-6, defaults=defaults, prior=prior).starts == ["a"]


def test_a_deadline_is_not_longer_than_it_is_where_the_start_was_written_by_a_clock_that_was_ahead() -> None:
    prior = replace(decide([task("a")], {}).ledger, start_time=5000.0)
    decided = decide([task("a")], {"a": [active()]}, now=100.0, prior=prior, activeDeadlineSeconds=60)
    assert decided.plan.wake_at == 160.0
    assert decided.ledger.start_time == 100.0


def test_planning_again_is_due_at_the_first_backoff_or_deadline_to_end() -> None:
    tasks = [task("a"), task("b")]
    seen = {"a": [failed(ended=95.0)], "b": [failed(ended=92.0)]}
    defaults = {"backoffSeconds": 10}
    assert decide(tasks, seen, defaults=defaults).plan.wake_at == 102.0
    assert decide(tasks, seen, defaults=defaults, activeDeadlineSeconds=101).plan.wake_at == 101.0
    assert decide([task("a")], {"a": [active()]}).plan.wake_at is None


def test_an_attempt_that_was_stopped_is_no_failure_and_is_not_waited_after() -> None:
    decided = decide([task("a", maxAttempts=1)], {"a": [stopped()]}, defaults={"backoffSeconds": 60}, now=20.0)
    assert decided.numbers == {"a": 2}


def test_a_lost_attempt_is_a_failure() -> None:
    assert decide([task("a")], {"a": [lost()]}).ledger.records["a"].failures == 1
    assert decide([task("a", maxAttempts=1)], {"a": [lost()]}).reasons == {"a": Reason.LOST}


def test_an_attempt_is_counted_once_however_often_it_is_seen() -> None:
    first = decide([task("a")], {"a": [failed()]})
    again = decide([task("a")], {"a": [failed()]}, prior=first.ledger)
    assert again.ledger.records == first.ledger.records
    assert again.numbers == {"a": 2}


def test_the_order_in_which_attempts_are_told_does_not_matter() -> None:
    attempts = [failed(1), failed(2), active(3)]
    for told in (attempts, attempts[::-1]):
        record = decide([task("a", maxAttempts=5)], {"a": told}).ledger.records["a"]
        assert (record.state, record.attempts, record.failures) == (RUNNING, 3, 2)


# What is written down


def test_success_is_for_good_whatever_is_seen_later() -> None:
    record = Record(SUCCEEDED, attempts=1)
    for seen in ([], [failed()], [lost()], [failed(2)]):
        decided = decide([task("a")], {"a": seen}, prior={"a": record})
        assert decided.states["a"] is SUCCEEDED
        assert decided.ledger.records["a"] == record
        assert decided.starts == []


def test_an_attempt_is_written_down_only_once_it_is_known_to_be_there() -> None:
    decided = decide([task("a")], {"a": [launching()]})
    assert decided.states["a"] is PENDING
    assert decided.reasons["a"] == Reason.STARTING
    assert decided.ledger.records.get("a", Record()) == Record()
    assert decide([task("a")], prior=decided.ledger).numbers == {"a": 1}, "it was refused: the number is free"


def test_what_an_attempt_was_is_in_its_record() -> None:
    record = decide([task("a")], {"a": [active(started=15.0)]}).ledger.records["a"]
    assert record == Record(RUNNING, 1, 0, None, None, 15.0, None, "job-1")
    record = decide([task("a")], {"a": [failed(1), succeeded(2)]}).ledger.records["a"]
    assert record == Record(SUCCEEDED, 2, 1, None, None, 10.0, 20.0, "job-2")
    record = decide([task("a")], {"a": [failed()]}).ledger.records["a"]
    assert record == Record(PENDING, 1, 1, "ExitCode", 3, 10.0, 20.0, "job-1")


def test_a_gap_in_the_attempts_seen_counts_as_lost_attempts() -> None:
    seen = {"a": [active(4)]}
    assert decide([task("a")], seen).ledger.records["a"].failures == 3
    running = {"a": Record(RUNNING, attempts=2)}
    assert decide([task("a")], seen, prior=running).ledger.records["a"].failures == 2
    ended = {"a": Record(PENDING, attempts=2, failures=1)}
    assert decide([task("a")], seen, prior=ended).ledger.records["a"].failures == 2
    done = decide([task("a")], {"a": [succeeded(4)]}, prior=running).ledger.records["a"]
    assert (done.state, done.failures) == (SUCCEEDED, 2)


def test_a_task_that_failed_by_a_gap_alone_says_that_it_lost_attempts() -> None:
    prior = {"a": Record(RUNNING, attempts=1)}
    decided = decide([task("a")], {"a": [stopped(3)]}, prior=prior)
    assert decided.states["a"] is FAILED
    assert decided.reasons["a"] == Reason.LOST


def test_the_next_number_comes_after_all_that_were_recorded_or_seen() -> None:
    assert decide([task("a", maxAttempts=9)], {"a": [failed(3)]}, prior={"a": Record(attempts=5)}).numbers == {"a": 6}
    assert decide([task("a", maxAttempts=9)], {"a": [failed(5)]}, prior={"a": Record(attempts=3)}).numbers == {"a": 6}


# Conflicts


def conflict(number: int = 1) -> Attempt:
    return failed(number, reason="Conflict", ended=99.0)


def test_a_task_whose_work_met_a_conflict_runs_again_at_once_and_uses_up_no_attempt() -> None:
    defaults = {"maxAttempts": 1, "backoffSeconds": 50}
    decided = decide([task("a")], {"a": [conflict()]}, defaults=defaults)
    assert decided.numbers == {"a": 2}
    record = decided.ledger.records["a"]
    assert (record.failures, record.conflicts, record.reason) == (0, 1, "Conflict")
    after = decide([task("a")], {"a": [failed(2, ended=99.0)]}, prior=decided.ledger, defaults=defaults)
    assert after.states["a"] is FAILED
    assert after.reasons["a"] == Reason.EXIT_CODE


@pytest.mark.parametrize(
    ("conflicts", "seen", "state"),
    [
        ({}, 2, PENDING),
        ({}, 3, FAILED),
        ({"maxReruns": 0}, 1, FAILED),
        ({"onMergeConflict": "Fail"}, 1, FAILED),
    ],
)
def test_conflicts_are_final_when_the_reruns_are_used_up(
    conflicts: dict[str, Any], seen: int, state: TaskState
) -> None:
    tasks = [task("a"), task("b", "a")]
    attempts = [conflict(i + 1) for i in range(seen)]
    decided = decide(tasks, {"a": attempts}, conflicts=conflicts, defaults={"maxAttempts": 9})
    assert decided.states["a"] is state
    assert decided.reasons["a"] == (Reason.CONFLICT if state is FAILED else Reason.STARTING)
    assert decided.plan.completed is (state is FAILED)


@pytest.mark.parametrize("reason", ["BranchRewritten", "Policy", "AuthOrProtected"])
def test_what_another_attempt_cannot_mend_is_final(reason: str) -> None:
    decided = decide([task("a", maxAttempts=9)], {"a": [failed(reason=reason)]})
    assert (decided.states["a"], decided.reasons["a"]) == (FAILED, reason)


@pytest.mark.parametrize("reason", ["Transient", "Exhausted"])
def test_trouble_with_the_remote_is_tried_again_as_a_failure_is(reason: str) -> None:
    assert decide([task("a")], {"a": [failed(reason=reason)]}).numbers == {"a": 2}


def test_the_commit_of_a_success_is_in_its_record() -> None:
    landed = succeeded(2)._replace(commit="9b1e77c")
    record = decide([task("a")], {"a": [conflict(), landed]}).ledger.records["a"]
    assert (record.commit, record.conflicts) == ("9b1e77c", 1)
    assert decide([task("a")], {"a": [succeeded()._replace(commit="x")]}).ledger.records["a"].commit == "x"


# Attempts that are not where they should be


def test_nothing_starts_beside_an_attempt_that_counts_as_ended_and_is_at_work() -> None:
    prior = {"a": Record(PENDING, attempts=1, failures=1, reason="Lost")}
    decided = decide([task("a"), task("b")], {"a": [active(1)]}, prior=prior, parallelism=1)
    assert decided.starts == []
    assert decided.states["a"] is RUNNING
    assert decided.plan.running == 1
    used_up = {"a": Record(PENDING, attempts=2, failures=2, reason="Lost")}
    still_there = decide([task("a"), task("b", "a")], {"a": [active(2)]}, prior=used_up)
    assert still_there.states == {"a": RUNNING, "b": PENDING}
    assert not still_there.plan.completed


def test_an_attempt_that_was_given_up_as_lost_and_succeeded_all_the_same_counts() -> None:
    prior = {"a": Record(PENDING, attempts=1, failures=1, reason="Lost")}
    decided = decide([task("a")], {"a": [succeeded(1)]}, prior=prior)
    assert decided.states["a"] is SUCCEEDED
    assert decided.plan.completed


def test_a_second_attempt_of_a_task_that_succeeded_by_the_first_holds_its_slot_and_is_stopped() -> None:
    seen = {"a": [succeeded(1), active(2)]}
    decided = decide([task("a"), task("b")], seen, parallelism=1)
    assert decided.states["a"] is SUCCEEDED
    assert decided.stops == {"a": "Succeeded"}
    assert decided.reasons["b"] == Reason.WAITING_FOR_SLOT
    assert not decide([task("a")], seen).plan.completed
    asked = decide([task("a")], {"a": [succeeded(1), launching(2)]})
    assert asked.states["a"] is SUCCEEDED
    assert asked.stops == {}, "what is not there yet cannot be stopped"
    assert not asked.plan.completed
    gone = decide([], seen)
    assert gone.plan.removed == {"a": SUCCEEDED}
    assert gone.plan.running == 1
    assert decide([task("a"), task("b")], {"a": [succeeded(1), stopped(2)]}, parallelism=1).starts == ["b"]


# Deadlines, stop, suspend


def test_past_its_deadline_a_project_is_stopped() -> None:
    tasks = [task("a"), task("b"), task("c", "a")]
    decided = decide(tasks, {"a": [active()], "b": [succeeded()]}, now=50.0, activeDeadlineSeconds=50)
    assert decided.plan.stopped is Reason.DEADLINE_EXCEEDED
    assert decided.stops == {"a": "DeadlineExceeded"}
    assert decided.states["c"] is SKIPPED
    assert decided.reasons["c"] == Reason.STOPPED
    assert decided.plan.wake_at is None
    before = decide(tasks, {"a": [active()], "b": [succeeded()]}, now=49.9, activeDeadlineSeconds=50)
    assert before.plan.stopped is None
    assert before.plan.wake_at == 50.0


def test_the_deadline_counts_from_the_first_start_where_that_was_not_written_down() -> None:
    decided = decide([task("a")], {"a": [active(started=10.0)]}, prior=Ledger(), now=60.0, activeDeadlineSeconds=50)
    assert decided.ledger.start_time == 10.0
    assert decided.plan.stopped is Reason.DEADLINE_EXCEEDED
    assert decide([task("a")], prior=Ledger(), now=60.0).ledger.start_time == 60.0


def test_a_project_that_ended_in_time_is_not_late_afterwards() -> None:
    decided = decide([task("a")], {"a": [succeeded()]}, now=10_000.0, activeDeadlineSeconds=50)
    assert decided.plan.stopped is None
    assert decided.plan.completed
    dead = [task("a", maxAttempts=1), task("b", "a")]
    decided = decide(dead, {"a": [failed()]}, now=10_000.0, activeDeadlineSeconds=50)
    assert decided.plan.stopped is None
    assert decided.reasons["b"] == Reason.DEPENDENCY_FAILED


def test_the_completion_time_is_that_of_the_first_plan_that_found_it_complete() -> None:
    first = decide([task("a")], {"a": [succeeded()]}, now=70.0)
    assert first.ledger.completion_time == 70.0
    again = decide([task("a")], {"a": [succeeded()]}, prior=first.ledger, now=90.0)
    assert again.ledger.completion_time == 70.0
    more = decide([task("a"), task("b")], {"a": [succeeded()]}, prior=first.ledger, now=90.0)
    assert more.ledger.completion_time is None


def test_while_suspended_nothing_starts_and_what_runs_goes_on() -> None:
    tasks = [task("a"), task("b"), task("c", "b")]
    decided = decide(tasks, {"a": [active()]}, suspend=True)
    assert decided.starts == []
    assert decided.stops == {}
    assert decided.reasons == {"b": Reason.SUSPENDED, "c": Reason.WAITING_FOR_DEPENDENCIES}
    assert not decide(tasks, {"a": [succeeded()]}, suspend=True).plan.completed
    assert decide(tasks, {"a": [succeeded()]}).starts == ["b"]


def test_stop_stops_what_runs_and_ends_the_project() -> None:
    tasks = [task("a"), task("b"), task("c"), task("d", "a")]
    seen = {"a": [active()], "b": [succeeded()], "c": [launching()]}
    decided = decide(tasks, seen, stop=True)
    assert decided.stops == {"a": "Stopped"}, "what is not there yet is stopped once it is"
    assert decided.starts == []
    assert decided.plan.stopped is Reason.STOPPED
    assert not decided.plan.completed
    ended = decide(tasks, {**seen, "a": [stopped()], "c": [stopped()]}, stop=True)
    assert ended.plan.completed
    assert ended.states == {"a": SKIPPED, "b": SUCCEEDED, "c": SKIPPED, "d": SKIPPED}
    assert set(ended.reasons.values()) == {Reason.STOPPED}


def test_an_attempt_that_is_being_stopped_is_not_stopped_again() -> None:
    assert decide([task("a")], {"a": [active(stopping=True)]}, stop=True).stops == {}


def test_a_stopped_project_goes_on_when_stop_is_taken_back() -> None:
    assert decide([task("a")], {"a": [stopped()]}).numbers == {"a": 2}


def test_stop_after_the_end_changes_nothing() -> None:
    decided = decide([task("a")], {"a": [succeeded()]}, stop=True)
    assert decided.plan.stopped is None
    assert decided.plan.completed


def test_a_stopped_project_that_succeeds_while_it_is_stopped_has_succeeded() -> None:
    decided = decide([task("a")], {"a": [succeeded()]}, stop=True)
    assert decided.states["a"] is SUCCEEDED


# Edits


def test_a_pending_task_follows_the_edit() -> None:
    seen = {"a": [succeeded()]}
    assert decide([task("a"), task("b", "a")], seen).starts == ["b"]
    decided = decide([task("a"), task("new"), task("b", "a", "new")], seen, scheduling="Graph")
    assert decided.starts == ["new"]
    assert decided.reasons["b"] == Reason.WAITING_FOR_DEPENDENCIES


def test_a_running_task_that_was_removed_is_stopped_and_holds_its_slot_until_then() -> None:
    decided = decide([task("b")], {"gone": [active()]}, parallelism=1)
    assert decided.stops == {"gone": "Removed"}
    assert decided.starts == []
    assert decided.plan.removed == {"gone": RUNNING}
    assert not decided.plan.completed
    ended = decide([task("b")], {"gone": [stopped()]}, prior=decided.ledger, parallelism=1)
    assert ended.starts == ["b"]
    assert ended.plan.removed == {}
    assert "gone" not in ended.ledger.records


def test_a_removed_task_that_is_only_asked_for_or_not_seen_is_waited_for() -> None:
    asked = decide([], {"gone": [launching()]})
    assert (asked.stops, asked.plan.removed, asked.plan.completed) == ({}, {"gone": RUNNING}, False)
    not_seen = decide([], prior={"gone": Record(RUNNING, attempts=1)})
    assert (not_seen.plan.running, not_seen.plan.completed) == (1, False)
    assert not_seen.plan.unseen == [("gone", 1, None, "")]


def test_an_attempt_holds_the_files_and_the_role_that_its_task_had_when_it_was_started() -> None:
    roles = [{"name": "x", "maxConcurrent": 1}, {"name": "y"}]
    tasks = [
        task("a", role="y", files=["new.py"]),
        task("file", role="y", files=["src/old.py"]),
        task("role", role="x"),
        task("other", role="y", files=["src/other.py"]),
        task("new", role="y", files=["new.py"]),
    ]
    running = active()._replace(claim=Claim("x", ("src/old.py",)))
    for seen, starts in ({"gone": [running]}, ["a", "other"]), ({"a": [running]}, ["other"]):
        decided = decide(tasks, seen, parallelism=9, roles=roles)
        assert decided.starts == starts
        assert (decided.reasons["file"], decided.reasons["role"]) == ("WaitingForFiles", "WaitingForRole")
        (task_id,) = seen
        ended = decide(tasks, {task_id: [stopped()]}, prior=decided.ledger, parallelism=9, roles=roles)
        assert {"file", "role"} <= set(ended.starts)


def test_a_project_has_not_ended_while_the_end_of_a_removed_task_is_not_known() -> None:
    pod_has_ended = active(stopping=True)._replace(running=False)
    decided = decide([task("a")], {"a": [succeeded()], "gone": [pod_has_ended]})
    assert (decided.plan.removed, decided.plan.completed) == ({"gone": RUNNING}, False)
    ended = decide([task("a")], {"a": [succeeded()], "gone": [stopped()]}, prior=decided.ledger)
    assert (ended.plan.removed, ended.plan.completed) == ({}, True)


def test_a_finished_task_that_was_removed_stays() -> None:
    prior = {"done": Record(SUCCEEDED, attempts=1), "bad": Record(PENDING, attempts=2, failures=2)}
    decided = decide([task("b")], {"b": [succeeded()]}, prior=prior)
    assert decided.plan.removed == {"done": SUCCEEDED, "bad": FAILED}
    assert set(decided.ledger.records) == {"done", "bad", "b"}
    assert decided.plan.completed


def test_a_removed_task_that_comes_back_is_what_it_was() -> None:
    prior = decide([], {"a": [succeeded()], "b": [failed()], "c": [stopped()]}).ledger
    seen = {"c": [stopped()]}
    decided = decide([task("a"), task("b"), task("c")], seen, prior=prior)
    assert decided.states["a"] is SUCCEEDED
    assert decided.numbers == {"b": 2, "c": 2}
    assert decided.ledger.records["b"].failures == 1


def test_a_finished_task_that_is_changed_stays_finished() -> None:
    seen = {"a": [succeeded()]}
    decided = decide([task("new"), task("a", "new", title="changed")], seen)
    assert decided.states["a"] is SUCCEEDED
    assert decided.starts == ["new"]


def test_a_task_added_to_a_project_that_had_ended_starts_it_again() -> None:
    ended = decide([task("a")], {"a": [succeeded()]})
    assert ended.plan.completed
    assert decide([task("a"), task("b", "a")], prior=ended.ledger).starts == ["b"]


def test_more_attempts_bring_a_failed_task_and_what_waits_for_it_back() -> None:
    seen = {"a": [failed()]}
    ended = decide([task("a", maxAttempts=1), task("b", "a")], seen)
    assert ended.plan.completed
    assert ended.states["b"] is SKIPPED
    back = decide([task("a", maxAttempts=2), task("b", "a")], seen, prior=ended.ledger)
    assert back.numbers == {"a": 2}
    assert back.reasons["b"] == Reason.WAITING_FOR_DEPENDENCIES


# Retries


def test_forgiven_failures_do_not_count() -> None:
    seen = {"a": [failed(1), failed(2)]}
    tasks = [task("a"), task("b", "a")]
    assert decide(tasks, seen).states["a"] is FAILED
    again = decide(tasks, seen, retries=[{"id": "a", "forgive": 2}], defaults={"backoffSeconds": 500})
    assert again.numbers == {"a": 3}, "at once: what is forgiven is not waited after"
    assert again.reasons["b"] == Reason.WAITING_FOR_DEPENDENCIES


def test_a_retry_gives_all_attempts_anew_and_no_more() -> None:
    retries = [{"id": "a", "forgive": 2}]
    failures = [failed(n, ended=90.0) for n in (1, 2, 3)]
    waiting = decide([task("a")], {"a": failures}, retries=retries, defaults={"backoffSeconds": 15})
    assert waiting.reasons == {"a": Reason.BACKOFF}
    assert waiting.plan.wake_at == 105.0, "the first failure that counts"
    decided = decide([task("a")], {"a": [*failures, failed(4)]}, retries=retries)
    assert decided.states["a"] is FAILED
    assert decided.plan.completed


def test_a_failure_that_no_attempt_can_mend_can_be_forgiven() -> None:
    seen = {"a": [failed(reason="InvalidPodTemplate")]}
    assert decide([task("a")], seen, retries=[{"id": "a", "forgive": 1}]).numbers == {"a": 2}


def test_a_retry_of_a_task_that_is_not_there_is_left_aside() -> None:
    assert decide([task("a")], retries=[{"id": "other", "forgive": 1}]).starts == ["a"]


# Why a task waits: the first of the reasons that holds is told


def test_of_several_reasons_to_wait_the_one_is_told_that_has_to_go_first() -> None:
    """Each step takes away one obstacle of task x, and the next one shows."""
    roles = [{"name": "r", "maxConcurrent": 1}, {"name": "other"}]
    x = task("x", "a", role="r", files=["f"])
    tasks = [task("a", role="other"), task("b", role="other"), task("c", role="r", files=["f"]), x]
    tasks.append(task("d", role="r"))
    fails = {"x": [failed(ended=95.0)]}
    busy: Seen = {"b": [active()], "c": [active()], "d": [active()]}
    common: dict[str, Any] = {"roles": roles, "defaults": {"backoffSeconds": 10, "role": "other"}, "parallelism": 1}

    def why(seen: Seen, **spec: Any) -> str:
        return str(decide(tasks, seen, **(common | spec)).reasons["x"])

    done = {"a": [succeeded()]}
    assert why({**busy, **fails, "a": [active()]}, suspend=True) == "WaitingForDependencies"
    assert why({**busy, **fails, **done}, suspend=True) == "WaitingForLevel"
    common["scheduling"] = "Graph"
    assert why({**busy, **fails, **done}, suspend=True) == "Suspended"
    assert why({**busy, **fails, **done}) == "Backoff"
    assert why({**busy, **done}) == "WaitingForFiles"
    assert why({**busy, **done, "c": [succeeded()]}) == "WaitingForRole"
    assert why({**done, "b": [active()], "c": [succeeded()], "d": [succeeded()]}) == "WaitingForSlot"
    assert why({**done, "b": [succeeded()], "c": [succeeded()], "d": [succeeded()]}) == "Starting"


# Edges


def test_a_project_without_tasks_is_complete_at_once() -> None:
    decided = decide([])
    assert decided.plan.completed
    assert decided.plan.level == 0


def test_the_level_is_the_lowest_with_unfinished_tasks_and_the_number_of_levels_at_the_end() -> None:
    tasks = [task("a"), task("b", "a")]
    assert decide(tasks).plan.level == 0
    assert decide(tasks, {"a": [succeeded()]}).plan.level == 1
    assert decide(tasks, {"a": [succeeded()], "b": [succeeded()]}).plan.level == 2


def test_attempts_of_tasks_that_were_never_in_the_spec_are_stopped() -> None:
    assert decide([task("a")], {"stranger": [active(7)]}).stops == {"stranger": "Removed"}


def suspended(*, queued: bool = False, stopping: bool = False) -> Attempt:
    return active()._replace(reason=Reason.JOB_SUSPENDED, is_queued=queued, stopping=stopping)


def test_a_suspended_attempt_holds_slot_and_files() -> None:
    tasks = [task("a", files=["x"]), task("b", files=["x"]), task("c"), task("d")]
    found = decide(tasks, {"a": [suspended()]}, parallelism=2)
    assert found.starts == ["c"]
    assert found.reasons == {"b": "WaitingForFiles", "c": "Starting", "d": "WaitingForSlot"}
    assert found.states["a"] is RUNNING


def test_the_deadline_of_a_suspended_attempt_counts_from_its_start_and_is_waited_for() -> None:
    tasks = [task("a", activeDeadlineSeconds=60)]
    before = decide(tasks, {"a": [suspended()]}, now=69.0)
    assert (before.stops, before.plan.wake_at) == ({}, 70.0)
    assert decide(tasks, {"a": [suspended()]}, now=70.0).stops == {"a": STOP_OVERDUE}
    assert decide(tasks, {"a": [suspended(stopping=True)]}, now=70.0).stops == {}


def test_one_that_runs_or_that_a_queue_holds_or_that_has_no_deadline_is_not_stopped_by_our_clock() -> None:
    tasks = [task("a", activeDeadlineSeconds=60)]
    for attempt in (active(), suspended(queued=True)):
        found = decide(tasks, {"a": [attempt]}, now=1000.0)
        assert (found.stops, found.plan.wake_at) == ({}, None)
    assert decide([task("a")], {"a": [suspended()]}, now=1e9).stops == {}


def test_the_deadline_of_a_suspended_attempt_is_forgotten_when_it_is_resumed() -> None:
    tasks = [task("a", activeDeadlineSeconds=60)]
    prior = decide(tasks, {"a": [suspended()]}, now=50.0).ledger
    assert decide(tasks, {"a": [active()]}, prior, now=1000.0).stops == {}
