"""What is recorded of the feedback on a pull request: who acts on it, and what has been answered. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

Json = dict[str, Any]


class FindingKind(StrEnum):
    """What has found something."""

    CHECK = "Check"
    REVIEW = "Review"
    CONFLICT = "Conflict"


class ReviewFinding(NamedTuple):
    """Something on a pull request that a task has to act on."""

    key: str
    """The same whenever it is seen: it is acted on once."""
    kind: FindingKind
    task: str
    """Who acts on it; empty: no task has to do with it."""
    title: str
    """In a few words, for people."""
    text: str
    """All of it, for the task."""
    thread: str = ""
    """The thread that gets the reply; empty: the pull request."""
    paths: tuple[str, ...] = ()
    """Of a conflict: the files that the task resolves."""

    @property
    def group(self) -> str:
        """The conflict that it is a part of; empty: none."""
        return self.key.rpartition("/")[0] if self.kind is FindingKind.CONFLICT else ""


def conflict_group(commit: str) -> str:
    """The name of the conflict with a commit; the key of each finding of it has its task after that."""
    return f"conflict/{commit[:12]}"


def may_come_again(key: str, sha: str) -> bool:
    """Whether a finding may be found again when this commit is at the head of the pull request."""
    return not key.startswith("check/") or key.endswith(f"/{sha[:12]}")


class LeftReason(StrEnum):
    """Why no task acts on a finding."""

    NO_OWNER = "NoOwner"
    """No task of the run has written the lines."""
    ROUNDS_OVER = "RoundsOver"
    """Its task has run ``maxRounds`` times because of feedback."""
    SKIPPED = "TaskSkipped"
    """Its task is skipped, or was removed."""


class FeedbackRepair(NamedTuple):
    """One run of a task because of feedback."""

    floor: int
    """The task's attempts up to this number no longer count."""
    number: int
    """Of all repairs of the task, for the trailer of its commit."""
    findings: tuple[ReviewFinding, ...]


class IncomingBranch(NamedTuple):
    """A commit that the branch has to contain before tasks run."""

    commit: str
    name: str
    paths: tuple[str, ...] = ()
    """Where it does not merge: these files get conflict markers, which the tasks resolve."""

    @property
    def group(self) -> str:
        """See ``ReviewFinding.group``."""
        return conflict_group(self.commit)


@dataclass(frozen=True, slots=True)
class FeedbackState:
    """The record, which is written before anything is done because of it."""

    repairs: Mapping[str, tuple[FeedbackRepair, ...]] = field(default_factory=dict)
    """By task, its repairs so far."""
    left: Mapping[str, str] = field(default_factory=dict)
    """By key, the findings that no task acts on, and why."""
    answered: tuple[str, ...] = ()
    """Keys of the findings whose reply is sent."""
    incoming: tuple[IncomingBranch, ...] = ()
    """What the last repairs work on top of."""

    @property
    def floors(self) -> dict[str, int]:
        """By task, the number of its last attempt that no longer counts."""
        return {task: repairs[-1].floor for task, repairs in self.repairs.items() if repairs}

    @property
    def keys(self) -> frozenset[str]:
        """The findings that somebody acts on, or that are left to people."""
        acted = {one.key for repairs in self.repairs.values() for repair in repairs for one in repair.findings}
        return frozenset(acted | self.left.keys())

    @property
    def unanswered(self) -> list[tuple[FeedbackRepair, ReviewFinding]]:
        """The findings that tasks act on and whose reply is not sent."""
        return [
            (repair, one)
            for repairs in self.repairs.values()
            for repair in repairs
            for one in repair.findings
            if one.key not in self.answered
        ]

    def with_answer(self, key: str) -> "FeedbackState":
        """The state with one more reply sent."""
        return self if key in self.answered else replace(self, answered=(*self.answered, key))

    def with_findings(
        self,
        found: Iterable[ReviewFinding],
        able: Collection[str],
        attempts: Mapping[str, int],
        repaired: Mapping[str, int],
        most: int,
        incoming: Sequence[IncomingBranch] = (),
    ) -> "FeedbackState":
        """The state when new findings are given to their tasks.

        All findings of one task are one repair, and get one commit.

        Args:
            found: The findings; those that are known already change nothing.
            able: The tasks that may run.
            attempts: By task, the number of its last attempt.
            repaired: By task, how many repairs of another kind it had.
            most: Maximum number of repairs of one task because of feedback.
            incoming: What they have to work on top of.
        """
        new = {one.key: one for one in reversed(list(found)) if one.key not in self.keys}
        why = {key: reason for key, one in new.items() if (reason := self._obstacle(one, able, most))}
        # A merge of which somebody resolves a part cannot be published: all of it, or nothing.
        open_groups = {new[key].group: reason for key, reason in why.items() if new[key].group}
        left, given = dict(self.left), dict[str, list[ReviewFinding]]()
        for key, one in reversed(new.items()):
            if obstacle := why.get(key) or open_groups.get(one.group):
                left[key] = obstacle
            else:
                given.setdefault(one.task, []).append(one)
        groups = {one.group for findings in given.values() for one in findings}
        incoming = [each for each in incoming if not each.paths or each.group in groups]
        repairs = dict(self.repairs)
        for task, findings in given.items():
            before = repairs.get(task, ())
            number = len(before) + repaired.get(task, 0) + 1
            repairs[task] = (*before, FeedbackRepair(attempts.get(task, 0), number, tuple(findings)))
        return replace(self, repairs=repairs, left=left, incoming=tuple(incoming) if given else self.incoming)

    def _obstacle(self, one: "ReviewFinding", able: Collection[str], most: int) -> str:
        """Why no task can act on a finding; empty: one can."""
        if not one.task:
            return LeftReason.NO_OWNER
        if one.task not in able:
            return LeftReason.SKIPPED
        return LeftReason.ROUNDS_OVER if len(self.repairs.get(one.task, ())) >= most else ""

    def shortened(self, sha: str) -> "FeedbackState":
        """The state without what is not needed any more, where it has to be small: texts of findings that are
        answered, and what was found on earlier commits and answered.

        Args:
            sha: The commit at the head of the pull request: checks of others do not come again.
        """
        answered = frozenset(self.answered)

        def kept(repair: FeedbackRepair) -> FeedbackRepair:
            return repair._replace(
                findings=tuple(
                    one._replace(title="", text="", thread="", paths=()) if one.key in answered else one
                    for one in repair.findings
                    if one.key not in answered or may_come_again(one.key, sha)
                )
            )

        repairs = {task: tuple(map(kept, repairs)) for task, repairs in self.repairs.items()}
        left = {key: why for key, why in self.left.items() if may_come_again(key, sha)}
        return replace(
            self, repairs=repairs, left=left, answered=tuple(key for key in self.answered if may_come_again(key, sha))
        )

    def to_json(self) -> Json:
        """The state as plain data."""
        return {
            "repairs": {
                task: [{**each._asdict(), "findings": [one._asdict() for one in each.findings]} for each in repairs]
                for task, repairs in self.repairs.items()
            },
            "left": dict(self.left),
            "answered": list(self.answered),
            "incoming": [each._asdict() for each in self.incoming],
        }

    @classmethod
    def from_json(cls, found: Json) -> "FeedbackState":
        """The state in plain data.

        Raises:
            ValueError: it is not in our format.
        """
        try:
            return cls(
                {str(task): tuple(map(_repair, repairs)) for task, repairs in found["repairs"].items()},
                {str(key): str(why) for key, why in found["left"].items()},
                tuple(map(str, found["answered"])),
                tuple(
                    IncomingBranch(str(each["commit"]), str(each["name"]), tuple(map(str, each["paths"])))
                    for each in found["incoming"]
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not the state of feedback: {error!r}") from None


def _repair(found: Json) -> FeedbackRepair:
    return FeedbackRepair(int(found["floor"]), int(found["number"]), tuple(map(read_finding, found["findings"])))


def read_finding(found: Json) -> ReviewFinding:
    """A finding in plain data.

    Raises:
        ValueError, KeyError, TypeError: it is not in our format.
    """
    given = {name: str(found[name]) for name in ("key", "task", "title", "text", "thread")}
    return ReviewFinding(kind=FindingKind(found["kind"]), paths=tuple(map(str, found.get("paths", ()))), **given)
