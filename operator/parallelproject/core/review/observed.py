"""A pull request as a forge shows it, and the branch's commits. Pure data."""

import re
from collections.abc import Mapping
from typing import NamedTuple

_MARK = re.compile(r"<!-- parallelproject: ([^\n]+?) -->")


class CodeLine(NamedTuple):
    """A line of a file in a commit."""

    commit: str
    path: str
    line: int
    """From 1."""


class FailedCheck(NamedTuple):
    """A check of a commit that has failed."""

    name: str
    text: str = ""
    """What it says of its failure: a description, a summary, the end of its log."""
    url: str = ""
    """Where people read more."""
    lines: tuple[tuple[str, int], ...] = ()
    """Paths and lines that it has marked."""


class ReviewComment(NamedTuple):
    """One comment."""

    id: str
    """Its name at the forge; the same for good."""
    author: str
    body: str
    is_trusted: bool = True
    """Whether its author may write to the repository. What others write is no order to a task."""

    @property
    def is_ours(self) -> bool:
        """Whether pproj has written it."""
        return bool(marks_in(self.body))


class ReviewThread(NamedTuple):
    """Comments on one line of code, or the text of a review that requests changes."""

    id: str
    """What a reply is sent to; empty: replies are comments of the pull request."""
    comments: tuple[ReviewComment, ...]
    """The oldest one first."""
    path: str = ""
    """Empty: it is about the whole."""
    line: int = 0
    """In ``commit``; 0: a line that the branch has removed, or none."""
    commit: str = ""
    is_resolved: bool = False


class PullReview(NamedTuple):
    """What a forge shows of an open pull request."""

    sha: str
    """The commit at its head."""
    failed: tuple[FailedCheck, ...] = ()
    """The failed checks of that commit."""
    stopped: tuple[str, ...] = ()
    """Names of checks that have ended without a result, such as cancelled ones: people decide what to do."""
    is_pending: bool = False
    """Whether a check of that commit has not ended."""
    has_passed: bool = False
    """Whether it has checks, and all have passed."""
    is_approved: bool = False
    """Whether a reviewer approves it, and none requests changes."""
    is_rejected: bool = False
    """Whether a reviewer requests changes."""
    threads: tuple[ReviewThread, ...] = ()
    marks: frozenset[str] = frozenset()
    """The marks of our own comments."""


class LandedCommit(NamedTuple):
    """A commit of the branch that its base does not have."""

    commit: str
    task: str
    """Empty: it is of no task of the run."""
    paths: tuple[str, ...]
    repair: int = 0
    """Number of the repair that it is of; 0: the task's first work."""


class BranchWork(NamedTuple):
    """The commits of the branch."""

    commits: tuple[LandedCommit, ...] = ()
    """The oldest one first."""
    blamed: Mapping[CodeLine, str] = {}
    """By line, the commit that changed it last."""


class BranchConflict(NamedTuple):
    """Another branch that does not merge with the branch."""

    name: str
    """As people know it."""
    commit: str
    """Its tip."""
    paths: tuple[str, ...]
    """The paths that both have changed."""


def mark(key: str) -> str:
    """The invisible part of a comment by which it is found again."""
    return f"<!-- parallelproject: {key} -->"


def marks_in(text: str) -> list[str]:
    """The keys of the marks in a comment."""
    return _MARK.findall(text)
