"""What is in use: the sum of the claims of all active attempts.

One rule holds for all of them. An attempt of an earlier spec, or of a task that was removed, only has another claim
than its task has now.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, Self, TypeVar

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.claim import Claim

K = TypeVar("K")


class Held(NamedTuple):
    """A claim, in the numbers of one graph."""

    slots: int
    role: str | None
    patterns: tuple[int, ...]
    """The patterns of ``graph.locks`` that its files overlap with."""


def held_by(graph: CompiledGraph, task: int | None, claim: Claim | None) -> Held:
    """What an attempt holds.

    Args:
        graph: The graph as it is now.
        task: Its task; None where that is no longer in the graph.
        claim: The claim that it was started with; None: what its task claims now.
    """
    if task is None:
        files: tuple[str, ...] = claim.files if claim else ()
        touched: tuple[int, ...] = ()
    else:
        # Also what its task writes now: by the current spec, no two active tasks may write the same file.
        files = claim.files if claim and claim.files != graph.files[task] else ()
        touched = graph.locks.touched[task]
    if files:
        touched = tuple(sorted({*touched, *(other for file in files for other in graph.locks.overlapping(file))}))
    if claim is None:
        return Held(1, None if task is None else graph.role[task], touched)
    return Held(claim.slots, claim.role, touched)


@dataclass(slots=True)
class Usage:
    """Sums; unused entries are absent."""

    slots: int = 0
    queued: int = 0
    """Attempts that take no slot, since they wait in a queue."""
    roles: dict[str | None, int] = field(default_factory=dict)
    """Slots, by role; one for each that is queued."""
    patterns: dict[int, int] = field(default_factory=dict)
    """By pattern of ``graph.locks``, how many hold it."""

    def add(self, held: Held, sign: int = 1) -> None:
        """Adds what one attempt holds; with a sign of -1 subtracts it."""
        slots, role, patterns = held
        self.slots += sign * slots
        self.queued += sign * (not slots)
        _count(self.roles, role, sign * max(1, slots))
        for pattern in patterns:
            _count(self.patterns, pattern, sign)

    def copy(self) -> Self:
        """A copy."""
        return type(self)(self.slots, self.queued, self.roles.copy(), self.patterns.copy())


def _count(sums: dict[K, int], key: K, more: int) -> None:
    found = sums.get(key, 0) + more
    if found:
        sums[key] = found
    else:
        sums.pop(key, None)
