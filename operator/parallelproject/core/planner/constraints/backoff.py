"""A task that has failed waits before its next attempt, twice as long with each failure."""

import math
from typing import Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Record
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View, failure
from parallelproject.core.times import doubling, duration, iso
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason

BACKOFF_MAX = 360
"""Maximum wait between attempts, in seconds, unless backoffSeconds itself is longer; as for Jobs."""


def backoff_ends(graph: CompiledGraph, spec: Spec, task: int, record: Record) -> float:
    """When a task that has failed may start again: the wait doubles with each failure that counts.

    At once if all failures so far are forgiven, and after a conflict, since the conflicting work has landed. If
    spec.retries forgives more failures than exist (pproj retry never does), the task must not fail in an endless
    loop: then all failures count here, and the wait is at least one second.
    """
    failures = record.failures - graph.forgiven.get(task, 0)
    if failures == 0 or record.ended is None or record.reason == Reason.CONFLICT:
        return -math.inf
    first = spec.defaults.backoff_seconds
    if failures < 0:
        failures, first = record.failures, max(1, first)
    return record.ended + doubling(first, failures, max(first, BACKOFF_MAX))


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
        """Whether its wait is not over."""
        if task not in self._failing:
            return None
        graph, spec, snapshot = self._situation[:3]
        until = backoff_ends(graph, spec, task, snapshot.record(task))
        return Block(Reason.BACKOFF, until) if until > self._now else None

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """What failed, and when the wait is over."""
        graph, record = view.graph, view.record(task)
        most = graph.max_attempts[task] + graph.forgiven.get(task, 0)
        answer = f"attempt {record.attempts} failed ({failure(record)}), {record.failures} of at most {most} failures"
        until = backoff_ends(graph, view.spec, task, record)
        left = until - view.now
        when = f"the next attempt starts at {iso(int(until))}, in {duration(left)}" if left > 0 else "its wait is over"
        return Explanation(answer, [when], job=record.job)
