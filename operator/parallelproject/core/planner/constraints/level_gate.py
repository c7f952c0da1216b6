"""With scheduling Levels a level starts when the levels before it are done."""

from collections.abc import Sequence
from typing import Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.names import level_name
from parallelproject.model.spec import Scheduling
from parallelproject.model.status import Reason


class LevelGate(Constraint):
    """Blocks tasks of levels above the lowest level with unfinished tasks."""

    reasons = (Reason.WAITING_FOR_LEVEL,)

    def __init__(self, graph: CompiledGraph, unfinished: Sequence[int], level: int) -> None:
        self._graph, self._level = graph, level
        self._unfinished = list(unfinished)

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """With Levels."""
        if situation.spec.scheduling is not Scheduling.LEVELS:
            return None
        return cls(situation.graph, situation.unfinished, situation.level)

    def blocks(self, task: int) -> Block | None:
        """Whether its level is above that."""
        level = self._graph.level[task]
        return Block(Reason.WAITING_FOR_LEVEL, line=level) if level > self._level else None

    def release(self, task: int) -> None:
        """Its level may be done with that."""
        self._unfinished[self._graph.level[task]] -= 1
        while self._level < len(self._unfinished) and not self._unfinished[self._level]:
            self._level += 1

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """The unfinished tasks of the lowest level that has any, of those before its own."""
        for tasks in view.graph.levels[: view.graph.level[task]]:
            if unfinished := sorted(filter(view.is_open, tasks)):
                return unfinished
        return ()

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The level that is not done, and its unfinished tasks."""
        level, unfinished = view.graph.level, cls.holders(view, task)
        if not unfinished:
            return Explanation("the levels before it are done; it starts in the operator's next round")
        return Explanation(
            f"it is in {level_name(level[task])}, and {level_name(level[unfinished[0]])} is not done: "
            f"{view.named(unfinished)}",
            ["its own dependencies are done: with scheduling Graph it could start now"],
            unfinished,
            fix="graph",
        )
