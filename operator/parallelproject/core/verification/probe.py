"""What a search is about: landed changes, and probes, which are subsets of them that a check runs on. Pure.

Changes have positions from 1, in the order in which they landed. Position 0 is the base: the last commit that passed.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class LandedChange(NamedTuple):
    """The work of one task on the shared branch, or a commit of somebody else."""

    task: str
    """Its id; of commits that are of no task, ``FOREIGN`` and the commit, or their range."""
    commit: str
    """Its one commit on the branch."""
    paths: tuple[str, ...] = ()
    """The paths that it changed, relative to the top of the repository."""
    lines: int = 0
    """How many lines it added or removed."""
    retries: int = 0
    """How many attempts of the task failed before this work."""
    needs: tuple[str, ...] = ()
    """Earlier tasks among the changes that it builds on: a probe with it also has these."""


FOREIGN = "~"
"""What the name of a change begins with that is of no task of the run; no id of a task does. The commit follows."""


class ProbeOutcome(StrEnum):
    """What a check said about a probe."""

    PASSED = "Passed"
    FAILED = "Failed"
    CONFLICT = "Conflict"
    """The probe cannot be built: git reports a merge conflict."""
    BROKEN = "Broken"
    """The check did not run: its pod was evicted, for example. It says nothing about the changes."""
    STOPPED = "Stopped"
    """It was asked to end, or its run was cut off: as if it had never started."""
    STALE = "Stale"
    """What it was to run on is no longer on the branch: somebody has rewritten it."""


_NAME = re.compile(r"(?P<upto>\d+)(?:-without(?P<without>(?:-\d+)+))?(?:-with(?P<also>(?:-\d+)+))?")


class Probe(NamedTuple):
    """A subset of the changes: the first ``upto`` ones, minus ``without``, plus ``also``.

    A probe with ``upto`` alone is a commit of the branch. Each other one is built by git, and may conflict.
    """

    upto: int
    without: tuple[int, ...] = ()
    """Positions at most ``upto``, ascending: these commits are reverted."""
    also: tuple[int, ...] = ()
    """Positions above ``upto``, ascending: these commits are picked."""

    @property
    def is_commit(self) -> bool:
        """Whether it is a commit of the branch, which needs no build."""
        return not self.without and not self.also

    @property
    def name(self) -> str:
        """Its stable name, which also fits into names of objects: ``16-without-3``, ``0-with-3-5``, ``7``."""
        parts = [str(self.upto)]
        for word, positions in (("without", self.without), ("with", self.also)):
            parts += [word, *map(str, positions)] if positions else []
        return "-".join(parts)

    @classmethod
    def parse(cls, name: str) -> "Probe":
        """The probe with this name.

        Raises:
            ValueError: it is not a probe's name.
        """
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"{name!r} is not a probe: expected a name such as 16, 16-without-3 or 0-with-3-5")
        without, also = (tuple(map(int, (found[group] or "").split("-")[1:])) for group in ("without", "also"))
        return cls(int(found["upto"]), without, also)

    @property
    def mask(self) -> int:
        """Its changes as a set of bits: bit ``k - 1`` for the change at position ``k``."""
        return ((1 << self.upto) - 1) & ~mask_of(self.without) | mask_of(self.also)

    def tasks(self, changes: Sequence[LandedChange]) -> tuple[str, ...]:
        """The tasks whose work it has."""
        return tuple(changes[position - 1].task for position in positions_of(self.mask))


def is_foreign(change: str) -> bool:
    """Whether a change is a commit that is of no task of the run: a person's, for example.

    Args:
        change: ``LandedChange.task``.
    """
    return change.startswith(FOREIGN)


def mask_of(positions: Sequence[int]) -> int:
    """A set of positions as bits."""
    mask = 0
    for position in positions:
        mask |= 1 << (position - 1)
    return mask


def positions_of(mask: int) -> tuple[int, ...]:
    """The positions of a set of bits, ascending."""
    return tuple(position for position in range(1, mask.bit_length() + 1) if mask >> (position - 1) & 1)
