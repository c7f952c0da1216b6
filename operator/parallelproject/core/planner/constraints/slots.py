"""At most ``spec.parallelism`` tasks of a project run at the same time; those in queues start when these admit them."""

from collections.abc import Sequence
from typing import Self

from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View, holding
from parallelproject.model.status import Reason

_FULL = Block(Reason.WAITING_FOR_SLOT, line=Reason.WAITING_FOR_SLOT)


class Slots(Constraint):
    """Blocks all tasks while every slot is in use."""

    reasons = (Reason.WAITING_FOR_SLOT,)

    def __init__(self, slots: int, used: int, queues: Sequence[str | None]) -> None:
        self._slots, self._used, self._queues = slots, used, queues

    @classmethod
    def of(cls, situation: Situation) -> Self:
        """With the slots of the active attempts, and of the hooks that run."""
        of_hooks = len(situation.hooks.progress.running) if situation.hooks else 0
        used = situation.snapshot.usage.slots + of_hooks
        return cls(situation.spec.parallelism, used, situation.graph.queue)

    def blocks(self, task: int) -> Block | None:
        """Whether no slot is free."""
        return _FULL if self._used >= self._slots else None

    def is_closed(self) -> bool:
        """Whether no slot is free."""
        return self._used >= self._slots

    def take(self, task: int) -> None:
        """One slot less is free, unless it goes into a queue first."""
        self._used += not self._queues[task]

    def holds_hooks(self) -> bool:
        """Whether no slot is free."""
        return self.is_closed()

    def reserve(self) -> None:
        """One slot less is free."""
        self._used += 1

    def release(self, task: int) -> None:
        """One slot more is free."""
        self._used -= not self._queues[task]

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """All active tasks."""
        return view.active(expected=view.spec.parallelism)

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The tasks that hold the slots, and how many start first."""
        holders, place = cls.holders(view, task), view.graph.place
        answer = f"parallelism is {view.spec.parallelism} and {holding(view, holders, 'all slots are held by')}"
        ahead = sum(place[i] < place[task] and row.reason == reason for i, row in view.rows.items())
        others = "one other is" if ahead == 1 else f"{ahead} others are"
        return Explanation(
            answer, [f"{others} before it in the queue" if ahead else "it is next in the queue"], holders
        )
