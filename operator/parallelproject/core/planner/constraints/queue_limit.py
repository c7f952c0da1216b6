"""At most ``spec.maxQueued`` attempts of a project wait in queues at the same time."""

from collections.abc import Sequence
from typing import Self

from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason

_FULL = Block(Reason.WAITING_FOR_QUEUE, line=Reason.WAITING_FOR_QUEUE)


class QueueLimit(Constraint):
    """Blocks the tasks of queues while as many as may wait there do. In a prediction a queue admits none before
    another one has ended."""

    reasons = (Reason.WAITING_FOR_QUEUE,)

    def __init__(self, queues: Sequence[str | None], most: int, used: int) -> None:
        self._queues, self._most, self._used = queues, most, used

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """If a task has a queue."""
        queues = situation.graph.queue
        if not any(queues):
            return None
        return cls(queues, max_queued(situation.spec), situation.snapshot.usage.queued)

    def blocks(self, task: int) -> Block | None:
        """Whether its queue may take no further one."""
        return _FULL if self._queues[task] and self._used >= self._most else None

    def take(self, task: int) -> None:
        """One more waits."""
        self._used += bool(self._queues[task])

    def release(self, task: int) -> None:
        """One less."""
        self._used -= bool(self._queues[task])

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """The tasks that wait in queues."""
        return [i for i, row in view.rows.items() if row.is_queued]

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The limit, and the tasks that wait."""
        return Explanation(
            f"maxQueued is {max_queued(view.spec)}, and that many Jobs of the project wait in queues",
            tasks=cls.holders(view, task),
        )


def max_queued(spec: Spec) -> int:
    """How many attempts of a project may wait in queues."""
    return spec.max_queued or spec.parallelism
