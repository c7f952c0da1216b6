"""What ``pproj plan`` predicts is what the planner does."""

import heapq

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.constraints.constraint import Block
from parallelproject.core.planner.constraints.declared_files import Files
from parallelproject.core.planner.constraints.slots import Slots
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.planner.simulation import makespan, predicted_times, remaining
from parallelproject.core.report.overview import outline
from parallelproject.model.spec import Spec
from parallelproject.model.status import TaskState
from tests.core.examples import examples
from tests.core.projects import compiled, specs


def played(graph: CompiledGraph, spec: Spec) -> int:
    """Seconds that the planner takes, one end after the other, where all goes well."""
    ledger, now = Ledger(start_time=0.0), 0
    running: list[tuple[int, int]] = []
    observed: dict[str, tuple[Attempt, ...]] = {}
    while True:
        made = plan(graph, spec, ledger, observed, float(now))
        ledger = made.ledger
        for task, number in made.launches:
            heapq.heappush(running, (now + graph.seconds[task], task))
            observed[graph.ids[task]] = (Attempt(number, Phase.ACTIVE, running=True, started=float(now)),)
        if not running:
            assert made.completed
            return now
        now, task = heapq.heappop(running)
        observed[graph.ids[task]] = (Attempt(1, Phase.SUCCEEDED, started=0.0, ended=float(now)),)


@examples(100)
@given(specs(), st.integers(1, 5), st.sets(st.integers(0, 9)))
def test_a_prediction_is_what_the_planner_does(spec: Spec, parallelism: int, skipped: set[int]) -> None:
    skip = [task.id for i, task in enumerate(spec.tasks) if i in skipped]
    spec = spec.model_copy(update={"parallelism": parallelism, "active_deadline_seconds": None, "skip": skip})
    graph = compile_graph(spec)
    assert makespan(graph, spec, parallelism) == played(graph, spec)


def test_a_prediction_keeps_the_order_around_a_skipped_task() -> None:
    tasks = [{"id": "a", "estimateSeconds": 60}, {"id": "b", "dependencies": ["a"]}]
    tasks += [{"id": "c", "estimateSeconds": 30, "dependencies": ["b"]}]
    graph, spec = compiled(tasks=tasks, skip=["b"], scheduling="Graph")
    assert makespan(graph, spec, 4) == 90
    assert remaining(graph, spec, {0: TaskState.SUCCEEDED, 1: TaskState.SKIPPED}, {}) == 30
    assert remaining(graph, spec, {1: TaskState.SKIPPED}, {0: 20}) == 50


def test_what_is_skipped_is_no_work() -> None:
    tasks = [{"id": "a", "estimateSeconds": 60}, {"id": "b", "estimateSeconds": 10, "dependencies": ["a"]}]
    graph, spec = compiled(tasks=tasks, skip=["a"])
    assert (makespan(graph, spec, 1), predicted_times(graph, spec)[1]) == (10, 10)
    assert outline(graph, spec).work_seconds == 10


def test_a_suspended_project_is_predicted_as_if_it_was_resumed() -> None:
    graph, spec = compiled(tasks=[{"id": "a", "estimateSeconds": 7}], suspend=True)
    assert makespan(graph, spec, 1) == 7


class Counted(Files):
    """Files, with a count of how often it is asked."""

    asked = 0

    def blocks(self, task: int) -> Block | None:
        Counted.asked += 1
        return super().blocks(task)


def test_of_many_tasks_that_wait_for_the_same_only_the_first_is_asked_for() -> None:
    graph, spec = compiled(tasks=[{"id": f"t{i}", "files": ["x"], "estimateSeconds": 1} for i in range(500)])
    Counted.asked = 0
    assert makespan(graph, spec, 8, (Counted, Slots)) == 500
    assert Counted.asked <= 4 * 500
