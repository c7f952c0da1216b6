"""With verification, a level starts when what the levels before it have landed passes the checks."""

from typing import Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.names import level_name
from parallelproject.model.status import ConditionType, Reason

VerifiedLevels = tuple[int, int]
"""The number of levels that are verified, from the first on, and of the tasks that had succeeded in them: if another
one has succeeded since, they are not verified."""


def verified_levels(verified: VerifiedLevels, snapshot: Snapshot) -> int:
    """How many levels are verified with all that has succeeded in them."""
    levels, succeeded = verified
    return levels if succeeded == snapshot.succeeded_below(levels) else 0


def is_verified(verified: VerifiedLevels | None, snapshot: Snapshot) -> bool:
    """Whether nothing has succeeded that is not verified; also where nothing is to be verified."""
    levels = len(snapshot.graph.levels)
    return verified is None or not snapshot.succeeded_below(levels) or verified_levels(verified, snapshot) == levels


class VerificationGate(Constraint):
    """Blocks tasks of levels above the verified ones, except repairs. A prediction assumes that it takes no time."""

    reasons = (Reason.WAITING_FOR_VERIFICATION,)

    def __init__(self, graph: CompiledGraph, verified: int) -> None:
        self._graph, self._verified = graph, verified

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """With verification."""
        if situation.verified is None:
            return None
        return cls(situation.graph, verified_levels(situation.verified, situation.snapshot))

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
