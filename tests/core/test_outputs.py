"""Outputs of tasks: what a status holds of them, and what is read back from it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.planner.attempt import NEW, Attempt, Phase, settle
from parallelproject.core.planner.outputs import PROJECT_BYTES, TASK_BYTES, kept, outputs_of
from parallelproject.core.report.status import read_row, render_row
from parallelproject.model.spec import MAX_TASKS
from parallelproject.model.status import TaskState

OUTPUTS = st.dictionaries(st.text(max_size=20), st.text(max_size=600), max_size=8)


@given(OUTPUTS, st.integers(1, MAX_TASKS))
def test_outputs_survive_the_status_or_are_omitted_whole(found: dict[str, str], tasks: int) -> None:
    (attempt,) = [Attempt(1, Phase.SUCCEEDED, outputs=outputs_of(found))]
    record = settle(NEW, [attempt])
    row = json.loads(json.dumps(render_row("a", TaskState.SUCCEEDED, 0, None, record, tasks)))
    held = kept(record.outputs, tasks)
    assert read_row(row).outputs == held
    assert all(found[name] == value for name, value in held)
    assert kept(held, tasks) == held  # what is read back is what a dependent got before
    assert sum(len(f"{name}{value}".encode()) for name, value in held) <= min(TASK_BYTES, PROJECT_BYTES // tasks)


def test_outputs_of_a_task_that_ran_twice_are_those_of_its_success() -> None:
    good = Attempt(2, Phase.SUCCEEDED, outputs=(("a", "1"),))
    assert settle(NEW, [Attempt(1, Phase.FAILED, reason="ExitCode"), good]).outputs == (("a", "1"),)


def test_one_that_does_not_fit_makes_room_for_the_next() -> None:
    assert outputs_of({"b": "1", "a": "x" * 2_000}) == (("b", "1"),)
    assert outputs_of({"b": "x" * (TASK_BYTES - 3), "a": "1"}) == (("a", "1"), ("b", "x" * (TASK_BYTES - 3)))
    assert outputs_of({"b": "x" * (TASK_BYTES - 2), "a": "1"}) == (("a", "1"),)
    assert kept(outputs_of({"a": "x" * 500, "b": "1"}), MAX_TASKS) == (("b", "1"),)


def test_a_task_that_failed_has_none() -> None:
    failed = Attempt(1, Phase.FAILED, reason="ExitCode", outputs=(("a", "1"),))
    assert settle(NEW, [failed]).outputs == ()


def test_a_status_that_someone_else_has_written_is_read() -> None:
    row = {"id": "a", "state": "Succeeded", "attempts": 1}
    assert read_row(row | {"outputs": {"a": 1, "b": "2"}}).outputs == (("b", "2"),)
    assert read_row(row | {"outputs": ["a"]}).outputs == ()
