"""A constraint is one rule that blocks tasks whose dependencies have all succeeded.

``plan`` asks constraints which tasks start, the simulation applies them to a predicted run, and ``why`` asks them for
an explanation. So a rule, its prediction and its explanation are one class in one file.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.pools import PoolWindow
from parallelproject.core.planner.constraints.shared_limits import Share
from parallelproject.core.planner.constraints.verified_work import VerifiedWork
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.core.planner.hooks import HookFacts
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason

FREES_FILES = frozenset(
    {
        Reason.WAITING_FOR_DEPENDENCIES,
        Reason.WAITING_FOR_LEVEL,
        Reason.WAITING_FOR_MERGE,
        Reason.WAITING_FOR_VERIFICATION,
        Reason.WAITING_FOR_APPROVAL,
        Reason.WAITING_FOR_INPUT,
        Reason.WAITING_FOR_HOOK,
    }
)
"""Reasons for which a task between two steps keeps no files: it waits for other tasks, which may need them, or for a
person. Any other wait ends although the task keeps them."""


class Block(NamedTuple):
    """A task may not start. ``Constraint.holders`` returns the tasks that block it."""

    reason: str
    """A ``Reason``."""
    until: float = math.inf
    """When the block ends by itself, in seconds since the epoch; inf: only an event ends it."""
    line: Hashable = None
    """What it waits for. If the first task that waits for something is blocked, so are all others that wait for the
    same: the simulation asks only about the first. None: it waits for nothing that others wait for."""


class Situation(NamedTuple):
    """The facts that constraints are built from."""

    graph: CompiledGraph
    spec: Spec
    snapshot: Snapshot
    unfinished: Sequence[int]
    """By level: how many tasks have not ended, without those that will not run."""
    level: int
    """The lowest level with such tasks."""
    merged: tuple[int, int] | None
    """``Ledger.merged``."""
    now: float
    """Seconds since the epoch."""
    share: Share | None = None
    """How much of the shared limits this project may use; None: no limit is shared."""
    windows: Mapping[str, PoolWindow] = MappingProxyType({})
    """``Ledger.windows``."""
    parked: Mapping[str, float] = MappingProxyType({})
    """By pool, until when it is parked, apart from what the snapshot has of that: for a simulation."""
    acting: Mapping[str | None, str] = MappingProxyType({})
    """By role, the fallback that runs its tasks for now."""
    verified: VerifiedWork | None = None
    """``Ledger.verified``."""
    is_prediction: bool = False
    """Whether it is that of a simulation: there nobody is asked for anything."""
    free: Collection[int] = frozenset()
    """Of the tasks that conditions decide on, those that wait for no other."""
    hooks: HookFacts | None = None
    """The hooks that have run; None: there are none."""
    keepers: Collection[int] = frozenset()
    """The tasks between two of their steps that keep their files (``kept_files``); nothing of them runs."""
    repairs: int = -1
    """With a verification, the highest level with a task that repairs what it has landed; -1: no such task."""

    def role_of(self, task: int) -> str | None:
        """The role that the next attempt of a task would have."""
        role = self.snapshot.role(task)
        return self.acting.get(role, role)


class Constraint(ABC):
    """One rule. An object holds for one plan, or one simulation."""

    reasons: ClassVar[tuple[str, ...]]
    """The reasons that it gives; no other constraint gives them."""
    is_shared: ClassVar[bool] = False
    """Whether it is about limits that projects share: a plan also computes what would start without them."""

    @classmethod
    @abstractmethod
    def of(cls, situation: Situation) -> Self | None:
        """The rule in a situation; None if it cannot block any task there."""

    @abstractmethod
    def blocks(self, task: int) -> Block | None:
        """The block of a task by this rule; None: this rule does not block it. It has no side effect."""

    def is_closed(self) -> bool:
        """Whether it is certain that it blocks all tasks, so that none needs to be checked."""
        return False

    def take(self, task: int) -> None:  # noqa: B027 - many rules do not count
        """A task starts. Only called for a task that is not blocked."""

    def holds_hooks(self) -> bool:
        """Whether it keeps hooks from starting as well."""
        return False

    def reserve(self) -> None:  # noqa: B027 - only slots are taken
        """A hook starts, which takes a slot."""

    def release(self, task: int) -> None:  # noqa: B027 - nothing to give back
        """A task that was taken has succeeded, in a simulation."""

    def advance(self, now: float) -> None:  # noqa: B027 - only few rules depend on the time
        """It is this time, in a simulation."""

    def fork(self) -> Self:
        """An independent copy in the same state."""
        return copy(self)

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """The tasks because of which a task is blocked, by a status; empty if no specific tasks are."""
        return ()

    @classmethod
    @abstractmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """Why a blocked task waits, by a status."""
