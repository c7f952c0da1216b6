"""Which finished Jobs go: the oldest that succeeded first, and never one that a next attempt needs."""

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.followups.job_history import FinishedAttempt, beyond_limit, in_order, midway_tasks
from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Record
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.steps.step import StepEnd, StepVerdict
from parallelproject.model.project import parse_spec
from parallelproject.model.status import TaskState
from parallelproject.model.work import WorkKey

JOBS = [
    FinishedAttempt(WorkKey.of_task("a", 1), True, 10.0),
    FinishedAttempt(WorkKey.of_task("b", 1), False, 5.0),
    FinishedAttempt(WorkKey.of_task("b", 2), True, 20.0),
    FinishedAttempt(WorkKey.of_task("c", 1), False, 1.0),
]


def test_those_that_succeeded_go_before_those_that_failed_and_the_oldest_first() -> None:
    assert [(j.key.task, j.key.attempt) for j in in_order(JOBS, ())] == [("a", 1), ("b", 2), ("c", 1), ("b", 1)]


def test_the_last_job_of_a_task_that_runs_again_stays() -> None:
    failed_twice = [
        FinishedAttempt(WorkKey.of_task("b", 1), False, 5.0),
        FinishedAttempt(WorkKey.of_task("b", 2), False, 6.0),
    ]
    assert in_order(failed_twice, {"b"}) == failed_twice[:1]
    assert beyond_limit(failed_twice, 0, {"b"}) == failed_twice[:1]


def test_all_jobs_of_a_task_midway_through_its_steps_stay() -> None:
    stepped = [FinishedAttempt(WorkKey.of_task("b", number, step), True, 5.0) for number, step in ((1, ""), (2, "g"))]
    assert beyond_limit([*JOBS[:1], *stepped], 0, (), {"b"}) == JOBS[:1]
    spec = parse_spec({"tasks": [{"id": i} for i in "abc"], "steps": [{"name": "g", "command": ["x"], "gate": True}]})
    held = (StepEnd("", 1, StepVerdict.HELD),)
    records = {"b": Record(attempts=1, steps=held), "c": Record(TaskState.SUCCEEDED, 2, steps=held)}
    decided = plan(compile_graph(spec), spec, Ledger(records), {}, 9.0)
    assert midway_tasks(decided) == {"b"}


def test_without_a_limit_all_stay() -> None:
    assert beyond_limit(JOBS, None, ()) == []


@given(
    jobs=st.lists(
        st.builds(
            FinishedAttempt,
            st.builds(WorkKey.of_task, st.sampled_from("abc"), st.integers(1, 5)),
            st.booleans(),
            st.floats(0, 9, allow_nan=False),
        ),
        unique_by=lambda job: job.key,
    ),
    limit=st.integers(0, 9),
    needed=st.sets(st.sampled_from("abc")),
)
def test_as_many_go_as_are_over_the_limit(jobs: list[FinishedAttempt], limit: int, needed: set[str]) -> None:
    removed = beyond_limit(jobs, limit, needed)
    assert len(set(removed)) == len(removed) <= max(0, len(jobs) - limit)
    assert set(removed) <= set(jobs)
    kept = {(j.key.task, j.key.attempt) for j in jobs} - {(j.key.task, j.key.attempt) for j in removed}
    for task in needed & {j.key.task for j in jobs}:
        assert (task, max(j.key.attempt for j in jobs if j.key.task == task)) in kept
    if not needed:
        assert len(jobs) - len(removed) == min(limit, len(jobs))
