"""Who may start: the constraints in their fixed order.

A new rule is a file next to the others and an entry here. The first constraint that blocks a task is its reason, so
users see the order: rules that end with time or with other work come before limits.
"""

from collections.abc import Sequence
from copy import copy
from typing import Self

from parallelproject.core.planner.constraints.approval import Approvals
from parallelproject.core.planner.constraints.backoff import Backoff
from parallelproject.core.planner.constraints.budgets import Budgets
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.constraints.declared_files import Files
from parallelproject.core.planner.constraints.dependencies import Dependencies
from parallelproject.core.planner.constraints.hook_gate import HookGate
from parallelproject.core.planner.constraints.level_gate import LevelGate
from parallelproject.core.planner.constraints.limit_pools import LimitPools
from parallelproject.core.planner.constraints.merge_gate import MergeGate
from parallelproject.core.planner.constraints.questions import Questions
from parallelproject.core.planner.constraints.queue_limit import QueueLimit
from parallelproject.core.planner.constraints.refused_creation import Refusals
from parallelproject.core.planner.constraints.role_limit import RoleLimit
from parallelproject.core.planner.constraints.shared_capacity import Shared
from parallelproject.core.planner.constraints.slots import Slots
from parallelproject.core.planner.constraints.suspended import Suspended
from parallelproject.core.planner.constraints.verification_gate import VerificationGate

CONSTRAINTS: tuple[type[Constraint], ...] = (
    Dependencies,
    LevelGate,
    MergeGate,
    VerificationGate,
    Approvals,
    Questions,
    Suspended,
    Backoff,
    LimitPools,
    Refusals,
    Budgets,
    HookGate,
    Files,
    RoleLimit,
    QueueLimit,
    Slots,
    Shared,
)


class Admission:
    """The constraints that may block a task in one situation."""

    def __init__(self, constraints: Sequence[type[Constraint]], situation: Situation) -> None:
        made = [rule for constraint in constraints if (rule := constraint.of(situation)) is not None]
        self._own = [rule for rule in made if not rule.is_shared]
        self._shared = [rule for rule in made if rule.is_shared]

    def blocks(self, task: int) -> Block | None:
        """The first block of a pending task; None: it may start."""
        return self.blocks_alone(task) or self.blocks_shared(task)

    def blocks_alone(self, task: int) -> Block | None:
        """The same without the limits that projects share."""
        for rule in self._own:
            if (block := rule.blocks(task)) is not None:
                return block
        return None

    def blocks_shared(self, task: int) -> Block | None:
        """The same with only the limits that projects share."""
        return next((block for rule in self._shared if (block := rule.blocks(task)) is not None), None)

    def is_closed(self) -> bool:
        """Whether it is certain that no further task may start, apart from the limits that projects share."""
        return any(rule.is_closed() for rule in self._own)

    def take(self, task: int) -> None:
        """A task starts."""
        for rule in (*self._own, *self._shared):
            rule.take(task)

    def holds_hooks(self) -> bool:
        """Whether no hook may start now."""
        return any(rule.holds_hooks() for rule in self._own)

    def reserve(self) -> None:
        """A hook starts, which takes a slot."""
        for rule in self._own:
            rule.reserve()

    def release(self, task: int) -> None:
        """A task that was taken has succeeded, in a simulation."""
        for rule in (*self._own, *self._shared):
            rule.release(task)

    def advance(self, now: float) -> None:
        """It is this time, in a simulation."""
        for rule in (*self._own, *self._shared):
            rule.advance(now)

    def alone(self) -> Self:
        """A copy that starts in the same state, without the limits that projects share."""
        made = copy(self)
        made._own, made._shared = [rule.fork() for rule in self._own], []
        return made
