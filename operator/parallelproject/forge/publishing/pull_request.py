"""A branch has exactly one pull request: the existing one, or the one that is opened now."""

import asyncio
from dataclasses import dataclass

from parallelproject.forge.clients.clock import RetryClock
from parallelproject.forge.clients.protocol import ForgeClient, ForgePullRequest, PullState, Words
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.outcome import PolicyError, TransientError
from parallelproject.model.problem import quoted

_TRIES = 4


@dataclass(frozen=True, slots=True)
class Proposal:
    """The intended pull request: its branch, its base and its texts."""

    branch: str
    base: str
    words: Words
    task: str | None = None
    """The task of the branch, if each task has one."""
    level: int | None = None
    """The last level that it contains, if each level has one."""
    after: tuple[str, ...] = ()
    """The other branches whose work it contains: it is merged after them."""
    is_held: bool = False
    """Whether only a person may merge it: a part of it has failed."""
    obstacle: str = ""
    """Why it gets no pull request: it builds on rejected work."""


async def ensure_pull_request(
    forge: ForgeClient, branches: Branches, proposal: Proposal, clock: RetryClock
) -> ForgePullRequest | None:
    """The pull request of a branch, open and with these texts, or the ended one for the same work.

    One that has ended counts as long as the branch has nothing new. Forges refuse a second open one for the same head
    and base, so a late request whose answer was lost opens none. Gitea checks that without a lock: of several that were
    opened at the same moment all but one are closed again (``gitea.Gitea.create``).

    Returns:
        None: the branch was deleted, or has nothing new over its base, and was in no pull request.

    Raises:
        PolicyError: the base is not a branch.
        TransientError: after several lost answers none exists.
    """
    tips = await asyncio.to_thread(branches.tips, proposal.branch, proposal.base)
    if tips[proposal.base] is None:
        raise PolicyError("BaseRefMissing", f"git: the repository has no branch {quoted(proposal.base)} to merge into")
    tip = tips[proposal.branch]
    for tries in range(_TRIES):
        found = await forge.find(proposal.branch, proposal.base)
        if found is None or found.state is not PullState.OPEN:
            if tip is None or (found and found.sha == tip):
                return found
            if await asyncio.to_thread(branches.merged, proposal.branch, proposal.base):
                return found if found and found.state is PullState.MERGED else None
            found = await forge.create(proposal.branch, proposal.base, proposal.words)
        if found:
            await forge.update(found, proposal.words)
            return found
        await clock.back_off(tries)
    raise TransientError("NotOpened", f"the pull request of {proposal.branch} could not be opened in {_TRIES} tries")
