"""With verification, a level starts when what the levels before it have landed passes the checks."""

from typing import Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.constraints.verified_work import verified_levels
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.names import level_name
from parallelproject.model.status import ConditionType, Reason


class VerificationGate(Constraint):
    """Blocks tasks of levels above the verified ones, except repairs and what these have to wait for.

    Nothing is verified before they have ended. A prediction assumes that verification takes no time.
    """

    reasons = (Reason.WAITING_FOR_VERIFICATION,)

    def __init__(self, graph: CompiledGraph, verified: int) -> None:
        self._graph, self._verified = graph, verified

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """With verification."""
        if situation.verified is None:
            return None
        verified = verified_levels(situation.verified, situation.snapshot)
        return cls(situation.graph, max(verified, situation.repairs))

    def blocks(self, task: int) -> Block | None:
        """Whether the level before its own is not verified."""
        level = self._graph.level[task]
        if level <= self._verified or task in self._graph.rerun_after:
            return None
        return Block(Reason.WAITING_FOR_VERIFICATION, line=level)

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """What the verification reports."""
        level = view.graph.level[task]
        answer = f"it is in {level_name(level)}, which starts when the checks of {level_name(level - 1)} pass"
        if ConditionType.VERIFIED not in view.conditions:
            return Explanation(answer)
        found = view.condition(ConditionType.VERIFIED)
        return Explanation(answer, [f"verification reports {': '.join(filter(None, found))}"])
