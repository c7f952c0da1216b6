"""What the tasks of a run have landed on their branch. Pure, and fast to load."""

from typing import Any, NamedTuple

from parallelproject.core.verification.probe import LandedChange

Json = dict[str, Any]


class LandedWork(NamedTuple):
    """The work of a run on its branch, as a run of a check has found it."""

    base: str
    """The commit below it."""
    tip: str
    changes: tuple[LandedChange, ...]
    """In the order in which they landed."""
    left_out: int = 0
    """Number of changes below the base that are not verified either: they did not fit into the report of a pod."""

    def to_json(self) -> Json:
        """The same as plain data."""
        return {"base": self.base, "tip": self.tip, "changes": [change._asdict() for change in self.changes]}

    @classmethod
    def from_json(cls, found: Json) -> "LandedWork":
        """The work in plain data.

        Raises:
            KeyError, TypeError: it is not in our format.
        """
        return cls(found["base"], found["tip"], tuple(_change(each) for each in found["changes"]))


def _change(found: Json) -> LandedChange:
    task, commit, paths, lines, retries, needs = (found[name] for name in LandedChange._fields)
    return LandedChange(task, commit, tuple(paths), lines, retries, tuple(needs))
