"""The status as it is written: what the laws of the planner do not see."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import DeliveryNotes, Record
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.status import read_status, render_status, says_the_same
from parallelproject.model.spec import MAX_TASKS, Spec, Task
from parallelproject.model.status import Reason, Status, TaskState


def test_rows_of_tasks_that_left_the_spec_never_outgrow_the_object():
    records = {f"old-{i}": Record(TaskState.SUCCEEDED, 1, started=1.0, ended=2.0 + i) for i in range(3 * MAX_TASKS)}
    spec = Spec(tasks=[Task(id="new")])
    graph = compile_graph(spec)
    decided = plan(graph, spec, Ledger(records), {}, 10.0)
    rows = render_status(graph, spec, decided, {}, 1, 10.0, name="p")["tasks"]
    assert len(rows) == 2 * MAX_TASKS
    assert rows[0]["id"] == "new"
    assert rows[1]["id"] == f"old-{3 * MAX_TASKS - 1}", "the latest stay"


def test_what_is_written_is_read_back():
    spec = Spec(tasks=[Task(id="a"), Task(id="b", dependencies=["a"])])
    graph = compile_graph(spec)
    records = {"a": Record(TaskState.SUCCEEDED, 3, 1, None, None, 3.0, 5.0, None, 1, "9b1e77c", DeliveryNotes(2, 1, 3))}
    decided = plan(graph, spec, Ledger(records, start_time=1.0), {}, 10.0)
    written = render_status(graph, spec, decided, {}, 1, 10.0, name="p")
    read = read_status(written)
    assert read.records["a"] == records["a"]
    Status.model_validate(written)
    assert (written["tasks"][0]["commit"], written["metrics"]["conflictRate"]) == ("9b1e77c", "0.50")
    assert [written["tasks"][0][name] for name in ("undeclared", "shared", "kept")] == [2, 1, 3]
    assert read.start_time == 1.0
    again = render_status(graph, spec, plan(graph, spec, read, {}, 11.0), written, 1, 11.0, name="p")
    assert says_the_same(again, written)


ended = st.floats(2.0, 5.0).map(lambda at: {"started": 1.0, "ended": at})
succeeded = ended.map(lambda times: Record(TaskState.SUCCEEDED, 1, **times))
failed = ended.map(lambda times: Record(TaskState.FAILED, 1, 1, reason=Reason.POD_FAILED, **times))


@given(st.dictionaries(st.sampled_from([f"t{i}" for i in range(1, 12)]), succeeded | failed), st.randoms())
def test_who_comes_next_finds_nothing_to_write(records: dict[str, Record], chance: Random):
    spec = Spec(tasks=[Task(id="t0")])
    graph = compile_graph(spec)
    in_any_order = dict(chance.sample(list(records.items()), len(records)))
    decided = plan(graph, spec, Ledger(in_any_order, start_time=1.5), {}, 10.0)
    written = render_status(graph, spec, decided, {}, 1, 10.0, name="p")
    again = render_status(graph, spec, plan(graph, spec, read_status(written), {}, 11.0), written, 1, 11.0, name="p")
    assert says_the_same(again, written)
