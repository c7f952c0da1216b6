"""What is recorded of a verification: what has passed, and which tasks repair what they have landed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from parallelproject.core.planner.constraints.verification_gate import VerifiedLevels

Json = dict[str, Any]

_COUNT_MAX = 100_000


class Repair(NamedTuple):
    """One repair of a task's landed work."""

    floor: int
    """The task's attempts up to this number no longer count."""
    check: str
    """The check that its work breaks."""
    run: int
    """Number of the run of the check that failed; it has the output."""
    commit: str
    """The commit that the check failed on."""
    other: str = ""
    """The task whose work breaks the check only together with it; empty: it breaks the check alone."""


@dataclass(frozen=True, slots=True)
class VerificationState:
    """The record, which is written before anything is done because of it."""

    levels: int = 0
    """Number of levels that are verified, from the first on."""
    succeeded: int = 0
    """Number of the tasks that had succeeded in them."""
    commit: str = ""
    """The last commit that was verified; empty: none was."""
    is_stopped: bool = False
    """Whether the project stops because of the result."""
    settled: str = ""
    """The last revision with a result, which is that of ``condition``."""
    condition: tuple[str, str, str] = ("Unknown", "Waiting", "nothing has landed yet")
    """Status, reason and message of the condition Verified with that result."""
    repairs: Mapping[str, tuple[Repair, ...]] = field(default_factory=dict)
    """By task, its repairs so far."""
    condemned: tuple[str, ...] = ()
    """Tasks whose work breaks a check and that are not repaired any more."""
    forgiven: Mapping[str, int] = field(default_factory=dict)
    """By task, how many of its repairs do not count for their maximum."""
    flaky: tuple[str, ...] = ()
    """Checks that failed and passed on the same commit."""

    @property
    def verified(self) -> VerifiedLevels:
        """What the planner has to know."""
        return self.levels, self.succeeded

    @property
    def floors(self) -> dict[str, int]:
        """By task that was repaired, the number of its last attempt that no longer counts."""
        return {task: repairs[-1].floor for task, repairs in self.repairs.items() if repairs}

    def to_json(self) -> Json:
        """The state as plain data."""
        return {
            "levels": self.levels,
            "succeeded": self.succeeded,
            "commit": self.commit,
            "stopped": self.is_stopped,
            "settled": self.settled,
            "condition": list(self.condition),
            "repairs": {task: [repair._asdict() for repair in repairs] for task, repairs in self.repairs.items()},
            "condemned": list(self.condemned),
            "forgiven": dict(self.forgiven),
            "flaky": list(self.flaky),
        }

    @classmethod
    def from_json(cls, found: Json) -> "VerificationState":
        """The state in plain data.

        Raises:
            ValueError: it is not in our format.
        """
        try:
            status, reason, message = found["condition"]
            return cls(
                _count(found["levels"]),
                _count(found["succeeded"]),
                str(found["commit"]),
                found["stopped"] is True,
                str(found["settled"]),
                (str(status), str(reason), str(message)),
                {task: tuple(Repair(**each) for each in repairs) for task, repairs in found["repairs"].items()},
                tuple(map(str, found["condemned"])),
                {str(task): _count(number) for task, number in found["forgiven"].items()},
                tuple(map(str, found["flaky"])),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not the state of a verification: {error!r}") from None

    def may_repair(self, task: str, most: int) -> bool:
        """Whether a task may be repaired again.

        Args:
            task: Its id.
            most: Maximum number of repairs of one task.
        """
        return len(self.repairs.get(task, ())) - self.forgiven.get(task, 0) < most

    def started_again(self) -> "VerificationState":
        """The state of a run that is started again after its end: tasks that have failed are repaired again."""
        forgiven = {task: len(self.repairs[task]) for task in self.condemned}
        return replace(self, is_stopped=False, settled="", condemned=(), forgiven={**self.forgiven, **forgiven})


def _count(value: object) -> int:
    if isinstance(value, int) and 0 <= value <= _COUNT_MAX:
        return value
    raise ValueError(f"not a number of levels or tasks: {value!r}")
