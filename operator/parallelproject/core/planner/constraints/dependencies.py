"""A task starts when all its dependencies have succeeded; in the place of a skipped one, those of that."""

from collections.abc import Collection, Sequence
from typing import Self

from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.status import Reason

_WAITS = Block(Reason.WAITING_FOR_DEPENDENCIES)


class Dependencies(Constraint):
    """Plans and simulations only consider tasks that are ready, which it does not block."""

    reasons = (Reason.WAITING_FOR_DEPENDENCIES,)

    def __init__(self, snapshot: Snapshot, free: Collection[int]) -> None:
        self._snapshot, self._free = snapshot, free
        self._members = snapshot.graph.conditions.members

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """By what has succeeded; a simulation counts the dependencies itself."""
        return None if situation.is_prediction else cls(situation.snapshot, situation.free)

    def blocks(self, task: int) -> Block | None:
        """Whether one of them has not succeeded, or a condition waits for its end."""
        is_free = task in self._free if task in self._members else self._snapshot.is_free(task)
        return None if is_free else _WAITS

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """Those that it still waits for."""
        return view.waits_for(task)

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
    """Of some tasks and all that they wait for, those that wait for no other task."""
    found = dict.fromkeys(tasks)
    todo = list(found)
    causes = []
    for i in todo:  # grows during the walk
        above = view.waits_for(i)
        if not above:
            causes.append(i)
        todo += [parent for parent in above if parent not in found]
        found |= dict.fromkeys(above)
    return causes
