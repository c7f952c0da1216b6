"""If projects share a limit, each starts no more than its share."""

from typing import Self

from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.constraints.shared_limits import Share
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.status import ConditionType, Reason


class Shared(Constraint):
    """Blocks all tasks over the share. A prediction assumes a project that shares nothing."""

    reasons = (Reason.WAITING_FOR_CAPACITY, Reason.WAITING_FOR_PROJECT)
    is_shared = True

    def __init__(self, share: Share) -> None:
        self._left = share.room
        self._block = Block(share.reason, line=share.reason)

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """If a limit is shared."""
        return cls(situation.share) if situation.share is not None else None

    def blocks(self, task: int) -> Block | None:
        """Whether the share is used up."""
        return self._block if self._left <= 0 else None

    def take(self, task: int) -> None:
        """One less is left."""
        self._left -= 1

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The limit, or the other project."""
        if reason == Reason.WAITING_FOR_PROJECT:
            other = view.condition(ConditionType.SUSPENDED).message or "another project goes first"
            return Explanation(f"it could start, but {other}")
        limit = view.condition(ConditionType.LIMITED).message or "the limit that projects share is reached"
        own = len(view.active())
        whose = f"{own} of them {'is' if own == 1 else 'are'} this project's, whose priority is {view.spec.priority}"
        return Explanation(f"it could start, but {limit}", [whose])
