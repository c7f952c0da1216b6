"""A task whose Job the API server refuses is retried after a wait, one task of its role at a time."""

import math
from collections.abc import Callable, Mapping
from typing import Self

from parallelproject.core.planner.attempt import Attempt
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.status import ConditionType, Reason

REFUSED_PACE = 1.0
"""Seconds between two creations of Jobs in a role with a refused Job: what refuses one of them usually refuses all, and
hundreds of retries at once would not help."""
_BEHIND: dict[str, str] = {
    Reason.REFUSED_BY_POLICY: (
        "an admission policy or webhook of the cluster denies it: change what the role runs, or the policy"
    ),
    Reason.WAITING_FOR_QUOTA: "a ResourceQuota of the namespace is used up: raise it, or remove other objects",
    Reason.FAILED_CREATE: "the API server or one of its webhooks fails, or the operator lacks a right",
}
"""The likely cause of each reason."""


class Refusals(Constraint):
    """Blocks tasks that would be refused again, because of their own refusal or that of another task of their role.

    In a prediction nothing is refused.
    """

    reasons = tuple(_BEHIND)

    def __init__(self, role_of: Callable[[int], str | None], refused: Mapping[int, Attempt], now: float) -> None:
        """Takes what was refused.

        Args:
            role_of: The role of the next attempt of a task: that of the step that it is at.
            refused: By task, the attempt whose object was refused.
            now: Seconds since the epoch.
        """
        self._role_of, self._refused, self._now = role_of, refused, now
        self._roles: dict[str | None, tuple[str, float]] = {}  # why, and when the next one may be tried
        for i, attempt in refused.items():
            until, role = (attempt.started or 0.0) + REFUSED_PACE, role_of(i)
            if until > self._roles.get(role, ("", -math.inf))[1]:
                self._roles[role] = (_reason(attempt), until)

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """If any was refused."""
        refused = situation.snapshot.refused
        return cls(situation.snapshot.role, refused, situation.now) if refused else None

    def blocks(self, task: int) -> Block | None:
        """Whether it would be refused again."""
        mine = self._refused.get(task)
        if mine is not None and (mine.ended or 0.0) > self._now:
            return Block(_reason(mine), mine.ended or 0.0)
        reason, until = self._roles.get(self._role_of(task), ("", 0.0))
        return Block(reason, until) if until > self._now else None

    def take(self, task: int) -> None:
        """One at a time."""
        role = self._role_of(task)
        if role in self._roles:
            self._roles[role] = (self._roles[role][0], math.inf)

    def fork(self) -> Self:
        """With roles of its own."""
        made = super().fork()
        made._roles = self._roles.copy()
        return made

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """What the API server says, and the likely cause."""
        more = (
            view.condition(ConditionType.REFUSED).message,
            _BEHIND[reason],
            "the operator retries within half a minute",
        )
        number = view.record(task).attempts + 1
        answer = f"attempt {number} cannot be created: the API server refuses its {view.spec.executor}"
        return Explanation(answer, [text for text in more if text])


def _reason(attempt: Attempt) -> str:
    return Reason(attempt.reason or Reason.FAILED_CREATE)
