"""What a constraint is: one rule that says which tasks may not start now, whose dependencies have all succeeded.

``plan`` asks constraints who starts, the simulation lets them rule a run that is only imagined, and ``why`` has them
explain what they said. So a rule, its prediction and its explanation are one class in one file.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from copy import copy
from typing import ClassVar, NamedTuple, Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.shared_limits import Share
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.spec import Spec


class Block(NamedTuple):
    """That a task may not start. Who holds it back is said by ``Constraint.holders``, where that is asked for."""

    reason: str
    """A ``Reason``."""
    until: float = math.inf
    """When that ends by itself, in seconds since the epoch; inf: only with something that happens."""
    line: Hashable = None
    """What it waits for. While the first of those that this constraint lets wait for the same must wait, so must the
    others: the simulation asks only for that one. None: it waits for itself alone."""


class Situation(NamedTuple):
    """All that constraints are made from."""

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
    """What of all that projects share this one may use; None: nothing is shared."""


class Constraint(ABC):
    """One rule. An object holds for one plan, or one simulation."""

    reasons: ClassVar[tuple[str, ...]]
    """The reasons that it gives; another one gives none of them."""
    is_shared: ClassVar[bool] = False
    """Whether it is about what projects share: a plan also says what would start without."""

    @classmethod
    @abstractmethod
    def of(cls, situation: Situation) -> Self | None:
        """The rule in a situation; None where it can hold nobody back there."""

    @abstractmethod
    def blocks(self, task: int) -> Block | None:
        """What keeps a task from starting now; None: this rule does not. It changes nothing."""

    def is_closed(self) -> bool:
        """Whether it is certain that it holds all tasks back, so that none need be asked for."""
        return False

    def take(self, task: int) -> None:  # noqa: B027 - many rules do not count
        """A task starts. Only called where it is not blocked."""

    def release(self, task: int) -> None:  # noqa: B027 - nothing to give back
        """A task that was taken has succeeded, in a simulation."""

    def fork(self) -> Self:
        """Another one, that starts as this one is and then goes its own way."""
        return copy(self)

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """The tasks that hold back one that it blocks, by what a status says; empty where nobody in particular does."""
        return ()

    @classmethod
    @abstractmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """Why a task waits that it blocks, by what a status says."""
