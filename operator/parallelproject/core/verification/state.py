"""What is recorded of a verification: what has passed, and which tasks repair what they have landed. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from parallelproject.core.planner.constraints.verified_work import NOTHING_VERIFIED, VerifiedWork

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
    """What breaks the check only together with the task's work: another task, or a commit of nobody's; empty: the work
    breaks it alone."""


class PassedCheck(NamedTuple):
    """The last time that a check passed."""

    fingerprint: str
    """Of the check as it was then: another command says nothing about this one."""
    commit: str
    """What it passed on."""


@dataclass(frozen=True, slots=True)
class VerificationState:
    """The record, which is written before anything is done because of it."""

    verified: VerifiedWork = NOTHING_VERIFIED
    """What has passed all checks, or may be built on all the same."""
    checks: Mapping[str, str] = field(default_factory=dict)
    """The checks that this is about: by name, their fingerprints."""
    passed: Mapping[str, PassedCheck] = field(default_factory=dict)
    """By check, when it passed last."""
    epoch: int = 0
    """How often everything was to be verified again: runs of checks before that no longer count."""
    is_stopped: bool = False
    """Whether the project stops because of the result."""
    settled: str = ""
    """The last revision with a result, which is that of ``condition``."""
    condition: tuple[str, str, str] = ("Unknown", "Waiting", "nothing has landed yet")
    """Status, reason and message of the condition Verified with that result."""
    repairs: Mapping[str, tuple[Repair, ...]] = field(default_factory=dict)
    """By task, its repairs so far. The last one of a condemned task has not started."""
    condemned: tuple[str, ...] = ()
    """Tasks whose work breaks a check and that are not repaired any more."""
    forgiven: Mapping[str, int] = field(default_factory=dict)
    """By task, how many of its repairs do not count for their maximum."""
    reverting: tuple[str, ...] = ()
    """Tasks whose work is to be taken off the branch, by the next revert."""
    reverts: int = 0
    """How many reverts have ended."""
    taken_out: Mapping[str, str] = field(default_factory=dict)
    """By task, the commit that took its work off the branch last."""
    flaky: tuple[str, ...] = ()
    """Checks that failed and passed on the same commit."""

    @property
    def floors(self) -> dict[str, int]:
        """By task that was repaired, the number of its last attempt that no longer counts."""
        return {task: repairs[-1].floor for task, repairs in self.repairs.items() if repairs}

    @property
    def without_checks(self) -> "VerificationState":
        """The state where nothing is verified any more. Work that was taken off the branch, or is about to be, is not
        there all the same, and what its tasks land next is another piece of work."""
        gone = {*self.taken_out, *self.reverting}
        return VerificationState(
            repairs={task: repairs for task, repairs in self.repairs.items() if task in gone},
            condemned=tuple(task for task in self.condemned if task in gone),
            taken_out=self.taken_out,
            reverting=self.reverting,
        )

    @property
    def revert_mark(self) -> str:
        """The revision of the runs that take out the work of ``reverting``."""
        return f"revert-{self.reverts + 1}"

    def to_json(self) -> Json:
        """The state as plain data."""
        return {
            "levels": self.verified.levels,
            "tasks": dict(self.verified.tasks),
            "failedFrom": self.verified.failed_from,
            "checks": dict(self.checks),
            "passed": {check: list(passed) for check, passed in self.passed.items()},
            "epoch": self.epoch,
            "stopped": self.is_stopped,
            "settled": self.settled,
            "condition": list(self.condition),
            "repairs": {task: [list(repair) for repair in repairs] for task, repairs in self.repairs.items()},
            "condemned": list(self.condemned),
            "forgiven": dict(self.forgiven),
            "reverting": list(self.reverting),
            "reverts": self.reverts,
            "takenOut": dict(self.taken_out),
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
                VerifiedWork(
                    _count(found["levels"]),
                    {str(task): _count(n) for task, n in found["tasks"].items()},
                    _failed_from(found, status),
                    bool(found.get("reverting")),
                ),
                {str(name): str(fingerprint) for name, fingerprint in found["checks"].items()},
                {str(name): PassedCheck(*map(str, passed)) for name, passed in found["passed"].items()},
                _count(found["epoch"]),
                found["stopped"] is True,
                str(found["settled"]),
                (str(status), str(reason), str(message)),
                {task: tuple(map(_repair, repairs)) for task, repairs in found["repairs"].items()},
                tuple(map(str, found["condemned"])),
                {str(task): _count(number) for task, number in found["forgiven"].items()},
                tuple(map(str, found.get("reverting", ()))),
                _count(found.get("reverts", 0)),
                {str(task): str(commit) for task, commit in found.get("takenOut", {}).items()},
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

    def with_checks(self, checks: Mapping[str, str]) -> "VerificationState":
        """The state of a run whose checks are these now.

        Another check, or another command, has passed on nothing yet: all is verified again. What an earlier command has
        condemned is open again. Repairs that have started continue, since their work may land at any moment.

        Args:
            checks: By name, their fingerprints.
        """
        if checks == self.checks:
            return self
        new = replace(self, checks=dict(checks), settled="")
        if not self.checks:
            return new
        if not checks.items() <= self.checks.items():
            condition = ("Unknown", "Waiting", "nothing is verified yet since the checks have changed")
            # A revert that has started continues; its commit's message is the condition.
            new = replace(new._unverified(), condition=self.condition if self.reverting else condition)
        causes = {task: self.repairs[task][-1].check for task in self.condemned if task not in self.reverting}
        kept = checks.items() & self.checks.items()
        moot = [task for task, check in causes.items() if (check, checks.get(check)) not in kept]
        if moot or self.is_stopped:
            new = new._unverified()
        return new._acquitted(moot)

    def _unverified(self) -> "VerificationState":
        """The state in which all is verified again, after the revert where one has started."""
        verified = NOTHING_VERIFIED._replace(is_reverting=bool(self.reverting))
        return replace(self, verified=verified, is_stopped=False)

    def started_again(self) -> "VerificationState":
        """The state of a run that is started again after its end: what was broken is verified again, since a person may
        have corrected it, and the tasks that still break it are repaired again."""
        if self.reverting or (self.condition[0] != "False" and not self.condemned and not self.is_stopped):
            return self
        new = replace(self, verified=NOTHING_VERIFIED, is_stopped=False, settled="", epoch=self.epoch + 1)
        return new._acquitted(self.condemned)

    def retried(self, tasks: Mapping[str, int]) -> "VerificationState":
        """The state after a person has asked for further repairs.

        Args:
            tasks: By id, the number of the last attempt at that time: of a task that was condemned later, it says
                nothing.
        """
        open_ = [task for task in self.condemned if task not in self.reverting]
        again = [task for task in open_ if tasks.get(task, -1) >= self.repairs[task][-1].floor]
        if not again:
            return self
        return replace(
            self,
            is_stopped=False,
            settled="",
            condemned=tuple(task for task in self.condemned if task not in again),
            forgiven={**self.forgiven, **{task: len(self.repairs[task]) for task in again}},
        )

    def _acquitted(self, tasks: Iterable[str]) -> "VerificationState":
        """The state in which some condemned tasks have succeeded until they are found to break a check again. Those
        whose work is not on the branch any more run again."""
        gone = set(tasks)
        stays = gone - self.taken_out.keys()
        repairs = {task: each[:-1] if task in stays else each for task, each in self.repairs.items()}
        return replace(
            self,
            repairs={task: each for task, each in repairs.items() if each},
            condemned=tuple(task for task in self.condemned if task not in gone),
            forgiven={**self.forgiven, **{task: len(repairs[task]) for task in gone}},
        )


def _repair(found: Any) -> Repair:
    """A repair in plain data; in that of earlier versions its fields have names."""
    floor, check, run, commit, other = found.values() if isinstance(found, dict) else found
    return Repair(_count(floor), str(check), int(run), str(commit), str(other))


def _failed_from(found: Json, status: object) -> int | None:
    """The field of ``VerifiedWork``. Earlier versions did not have it: after a failure nothing is known to pass."""
    level = found.get("failedFrom", 0 if status == "False" else None)
    return None if level is None else _count(level)


def _count(value: object) -> int:
    if isinstance(value, int) and 0 <= value <= _COUNT_MAX:
        return value
    raise ValueError(f"not a number of levels or tasks: {value!r}")
