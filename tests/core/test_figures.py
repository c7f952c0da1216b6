"""What the figures of a run count, and what they do not."""

import pytest

from parallelproject.core.planner.attempt import Record
from parallelproject.core.planner.plan import Ledger
from parallelproject.core.report.figures import measure
from parallelproject.model.status import TaskState
from tests.core.projects import compiled


@pytest.mark.parametrize(
    ("record", "retries"),
    [
        (Record(TaskState.SUCCEEDED, 1), 0),
        (Record(TaskState.SUCCEEDED, 2, failures=1), 1),
        (Record(TaskState.SUCCEEDED, 2, failures=0), 0),  # the first one was stopped
        (Record(TaskState.SUCCEEDED, 4, failures=1, conflicts=1), 2),
        (Record(TaskState.PENDING, 1, failures=1), 0),  # it waits for its retry
        (Record(TaskState.PENDING, 3, failures=3), 2),
        (Record(TaskState.RUNNING, 2, failures=1), 1),
        (Record(TaskState.PENDING, 4, failures=3), 2),  # one was stopped, and the last one failed for good
    ],
)
def test_an_attempt_that_follows_one_that_was_stopped_is_no_retry(record: Record, retries: int) -> None:
    graph, _ = compiled(tasks=[{"id": "a", "maxAttempts": 3}])
    assert measure(graph, Ledger({"a": record}), 100.0).retries == retries


def test_attempts_before_a_rerun_are_no_retries() -> None:
    graph, _ = compiled(tasks=[{"id": "a"}], retries=[{"id": "a", "rerunAfter": 3}])
    assert measure(graph, Ledger({"a": Record(TaskState.SUCCEEDED, 4)}), 100.0).retries == 0
    assert measure(graph, Ledger({"a": Record(TaskState.SUCCEEDED, 5, failures=1)}), 100.0).retries == 1


def test_efficiency_is_of_the_peak() -> None:
    graph, _ = compiled(tasks=[{"id": "a"}, {"id": "b"}], parallelism=10)
    done = Record(TaskState.SUCCEEDED, 1, started=0.0, ended=30.0)
    figures = measure(graph, Ledger({"a": done, "b": done}, 0.0, 40.0, peak=2), 40.0)
    assert (figures.speedup, figures.efficiency) == (1.5, 0.75)
