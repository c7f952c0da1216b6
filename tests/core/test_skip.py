"""Tasks that somebody has skipped: they do not run, and nobody waits for them."""

from parallelproject.core.report.status import result_of
from parallelproject.model.status import Reason, TaskState
from tests.core.test_plan import active, compiled, decide, failed, succeeded, task

WORK = [task("a"), task("b", "a"), task("c", "b")]
SKIPPED = TaskState.SKIPPED


def test_what_depends_on_a_skipped_task_starts_when_its_turn_comes() -> None:
    found = decide(WORK, {"a": [succeeded()]}, skip=["b"])
    assert found.starts == ["c"]
    assert found.states["b"] is SKIPPED
    assert found.reasons["b"] == Reason.SKIP_REQUESTED


def test_a_skipped_root_is_waited_for_by_nobody_and_its_level_is_done() -> None:
    found = decide(WORK, skip=["a"])
    assert found.starts == ["b"]
    assert found.plan.level == 1


def test_a_skipped_task_that_had_failed_keeps_nobody_from_running() -> None:
    seen = {"a": [failed()]}
    assert decide(WORK, seen, defaults={"maxAttempts": 1}).states["b"] is SKIPPED
    found = decide(WORK, seen, defaults={"maxAttempts": 1}, skip=["a"])
    assert found.starts == ["b"]


def test_a_running_attempt_is_stopped_and_waited_for() -> None:
    found = decide(WORK, {"a": [active()]}, skip=["a"])
    assert found.starts == []
    assert found.stops == {"a": Reason.SKIP_REQUESTED}


def test_one_that_had_succeeded_stays_so() -> None:
    found = decide(WORK, {"a": [succeeded()]}, skip=["a"])
    assert found.states["a"] is TaskState.SUCCEEDED


def test_all_done_but_what_is_skipped_is_a_success() -> None:
    found = decide(WORK, {"a": [succeeded()], "c": [succeeded()]}, skip=["b"])
    assert found.plan.completed
    graph, _ = compiled(tasks=WORK, skip=["b"])
    said = "2 of 3 tasks succeeded, 1 skipped by request"
    assert result_of(graph, found.plan) == ("AllSucceeded", said, True)


def test_an_id_without_a_task_counts_for_nothing() -> None:
    assert decide(WORK, skip=["gone"]).starts == ["a"]
