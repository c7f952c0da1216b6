"""With verification, a level, or further tasks, start when what has landed before passes the checks."""

from typing import Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.constraints.verified_work import EVERY, unverified, verified_levels
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.names import level_name
from parallelproject.model.spec import VerifyAfter
from parallelproject.model.status import ConditionType, Reason


class VerificationGate(Constraint):
    """Blocks tasks of levels above the verified ones, except repairs and what these have to wait for.

    Nothing is verified before they have ended. A prediction assumes that verification takes no time.
    """

    reasons = (Reason.WAITING_FOR_VERIFICATION,)

    def __init__(self, graph: CompiledGraph, verified: int) -> None:
        """With the highest level that may start."""
        self._graph, self._verified = graph, verified

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """With verification."""
        if situation.verified is None:
            return None
        settings, repairs = situation.spec.verification, situation.repairs
        if settings is not None and settings.after is VerifyAfter.LANDINGS:
            is_due = unverified(situation.verified, situation.snapshot) >= (settings.every or EVERY)
            return cls(situation.graph, repairs) if is_due or repairs >= 0 else None
        verified = verified_levels(situation.verified, situation.snapshot)
        return cls(situation.graph, max(verified, repairs))

    def blocks(self, task: int) -> Block | None:
        """Whether the level before its own is not verified."""
        level = self._graph.level[task]
        if level <= self._verified or task in self._graph.rerun_after:
            return None
        return Block(Reason.WAITING_FOR_VERIFICATION, line=level)

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """What the verification reports."""
        level, settings = view.graph.level[task], view.spec.verification
        answer = f"it is in {level_name(level)}, which starts when the checks of {level_name(level - 1)} pass"
        if settings is not None and settings.after is VerifyAfter.LANDINGS:
            answer = "it starts when what has landed since the last verification passes the checks"
        if ConditionType.VERIFIED not in view.conditions:
            return Explanation(answer)
        found = view.condition(ConditionType.VERIFIED)
        return Explanation(answer, [f"verification reports {': '.join(filter(None, found))}"])
