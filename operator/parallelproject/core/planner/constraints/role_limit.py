"""A role may have a limit of tasks that run at the same time."""

from collections.abc import Sequence
from typing import Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View, holding
from parallelproject.model.status import Reason


class RoleLimit(Constraint):
    """Holds back tasks of a role of which ``maxConcurrent`` are active."""

    reasons = (Reason.WAITING_FOR_ROLE,)

    def __init__(self, graph: CompiledGraph, limits: dict[str | None, int], used: dict[str | None, int]) -> None:
        self._role, self._limits, self._used = graph.role, limits, used

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """If a role has a limit."""
        limits: dict[str | None, int] = {
            role.name: role.max_concurrent for role in situation.spec.roles if role.max_concurrent
        }
        return cls(situation.graph, limits, situation.snapshot.usage.roles.copy()) if limits else None

    def blocks(self, task: int) -> Block | None:
        """Whether the role has reached its limit."""
        role = self._role[task]
        limit = self._limits.get(role)
        if limit is None or self._used.get(role, 0) < limit:
            return None
        return Block(Reason.WAITING_FOR_ROLE, line=role)

    def take(self, task: int) -> None:
        """One more."""
        self._used[self._role[task]] = self._used.get(self._role[task], 0) + 1

    def release(self, task: int) -> None:
        """One less."""
        self._used[self._role[task]] -= 1

    def fork(self) -> Self:
        """With sums of its own."""
        made = super().fork()
        made._used = self._used.copy()
        return made

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """The active tasks of the role."""
        role = view.graph.role
        return view.active(lambda i: role[i] == role[task], expected=_limit(view, task) or 1)

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The limit, and the active tasks."""
        holders = cls.holders(view, task)
        held = holding(view, holders, "that many are running:")
        answer = f"role {view.graph.role[task]} has maxConcurrent {_limit(view, task)} and {held}"
        return Explanation(answer, tasks=holders)


def _limit(view: View, task: int) -> int | None:
    role = view.spec.role(view.graph.role[task])
    return role.max_concurrent if role else None
