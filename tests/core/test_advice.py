"""What another setting would have been worth, by the times that a run has taken."""

import pytest

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase, Record
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.advice import could_have_run, saved_by_graph
from parallelproject.model.spec import Spec
from parallelproject.model.status import TaskState

_CHAINS = (("a", []), ("b", []), ("c", ["a"]), ("d", ["b"]))


def _spec(**more: object) -> Spec:
    tasks = [{"id": id, "dependencies": needs} for id, needs in _CHAINS]
    return Spec.model_validate({"parallelism": 2, "tasks": tasks} | more)


def _ledger(**took: float) -> Ledger:
    return Ledger({id: Record(TaskState.SUCCEEDED, 1, started=0.0, ended=s) for id, s in took.items()})


def test_the_seconds_that_graph_would_have_saved_are_those_of_the_simulation():
    """By levels 100 + 100; by dependencies a, c next to b, d: 101."""
    spec = _spec()
    assert saved_by_graph(compile_graph(spec), spec, _ledger(a=100, b=1, c=1, d=100)) == 99


@pytest.mark.parametrize(
    "took",
    [
        {"a": 10, "b": 10, "c": 10, "d": 10},
        {"a": 0.6, "b": 0.01, "c": 0.01, "d": 0.6},
        {"a": 100, "b": 95, "c": 95, "d": 100},
        {"a": 100, "b": 1, "c": 1},
    ],
    ids=["nothing", "below a second", "below a tenth", "not all ran"],
)
def test_nothing_is_said_where_it_would_not_help_or_is_not_known(took: dict[str, float]):
    spec = _spec()
    assert saved_by_graph(compile_graph(spec), spec, _ledger(**took)) == 0


def test_nothing_is_said_where_it_is_graph_already():
    spec = _spec(scheduling="Graph")
    assert saved_by_graph(compile_graph(spec), spec, _ledger(a=100, b=1, c=1, d=100)) == 0


def test_a_task_that_is_skipped_by_request_takes_no_time():
    spec = _spec(skip=["c"])
    assert saved_by_graph(compile_graph(spec), spec, _ledger(a=100, b=1, d=100)) == 99


@pytest.mark.parametrize(("policy", "count"), [("FinishLevel", 1), ("FailFast", 1), ("Continue", 0)])
def test_the_tasks_that_could_have_run_are_those_that_depend_on_no_failure(policy: str, count: int):
    spec = _spec(failurePolicy=policy, defaults={"maxAttempts": 1})
    graph = compile_graph(spec)
    ended = {"a": Phase.FAILED, "b": Phase.SUCCEEDED}
    seen = {id: [Attempt(1, phase, started=0.0, ended=1.0, reason="ExitCode")] for id, phase in ended.items()}
    if policy == "Continue":
        seen["d"] = [Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0)]
    decided = plan(graph, spec, Ledger(), seen, 10.0)
    assert decided.completed
    assert could_have_run(spec, decided) == count


def test_of_a_run_that_was_stopped_no_task_could_have_run():
    spec = _spec(defaults={"maxAttempts": 1}, stop=True)
    graph = compile_graph(spec)
    seen = {"a": [Attempt(1, Phase.FAILED, started=0.0, ended=1.0, reason="ExitCode")]}
    decided = plan(graph, spec, Ledger(), seen, 10.0)
    assert decided.completed
    assert decided.states[graph.index["a"]] is TaskState.FAILED
    assert could_have_run(spec, decided) == 0
