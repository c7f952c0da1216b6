"""While a project is suspended, no task of it starts."""

from typing import Self

from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.status import Reason

_SUSPENDED = Block(Reason.SUSPENDED, line=Reason.SUSPENDED)


class Suspended(Constraint):
    """Blocks all tasks."""

    reasons = (Reason.SUSPENDED,)

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """With ``spec.suspend``."""
        return cls() if situation.spec.suspend else None

    def blocks(self, task: int) -> Block | None:
        """Always."""
        return _SUSPENDED

    def is_closed(self) -> bool:
        """Always."""
        return True

    def holds_hooks(self) -> bool:
        """Always: a hook is new work."""
        return True

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """States that."""
        return Explanation("the project is suspended: no new task starts", fix="resume")
