"""Outputs of tasks: what a status holds of them, and what is read back from it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import NEW, Attempt, Phase, settle
from parallelproject.core.planner.outputs import PROJECT_BYTES, TASK_BYTES, kept, outputs_of, share
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.status import read_row, rejected_status, render_row, render_status
from parallelproject.model.output_values import OUTPUT_MAX
from parallelproject.model.problem import Problem
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import MAX_TASKS
from parallelproject.model.status import TaskState, TaskStatus

OUTPUTS = st.dictionaries(st.text(max_size=20), st.text(max_size=600), max_size=8)


@given(OUTPUTS, st.integers(1, MAX_TASKS))
def test_outputs_survive_the_status_or_are_omitted_whole(found: dict[str, str], tasks: int) -> None:
    (attempt,) = [Attempt(1, Phase.SUCCEEDED, outputs=outputs_of(found))]
    record = settle(NEW, [attempt])
    room = share(tasks, 0, False)
    held = kept(record.outputs, room)
    row = json.loads(json.dumps(render_row("a", TaskState.SUCCEEDED, 0, None, record, held)))
    assert read_row(row).outputs == held
    assert all(found[name] == value for name, value in held)
    assert kept(held, room) == held  # what is read back is what a dependent got before
    stored = json.dumps(dict(held), ensure_ascii=False, separators=(",", ":"))
    stored = stored.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")  # as Go writes it
    assert len(stored.encode()) <= min(TASK_BYTES, PROJECT_BYTES // tasks) + 2 * len(held) + 2


def test_outputs_of_a_task_that_ran_twice_are_those_of_its_success() -> None:
    good = Attempt(2, Phase.SUCCEEDED, outputs=(("a", "1"),))
    assert settle(NEW, [Attempt(1, Phase.FAILED, reason="ExitCode"), good]).outputs == (("a", "1"),)


def test_one_that_does_not_fit_makes_room_for_the_next() -> None:
    assert outputs_of({"b": "1", "a": "x" * (OUTPUT_MAX + 1)}) == (("b", "1"),)
    # Each name and each value is stored with its quotes: 11 bytes beyond the x.
    most = 1000
    fits, is_too_long = "x" * (most - 11), "x" * (most - 10)
    assert kept((("a", "1"), ("b", fits)), most) == (("a", "1"), ("b", fits))
    assert kept((("a", "1"), ("b", is_too_long)), most) == (("a", "1"),)
    assert kept((("a", "1"), ("b", is_too_long)), most, frozenset({"b"})) == (("b", is_too_long),)
    assert kept(outputs_of({"a": "x" * 500, "b": "1"}), share(MAX_TASKS, 0, False)) == (("b", "1"),)


def test_there_are_never_more_than_the_schema_of_a_status_allows() -> None:
    many = {f"{i:03}": "" for i in range(100)}
    assert len(outputs_of(many)) == 64
    record = settle(NEW, [Attempt(1, Phase.SUCCEEDED, outputs=outputs_of(many))])
    row = render_row("a", TaskState.SUCCEEDED, 0, None, record, record.outputs)
    assert len(TaskStatus.model_validate(row).outputs or {}) == 64


def test_tasks_that_were_removed_from_the_spec_have_none_however_many_there_were() -> None:
    spec = parse_spec({"tasks": [{"id": "new"}]})
    graph = compile_graph(spec)
    done = Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0, outputs=(("a", "1"),))
    found = plan(graph, spec, Ledger(), {"old": [done], "new": [done]}, 3.0)
    rows = {row["id"]: row for row in render_status(graph, spec, found, {}, 1, 3.0, name="p")["tasks"]}
    assert rows["new"]["outputs"] == {"a": "1"}
    assert "outputs" not in rows["old"]
    assert found.ledger.records["old"].outputs == ()  # the same as after a restart


def test_a_spec_that_is_not_accepted_gives_no_task_a_larger_share() -> None:
    rows = [{"id": f"t{i}", "state": "Running", "attempts": 1} for i in range(MAX_TASKS)]
    done = Attempt(1, Phase.SUCCEEDED, outputs=(("a", "x" * 500), ("b", "1")))
    found = rejected_status([Problem("spec", "is wrong")], {"tasks": rows}, {"t0": [done]}, 2, 3.0)
    assert found["tasks"][0]["outputs"] == {"b": "1"}


def test_a_task_that_failed_has_none() -> None:
    failed = Attempt(1, Phase.FAILED, reason="ExitCode", outputs=(("a", "1"),))
    assert settle(NEW, [failed]).outputs == ()


def test_a_status_that_someone_else_has_written_is_read() -> None:
    row = {"id": "a", "state": "Succeeded", "attempts": 1}
    assert read_row(row | {"outputs": {"a": 1, "b": "2"}}).outputs == (("b", "2"),)
    assert read_row(row | {"outputs": ["a"]}).outputs == ()
