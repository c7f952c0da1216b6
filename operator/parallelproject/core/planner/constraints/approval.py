"""A task with ``approval`` starts when a person has approved it."""

from typing import Self

from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.status import Reason

_WAITS = Block(Reason.WAITING_FOR_APPROVAL)


class Approvals(Constraint):
    """Blocks the tasks that nobody has approved. A prediction is made as if all were: how long a person takes is not
    known."""

    reasons = (Reason.WAITING_FOR_APPROVAL,)

    def __init__(self, unapproved: frozenset[int]) -> None:
        self._unapproved = unapproved

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """If a task waits for its approval."""
        unapproved = situation.graph.unapproved
        return cls(unapproved) if unapproved and not situation.is_prediction else None

    def blocks(self, task: int) -> Block | None:
        """Whether it has to be approved."""
        return _WAITS if task in self._unapproved else None

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """States that."""
        more = ["it holds no slot and no files meanwhile"]
        if task in view.graph.rerun_after:
            more.append("it runs again from the start, so that an earlier approval is over")
        return Explanation("a person has to approve it before it starts", more, fix="approve")
