"""With a pull request for each level and merge WhenChecksPass, a level starts after the previous one is merged."""

from typing import Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.names import level_name
from parallelproject.model.spec import MergeMode, Spec
from parallelproject.model.status import ConditionType, Reason


def waits_for_merge(spec: Spec) -> bool:
    """Whether a level starts when the pull request of the one before is merged."""
    git = spec.git
    if git is None or git.forge is None or git.pull_request is None:
        return False
    return git.is_by_level and git.pull_request.merge is MergeMode.WHEN_CHECKS_PASS


class MergeGate(Constraint):
    """Blocks tasks of levels above the merged ones. A prediction assumes that a merge takes no time."""

    reasons = (Reason.WAITING_FOR_MERGE,)

    def __init__(self, graph: CompiledGraph, merged: int) -> None:
        self._graph, self._merged = graph, merged

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """A level counts as merged only if no further task of it has succeeded since."""
        if situation.merged is None or not waits_for_merge(situation.spec):
            return None
        levels, succeeded = situation.merged
        return cls(situation.graph, levels if succeeded == situation.snapshot.succeeded_below(levels) else 0)

    def blocks(self, task: int) -> Block | None:
        """Whether the level before its own is not merged."""
        level = self._graph.level[task]
        return Block(Reason.WAITING_FOR_MERGE, line=level) if level > self._merged else None

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The pull request, and what publishing reports about it."""
        which = f"the pull request of {level_name(view.merged_levels)}"
        if address := view.pull_requests.get(view.merged_levels):
            which += f", {address},"
        answer = f"it is in {level_name(view.graph.level[task])}, which starts when {which} is merged"
        if ConditionType.PUBLISHED not in view.conditions:
            return Explanation(answer)
        published = view.condition(ConditionType.PUBLISHED)
        return Explanation(answer, [f"publishing reports {': '.join(filter(None, published))}"])
