"""A role may have a limit of tasks that run at the same time."""

from collections.abc import Sequence
from typing import Self

from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.constraints.fallbacks import role_now
from parallelproject.core.planner.explanation import Explanation, View, holding
from parallelproject.core.planner.snapshot import ran_by
from parallelproject.model.status import Reason


class RoleLimit(Constraint):
    """Holds back tasks of a role of which ``maxConcurrent`` are active."""

    reasons = (Reason.WAITING_FOR_ROLE,)

    def __init__(self, situation: Situation, limits: dict[str | None, int]) -> None:
        self._role_of, self._limits = situation.role_of, limits
        self._used = situation.snapshot.usage.roles.copy()

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """If a role has a limit."""
        limits: dict[str | None, int] = {
            role.name: role.max_concurrent for role in situation.spec.roles if role.max_concurrent
        }
        return cls(situation, limits) if limits else None

    def blocks(self, task: int) -> Block | None:
        """Whether the role has reached its limit."""
        role = self._role_of(task)
        limit = self._limits.get(role)
        if limit is None or self._used.get(role, 0) < limit:
            return None
        return Block(Reason.WAITING_FOR_ROLE, line=role)

    def take(self, task: int) -> None:
        """One more."""
        role = self._role_of(task)
        self._used[role] = self._used.get(role, 0) + 1

    def release(self, task: int) -> None:
        """One less."""
        self._used[self._role_of(task)] -= 1

    def fork(self) -> Self:
        """With sums of its own."""
        made = super().fork()
        made._used = self._used.copy()
        return made

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """The active tasks of the role."""
        role = role_now(view, task)
        return view.active(lambda i: ran_by(view.graph, i, view.record(i)) == role, expected=_limit(view, role) or 1)

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The limit, and the active tasks."""
        holders, role = cls.holders(view, task), role_now(view, task)
        held = holding(view, holders, "that many are running:")
        return Explanation(f"role {role} has maxConcurrent {_limit(view, role)} and {held}", tasks=holders)


def _limit(view: View, name: str | None) -> int | None:
    role = view.spec.role(name)
    return role.max_concurrent if role else None
