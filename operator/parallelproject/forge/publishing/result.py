"""How the publishing of each branch ended."""

from dataclasses import dataclass, replace
from enum import StrEnum

from parallelproject.core.followups.publishing import WELL
from parallelproject.forge.clients.protocol import ForgePullRequest, PullState
from parallelproject.forge.publishing.pull_request import Proposal


class PublishEnd(StrEnum):
    """How the publishing of a branch ended."""

    MERGED = "Merged"
    OPEN = "Open"
    """It waits for a person, as was asked for."""
    DRAFT = "Draft"
    """To be merged when its checks pass, but a draft."""
    CHECKS_FAILED = "ChecksFailed"
    NOT_IN_TIME = "NotInTime"
    """Checks, approvals or the forge took longer than we were to wait. Called again, it waits on."""
    MOVED = "Moved"
    """Somebody else moved the branch or its base at each try."""
    BEHIND = "Behind"
    """The target wants the branch to be brought up to date."""
    CONFLICT = "Conflict"
    """It does not merge: the task has to run again, on what the target has now."""
    CLOSED = "Closed"
    """By a person, without a merge. It is not opened again, and no other one is opened."""
    NOTHING = "Nothing"
    """The branch has nothing that its target has not."""
    REFUSED = "Refused"
    """By the forge, for this pull request alone."""
    WAITING = "Waiting"
    """To be merged after others that it builds on, which are not merged yet."""

    @property
    def is_well(self) -> bool:
        """Whether what was asked for is done."""
        return self.value in WELL

    @property
    def is_merged(self) -> bool:
        """Whether the target has all of it."""
        return self in (PublishEnd.MERGED, PublishEnd.NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    """What became of one branch."""

    branch: str
    end: PublishEnd
    number: int = 0
    """Of the pull request; 0: there is none."""
    url: str = ""
    state: PullState | None = None
    merge_commit: str | None = None
    """What brought it into the target, there."""
    message: str = ""
    paths: tuple[str, ...] = ()
    """Those in conflict."""
    task: str | None = None
    """Whose branch it is, where each task has one."""
    level: int | None = None
    """The level that it ends with, where each has a branch."""
    is_news: bool = False
    """Whether it was merged by this very call."""


def result_of(
    proposal: Proposal, end: PublishEnd, pull: ForgePullRequest | None, message: str = "", paths: tuple[str, ...] = ()
) -> PublishResult:
    """The result for a branch and its pull request, where there is one."""
    found = PublishResult(
        branch=proposal.branch, end=end, message=message, paths=paths, task=proposal.task, level=proposal.level
    )  # fmt: skip
    if pull is None:
        return found
    return replace(found, number=pull.number, url=pull.url, state=pull.state, merge_commit=pull.merge_commit)
