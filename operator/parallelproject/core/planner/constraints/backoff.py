"""A task that has failed waits before its next attempt, twice as long with each failure; one that was deferred, too."""

from typing import Self

from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.constraints.waits import backoff_ends
from parallelproject.core.planner.explanation import Explanation, View, failure
from parallelproject.core.times import duration, iso
from parallelproject.model.status import Reason


class Backoff(Constraint):
    """Blocks each failed task until its wait is over. In a prediction nothing fails."""

    reasons = (Reason.BACKOFF,)

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._failing, self._now = situation.snapshot.failing, situation.now

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """If any task has failed."""
        return cls(situation) if situation.snapshot.failing else None

    def blocks(self, task: int) -> Block | None:
        """Whether its wait is not over. A limit of its provider is another rule."""
        if task not in self._failing:
            return None
        graph, spec, snapshot = self._situation[:3]
        record = snapshot.record(task)
        if record.is_limited:
            return None
        until = backoff_ends(graph, spec, task, record)
        return Block(Reason.BACKOFF, until) if until > self._now else None

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """What failed, and when the wait is over."""
        graph, record = view.graph, view.record(task)
        if record.is_deferred:
            answer = f"attempt {record.attempts} asked to be run later, which costs no attempt"
        else:
            most = graph.max_attempts[task] + graph.forgiven.get(task, 0)
            answer = f"attempt {record.attempts} failed ({failure(record)})"
            answer += f", {record.failures} of at most {most} failures"
        until = backoff_ends(graph, view.spec, task, record)
        left = until - view.now
        when = f"the next attempt starts at {iso(int(until))}, in {duration(left)}" if left > 0 else "its wait is over"
        return Explanation(answer, [when], job=record.job)
