"""What every forge can do, in one protocol."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol


class PullState(StrEnum):
    """The state of a pull request."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"
    """By a person, without a merge."""


class Checks(StrEnum):
    """The result of the checks of one commit."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    NONE = "none"
    """None is required, and none exists."""


class Merge(Enum):
    """The result of a merge request."""

    DONE = "done"
    MOVED = "moved"
    """Base or head has moved: read again."""
    BEHIND = "behind"
    """The target requires the branch to be up to date first."""
    BLOCKED = "blocked"
    """Something is missing: an approval, a check, or the forge's check for conflicts."""
    LOST = "lost"
    """The answer was lost. The merge may have happened: check."""


@dataclass(frozen=True, slots=True)
class Merging:
    """The answer to a merge, with the forge's own message."""

    merge: Merge
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of a pull request."""

    title: str
    body: str = ""
    labels: tuple[str, ...] = ()
    """Missing ones are added; other labels stay."""
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
    """The branch that it will be merged into."""
    sha: str
    """The head's commit, as known to the forge; if it has ended, the last one. Empty: unknown."""
    words: Words
    merge_commit: str | None = None
    handle: str = ""
    """Further data of the forge to find it again."""


@dataclass(frozen=True, slots=True)
class TextLimits:
    """Maximum length of texts, in UTF-16 units: no forge counts a character as more than that."""

    title: int
    body: int


class ForgeClient(Protocol):
    """One repository on one forge.

    All methods raise ``AnswerError`` if the forge refuses, and ``DeliveryError`` if it is not reachable.
    """

    limits: TextLimits
    has_checks: bool
    """Whether checks may start some time after a push."""
    needs_base: bool
    """Whether only a branch that contains its base's tip can be merged."""

    async def find(self, head: str, base: str) -> ForgePullRequest | None:
        """The open pull request of a branch; otherwise the newest of those that have ended."""
        ...

    async def read(self, pull: ForgePullRequest) -> ForgePullRequest:
        """The current state of a pull request."""
        ...

    async def create(self, head: str, base: str, words: Words) -> ForgePullRequest | None:
        """Opens one. None: it may exist now, opened by us or by others: check before a retry."""
        ...

    async def update(self, pull: ForgePullRequest, words: Words) -> None:
        """Updates title, body, draft state and labels; sends nothing if nothing differs."""
        ...

    async def checks(self, pull: ForgePullRequest, sha: str) -> Checks:
        """The result of the checks of this commit: those that the base requires, or all if it requires none."""
        ...

    async def merge(self, pull: ForgePullRequest, sha: str) -> Merging:
        """Merges, if the head is still this commit. Sent once; the answer shows whether to read again."""
        ...

    async def comment(self, pull: ForgePullRequest, text: str, key: str) -> None:
        """Adds a comment, once for each key."""
        ...


def chosen(pulls: Iterable[ForgePullRequest], head: str, base: str) -> ForgePullRequest | None:
    """The result of ``find``, from the list of a forge, newest first."""
    fitting = [pull for pull in pulls if (pull.head, pull.base) == (head, base)]
    return next((pull for pull in fitting if pull.state is PullState.OPEN), fitting[0] if fitting else None)


def missing_labels(pull: ForgePullRequest, words: Words) -> list[str]:
    """The labels that the pull request does not have; their case is the same to all forges."""
    present = {label.casefold() for label in pull.words.labels}
    return [label for label in dict.fromkeys(words.labels) if label.casefold() not in present]


def same_text(one: str, other: str) -> bool:
    """Whether two bodies are equal apart from line ends."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()
