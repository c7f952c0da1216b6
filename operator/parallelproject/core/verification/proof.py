"""What proves a hypothesis: each fault fails alone, and without them the check passes. Pure.

If the set of faults is right, these outcomes are necessary. If more changes never repair what fewer have broken, they
are also sufficient: no other set of faults agrees with them. The proof does not rest on any probability.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from parallelproject.core.verification.hypotheses import BASE, FLAKY, Faults, Votes
from parallelproject.core.verification.probe import LandedChange, mask_of, positions_of


class Obligation(NamedTuple):
    """One outcome that a hypothesis needs."""

    fault: int
    """The fault that it is about."""
    fails: bool
    masks: tuple[int, ...]
    """Changes to check, the conclusive ones first. The later ones stand in where git cannot build the earlier ones."""


class Builds:
    """Which sets of changes make sense: a change is probed with all that it builds on."""

    def __init__(
        self, changes: Sequence[LandedChange], conflicts: Iterable[int] = (), built: Iterable[int] = ()
    ) -> None:
        """Learn from git.

        Args:
            changes: The landed changes.
            conflicts: Sets of changes that git could not build: files whose changes depend on their order are found
                by these. A change of such a file then builds on all earlier ones of it.
            built: Sets of changes that it could build.
        """
        self.count = len(changes)
        self.all = (1 << self.count) - 1
        self._paths = [frozenset(change.paths) for change in changes]
        touched: dict[str, int] = {}
        for i, paths in enumerate(self._paths):
            for path in paths:
                touched[path] = touched.get(path, 0) | 1 << i
        found = {path for mask in conflicts for path in touched if _has_gap(touched[path], mask)}
        ordered = found - {path for mask in built for path in found if _has_gap(touched[path], mask)} or found
        at = {change.task: i for i, change in enumerate(changes)}
        self.needs: list[int] = []
        for i, change in enumerate(changes):
            direct = [at[task] for task in change.needs if at.get(task, i) < i]
            direct += [j for j in range(i) if self._paths[i] & self._paths[j] & ordered]
            self.needs.append(_union([1 << j | self.needs[j] for j in direct]))

    def alone(self, fault: int) -> int:
        """The changes, and all that they build on."""
        return fault | _union([self.needs[position - 1] for position in positions_of(fault)])

    def without(self, hit: int) -> int:
        """All changes except these, and except those that build on these."""
        return self.all & ~_union([1 << i for i in range(self.count) if (1 << i | self.needs[i]) & hit])

    def failing(self, fault: int) -> Obligation:
        """With it the check fails."""
        last = max(positions_of(fault), default=0)
        near = [i + 1 for i in range(last - 1) if not fault >> i & 1 and self._share_paths(i, fault)]
        masks = [self.alone(fault), mask_of(range(1, max(near, default=0) + 1)) | self.alone(fault)]
        return Obligation(fault, True, _unique([*masks, mask_of(range(1, last + 1))]))

    def passing(self, fault: int, hit: int) -> Obligation:
        """Without it the check passes."""
        first = min(positions_of(hit))
        near = [i for i in range(first, self.count) if not hit >> i & 1 and self._share_paths(i, hit)]
        before = mask_of(range(1, min(near, default=self.count) + 1))
        return Obligation(
            fault, False, _unique([self.without(hit), self.without(hit) & before, mask_of(range(1, first))])
        )

    def _share_paths(self, i: int, others: int) -> bool:
        return any(self._paths[i] & self._paths[position - 1] for position in positions_of(others))


def obligations(builds: Builds, faults: Faults) -> Iterator[Obligation]:
    """The outcomes that prove a hypothesis.

    One fault of two changes is proven where the check passes without the one and without the other: all that fails has
    both then.
    """
    if faults == FLAKY:
        yield Obligation(0, False, (builds.all,))
    elif faults == BASE:
        yield Obligation(0, True, (0,))
    else:
        if len(faults) > 1 or faults[0].bit_count() == 1:
            for fault in faults:
                yield builds.failing(fault)
        for choice in dict.fromkeys(product(*map(positions_of, faults))):
            hit = mask_of(choice)
            yield builds.passing(faults[0], hit)


def is_met(
    obligation: Obligation, votes: Mapping[int, Votes], is_unbuildable: Callable[[int], bool], *, once: bool = False
) -> bool:
    """Whether outcomes show it, also those of a smaller set that failed, or of a larger one that passed.

    Args:
        obligation: What has to be shown.
        votes: By changes, the outcomes with them.
        is_unbuildable: Whether git cannot build a set of changes.
        once: One such outcome is enough, whatever the others are.
    """
    for mask in obligation.masks:
        for seen, (passed, failed) in votes.items():
            if obligation.fails and seen & mask == seen and failed > passed:
                return True
            if not obligation.fails and seen & mask == mask and passed > (0 if once else failed):
                return True
        if not is_unbuildable(mask):
            return False
    return False  # what nothing can show is not shown


def open_mask(obligation: Obligation, is_unbuildable: Callable[[int], bool]) -> int | None:
    """The changes whose check decides it; None: git can build none of them."""
    return next((mask for mask in obligation.masks if not is_unbuildable(mask)), None)


def _has_gap(touched: int, mask: int) -> bool:
    """Whether, of the changes of a file, a later one is in a set that an earlier one is not in."""
    present, absent = touched & mask, touched & ~mask
    return bool(present and absent) and absent & -absent < present


def _union(masks: Sequence[int]) -> int:
    united = 0
    for mask in masks:
        united |= mask
    return united


def _unique(masks: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(masks))
