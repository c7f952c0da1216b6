"""Tasks that run again from the start: no attempt of before counts, and none is mistaken for a new one."""

from parallelproject.core.planner.attempt import NEW, Record, settle_after
from parallelproject.core.planner.plan import Ledger
from parallelproject.model.status import TaskState
from tests.core.test_plan import active, decide, failed, succeeded, task

WORK = [task("a"), task("b", "a")]
AGAIN = [{"id": "a", "rerunAfter": 1}, {"id": "b", "rerunAfter": 2}]
SEEN = {"a": [succeeded()], "b": [failed(1), succeeded(2)]}


def test_a_finished_project_begins_anew_with_new_numbers() -> None:
    done = decide(WORK, SEEN)
    assert done.plan.completed
    again = decide(WORK, SEEN, prior=done.ledger, now=500.0, retries=AGAIN)
    assert not again.plan.completed
    assert again.numbers == {"a": 2}
    assert again.ledger.start_time == 500.0
    assert again.ledger.completion_time is None
    assert again.ledger.records["b"] == Record(attempts=2)


def test_its_new_results_count_and_the_old_do_not() -> None:
    begun = decide(WORK, SEEN, prior=decide(WORK, SEEN).ledger, now=500.0, retries=AGAIN)
    seen = {"a": [succeeded(1), succeeded(2)], "b": SEEN["b"]}
    next_ = decide(WORK, seen, prior=begun.ledger, now=600.0, retries=AGAIN)
    assert next_.states["a"] is TaskState.SUCCEEDED
    assert next_.numbers == {"b": 3}
    assert next_.ledger.start_time == 500.0
    last = decide(WORK, {**seen, "b": [*SEEN["b"], succeeded(3)]}, prior=next_.ledger, now=700.0, retries=AGAIN)
    assert last.plan.completed
    assert last.ledger.completion_time == 700.0


def test_who_comes_next_with_the_status_of_before_or_with_none_finds_the_same() -> None:
    done = decide(WORK, SEEN).ledger
    written = Ledger(done.records, done.start_time, done.completion_time)
    fresh = decide(WORK, SEEN, prior=Ledger(), now=500.0, retries=AGAIN)
    assert decide(WORK, SEEN, prior=written, now=500.0, retries=AGAIN).numbers == fresh.numbers == {"a": 2}


def test_an_attempt_of_before_that_still_runs_is_waited_for() -> None:
    found = decide([task("a")], {"a": [active()]}, retries=[{"id": "a", "rerunAfter": 1}])
    assert found.starts == []
    assert found.states["a"] is TaskState.RUNNING
    ended = decide([task("a")], {"a": [succeeded()]}, prior=found.ledger, retries=[{"id": "a", "rerunAfter": 1}])
    assert ended.numbers == {"a": 2}


def test_a_number_that_was_never_reached_cannot_make_it_run_for_ever() -> None:
    assert settle_after(NEW, [succeeded(1)], 7) == Record(attempts=7)
    assert settle_after(Record(attempts=7), [succeeded(8)], 7).state is TaskState.SUCCEEDED


def test_its_failures_count_from_the_start() -> None:
    found = settle_after(Record(attempts=2, failures=2), [failed(1), failed(2), failed(3)], 2)
    assert (found.attempts, found.failures) == (3, 1)


def test_an_old_success_is_not_taken_for_that_of_an_attempt_that_runs_or_failed() -> None:
    assert settle_after(Record(attempts=1), [succeeded(1), active(2)], 1).state is TaskState.RUNNING
    found = settle_after(Record(attempts=1), [succeeded(1), failed(2)], 1)
    assert (found.state, found.attempts, found.failures) == (TaskState.PENDING, 2, 1)


def test_some_tasks_run_again_after_the_deadline_of_the_first_time_and_have_one_of_their_own() -> None:
    done = decide(WORK, SEEN, activeDeadlineSeconds=60).ledger
    retries = [{"id": "b", "rerunAfter": 2}]
    again = decide(WORK, SEEN, prior=done, now=5000.0, activeDeadlineSeconds=60, retries=retries)
    assert again.numbers == {"b": 3}
    late = {**SEEN, "b": [*SEEN["b"], active(3)]}
    over = decide(WORK, late, prior=again.ledger, now=5061.0, activeDeadlineSeconds=60, retries=retries)
    assert [stop.id for stop in over.plan.stops] == ["b"]


def test_a_deadline_that_passes_before_anything_runs_again_is_final() -> None:
    retries = [{"id": "b", "rerunAfter": 2}]
    waits = {"prior": decide(WORK, SEEN).ledger, "activeDeadlineSeconds": 60, "retries": retries, "suspend": True}
    begun = decide(WORK, SEEN, now=5000.0, **waits)
    over = decide(WORK, SEEN, now=5061.0, **waits | {"prior": begun.ledger})
    assert over.plan.completed
    written = Ledger(over.ledger.records, over.ledger.start_time, over.ledger.completion_time)
    assert decide(WORK, SEEN, now=5062.0, **waits | {"prior": written, "suspend": False}).starts == []
