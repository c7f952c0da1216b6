"""The result of publishing each branch."""

from dataclasses import dataclass, replace
from enum import StrEnum

from parallelproject.core.followups.publishing import WELL
from parallelproject.forge.clients.protocol import ForgePullRequest, PullState
from parallelproject.forge.publishing.pull_request import Proposal


class PublishEnd(StrEnum):
    """The result of publishing a branch."""

    MERGED = "Merged"
    OPEN = "Open"
    """It waits for a person, as requested."""
    DRAFT = "Draft"
    """To be merged when its checks pass, but a draft."""
    CHECKS_FAILED = "ChecksFailed"
    NOT_IN_TIME = "NotInTime"
    """Checks, approvals or the forge took longer than the limit. A further call waits again."""
    MOVED = "Moved"
    """Someone else moved the branch or its base at each try."""
    BEHIND = "Behind"
    """The target requires the branch to be up to date."""
    CONFLICT = "Conflict"
    """It does not merge: the task has to run again, on the current target."""
    CLOSED = "Closed"
    """By a person, without a merge. It is not opened again, and no other one is opened."""
    NOTHING = "Nothing"
    """The branch has nothing new over its target."""
    REFUSED = "Refused"
    """Refused by the forge, for this pull request alone."""
    WAITING = "Waiting"
    """To be merged after others that it builds on, which are not merged yet."""

    @property
    def is_well(self) -> bool:
        """Whether the request is fulfilled."""
        return self.value in WELL

    @property
    def is_merged(self) -> bool:
        """Whether the target has all of it."""
        return self in (PublishEnd.MERGED, PublishEnd.NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    """The result of one branch."""

    branch: str
    end: PublishEnd
    number: int = 0
    """Number of the pull request; 0: none."""
    url: str = ""
    state: PullState | None = None
    merge_commit: str | None = None
    """The commit that merged it into the target."""
    message: str = ""
    paths: tuple[str, ...] = ()
    """The paths in conflict."""
    task: str | None = None
    """The task of the branch, if each task has one."""
    level: int | None = None
    """The last level that it contains, if each level has a branch."""
    is_news: bool = False
    """Whether this call merged it."""


def result_of(
    proposal: Proposal, end: PublishEnd, pull: ForgePullRequest | None, message: str = "", paths: tuple[str, ...] = ()
) -> PublishResult:
    """The result for a branch and its pull request, if it has one."""
    found = PublishResult(
        branch=proposal.branch, end=end, message=message, paths=paths, task=proposal.task, level=proposal.level
    )  # fmt: skip
    if pull is None:
        return found
    return replace(found, number=pull.number, url=pull.url, state=pull.state, merge_commit=pull.merge_commit)
