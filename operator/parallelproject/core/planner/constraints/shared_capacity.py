"""Where projects share a limit, each starts no more than its share."""

from typing import Self

from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.constraints.shared_limits import Share
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.status import ConditionType, Reason


class Shared(Constraint):
    """Holds back all beyond the share. A prediction is about a project that has all for itself."""

    reasons = (Reason.WAITING_FOR_CAPACITY, Reason.WAITING_FOR_PROJECT)
    is_shared = True

    def __init__(self, share: Share) -> None:
        self._left = share.room
        self._block = Block(share.reason, line=share.reason)

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """Where anything is shared."""
        return cls(situation.share) if situation.share is not None else None

    def blocks(self, task: int) -> Block | None:
        """Whether the share is used up."""
        return self._block if self._left <= 0 else None

    def take(self, task: int) -> None:
        """One less is left."""
        self._left -= 1

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """Which limit, or which other project."""
        if reason == Reason.WAITING_FOR_PROJECT:
            other = view.said(ConditionType.SUSPENDED).message or "another project goes first"
            return Explanation(f"it could start, but {other}")
        limit = view.said(ConditionType.LIMITED).message or "what projects share is used up"
        own = len(view.active())
        whose = f"{own} of them {'is' if own == 1 else 'are'} this project's, whose priority is {view.spec.priority}"
        return Explanation(f"it could start, but {limit}", [whose])
