"""When a run will end: what is left is simulated as all of it is."""

import heapq
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.planner.simulation import makespan
from parallelproject.core.report.eta import seconds_left
from parallelproject.model.spec import Spec
from tests.core.examples import examples
from tests.core.projects import compiled, specs

START = 1000.0


@examples(60)
@given(specs(deadlines=False))
def test_at_every_moment_the_end_is_where_it_was_expected_where_tasks_take_as_long_as_they_should(spec: Spec) -> None:
    spec = spec.model_copy(update={"suspend": False})
    graph = compile_graph(spec)
    if not any(task.estimate_seconds for task in graph.tasks):
        return
    ledger, now = Ledger(start_time=START), int(START)
    end = now + makespan(graph, spec, spec.parallelism)
    queue: list[tuple[int, int]] = []
    started: dict[str, float] = {}
    observed: dict[str, tuple[Attempt, ...]] = {}
    while True:
        made = plan(graph, spec, ledger, observed, float(now))
        ledger = made.ledger
        for task, number in made.launches:
            heapq.heappush(queue, (now + graph.seconds[task], task))
            started[graph.ids[task]] = float(now)
            observed[graph.ids[task]] = (Attempt(number, Phase.ACTIVE, running=True, started=float(now)),)
        if not queue:
            break
        left = seconds_left(graph, spec, made, started, float(now))
        if all(now - started[graph.ids[task]] < 0.9 * graph.seconds[task] for _, task in queue):
            assert left is not None
            assert round(now + left) == end
        now, task = heapq.heappop(queue)
        begun = started.pop(graph.ids[task])
        observed[graph.ids[task]] = (Attempt(1, Phase.SUCCEEDED, started=begun, ended=float(now)),)
    assert made.completed


def left(
    tasks: list[dict[str, Any]], seen: dict[str, tuple[float, float | None]], now: float, **spec: Any
) -> float | None:
    """Seconds left where attempts have begun and ended so, all in seconds since the start."""
    graph, made = compiled(tasks=tasks, **spec)
    attempts = {
        task: (
            Attempt(1, Phase.ACTIVE, running=True, started=START + began)
            if ended is None
            else Attempt(1, Phase.SUCCEEDED, started=START + began, ended=START + ended),
        )
        for task, (began, ended) in seen.items()
    }
    planned = plan(graph, made, Ledger(start_time=START), attempts, START + now)
    running = {task: START + began for task, (began, ended) in seen.items() if ended is None}
    return seconds_left(graph, made, planned, running, START + now)


A, B, C = ({"id": id, "estimateSeconds": 100} for id in "abc")


def test_without_estimates_nobody_knows() -> None:
    assert left([{"id": "a"}], {"a": (0.0, None)}, 10.0) is None
    assert left([A], {"a": (0.0, None)}, 10.0, suspend=True) is None


def test_what_has_ended_says_how_good_the_estimates_are() -> None:
    assert left([A, B], {"a": (0.0, None), "b": (0.0, None)}, 10.0) == 90
    # a took a fifth of what was expected, and so will b and c, one after the other.
    assert left([A, B, C], {"a": (0.0, 20.0), "b": (20.0, None)}, 30.0, parallelism=1) == 10 + 20


def test_a_task_that_runs_for_longer_than_expected_needs_a_little_more() -> None:
    assert left([A], {"a": (0.0, None)}, 1000.0) == 10


def test_a_skipped_task_counts_only_while_its_attempt_still_runs() -> None:
    after = {**B, "dependencies": ["a"]}
    assert left([A, after], {}, 0.0, skip=["a"]) == 100
    assert left([A, after], {"a": (0.0, None)}, 10.0, skip=["a"]) == 90 + 100


@given(st.integers(0, 99))
def test_the_time_left_counts_down(now: int) -> None:
    found = left([A, B, C], {"a": (0.0, None)}, float(now), parallelism=1)
    assert found is not None
    assert abs(found - (300 - min(now, 90))) <= 1


def test_a_task_for_the_failure_of_another_counts_from_that_failure_on() -> None:
    rescue = {**B, "dependencies": ["a"], "when": [{"task": "a", "is": "Failed"}]}
    assert left([A, rescue], {"a": (0.0, None)}, 10.0) == 90
    graph, spec = compiled(tasks=[A, rescue], defaults={"maxAttempts": 1})
    failed = Attempt(1, Phase.FAILED, started=START, ended=START + 100, exit_code=1)
    planned = plan(graph, spec, Ledger(start_time=START), {"a": (failed,)}, START + 100)
    assert seconds_left(graph, spec, planned, {}, START + 100) == 100
