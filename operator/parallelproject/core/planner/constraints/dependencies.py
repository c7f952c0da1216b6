"""A task starts when all its dependencies have succeeded, or are skipped by request."""

from collections.abc import Sequence
from typing import Self

from parallelproject.core.graph.walk import reachable
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.status import Reason

_WAITS = Block(Reason.WAITING_FOR_DEPENDENCIES)


class Dependencies(Constraint):
    """Plans and simulations only consider tasks that are ready, which it does not block."""

    reasons = (Reason.WAITING_FOR_DEPENDENCIES,)

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @classmethod
    def of(cls, situation: Situation) -> Self:
        """By what has succeeded."""
        return cls(situation.snapshot)

    def blocks(self, task: int) -> Block | None:
        """Whether one of them has not succeeded."""
        return None if self._snapshot.is_free(task) else _WAITS

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """Those that it still waits for."""
        return [parent for parent in view.graph.parents[task] if not view.is_done(parent)]

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """Those dependencies, and the tasks at the root of the wait."""
        waited_for = cls.holders(view, task)
        if not waited_for:
            return Explanation("its dependencies have just succeeded; it starts in the operator's next round")
        causes = _causes(view, waited_for)
        more = [] if set(causes) <= set(waited_for) else [f"the first in this chain: {view.named(causes)}"]
        return Explanation(f"it waits for {view.named(waited_for)}", more, waited_for)


def _causes(view: View, tasks: Sequence[int]) -> list[int]:
    """Of some tasks and all that they wait for, those whose own dependencies have succeeded."""

    def is_missing(i: int) -> bool:
        return not view.is_done(i)

    above = reachable(tasks, view.graph.parents, is_missing)
    return [i for i in dict.fromkeys([*tasks, *above]) if not any(map(is_missing, view.graph.parents[i]))]
