"""What every forge can do, in one vocabulary."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol


class PullState(StrEnum):
    """Where a pull request stands."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"
    """By somebody, without a merge."""


class Checks(StrEnum):
    """What the checks say about one commit."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    NONE = "none"
    """None is required, and none has shown up."""


class Merge(Enum):
    """What came of asking for a merge."""

    DONE = "done"
    MOVED = "moved"
    """Base or head is not what it was: look again."""
    BEHIND = "behind"
    """The target wants the branch to be brought up to date first."""
    BLOCKED = "blocked"
    """Something is missing: an approval, a check, or the forge's own opinion on conflicts."""
    LOST = "lost"
    """The answer was lost. It may have happened: look."""


@dataclass(frozen=True, slots=True)
class Merging:
    """The answer to a merge, with the forge's own words."""

    merge: Merge
    said: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What is to be read on a pull request."""

    title: str
    body: str = ""
    labels: tuple[str, ...] = ()
    """Added where they are missing; others' labels stay."""
    draft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgePullRequest:
    """A pull request (at GitLab: a merge request) as the forge shows it."""

    number: int
    url: str
    state: PullState
    head: str
    """The branch with the work."""
    base: str
    """The branch that it is to be merged into."""
    sha: str
    """The head's commit, as far as the forge has noticed; of one that has ended, the last it had. Empty: unknown."""
    words: Words
    merge_commit: str | None = None
    handle: str = ""
    """Whatever else the forge needs to find it again."""


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How long texts may be, in UTF-16 units: no forge counts a character as more than that."""

    title: int
    body: int


class ForgeClient(Protocol):
    """One repository on one forge.

    All methods raise ``AnswerError`` where the forge refuses, and ``DeliveryError`` where it cannot be asked.
    """

    limits: TextLimits
    has_checks: bool
    """Whether checks can show up some time after a push."""
    needs_base: bool
    """Whether only a branch that contains its base's tip can be merged."""

    async def find(self, head: str, base: str) -> ForgePullRequest | None:
        """The open pull request of a branch; where there is none, the newest of those that have ended."""
        ...

    async def read(self, pull: ForgePullRequest) -> ForgePullRequest:
        """The same pull request as it is now."""
        ...

    async def create(self, head: str, base: str, words: Words) -> ForgePullRequest | None:
        """Opens one. None: it may be there now, by us or by another: look before trying again."""
        ...

    async def update(self, pull: ForgePullRequest, words: Words) -> None:
        """Brings title, body, draft state and labels up to date; asks for nothing where nothing differs."""
        ...

    async def checks(self, pull: ForgePullRequest, sha: str) -> Checks:
        """What the checks say about this commit: those that the base requires, or all where it requires none."""
        ...

    async def merge(self, pull: ForgePullRequest, sha: str) -> Merging:
        """Merges, if the head still is this commit. Asked once; the answer says whether to look again."""
        ...

    async def comment(self, pull: ForgePullRequest, text: str, key: str) -> None:
        """Says something, once for each key."""
        ...


def chosen(pulls: Iterable[ForgePullRequest], head: str, base: str) -> ForgePullRequest | None:
    """The one that ``find`` is to give, of those that a forge has listed, newest first."""
    fitting = [pull for pull in pulls if (pull.head, pull.base) == (head, base)]
    return next((pull for pull in fitting if pull.state is PullState.OPEN), fitting[0] if fitting else None)


def missing_labels(pull: ForgePullRequest, words: Words) -> list[str]:
    """The labels that the pull request does not have; their case is the same to all forges."""
    present = {label.casefold() for label in pull.words.labels}
    return [label for label in dict.fromkeys(words.labels) if label.casefold() not in present]


def same_text(one: str, other: str) -> bool:
    """Whether two bodies differ in nothing but what forges make of line ends."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()
