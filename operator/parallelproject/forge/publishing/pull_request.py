"""A branch has exactly one pull request: the one that is there, or the one that is opened now."""

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
    """A pull request as it is to be: its branch, its base and its words."""

    branch: str
    base: str
    words: Words
    task: str | None = None
    """Whose branch it is, where each task has one."""
    level: int | None = None
    """The level that it ends with, where each has one."""
    after: tuple[str, ...] = ()
    """The branches whose work it contains and not only its own: it is merged after them."""
    is_held: bool = False
    """Whether it is left to a person, whatever is asked for: something of it has failed."""
    obstacle: str = ""
    """Why it gets no pull request: it builds on what was rejected."""


async def ensure_pull_request(
    forge: ForgeClient, branches: Branches, proposal: Proposal, clock: RetryClock
) -> ForgePullRequest | None:
    """The pull request of a branch, open and with these words on it, or the one that has dealt with the same work.

    One that has ended counts as long as the branch has gained nothing since. Forges refuse a second open one for the
    same head and base, so what arrives late after its answer was lost makes none. Gitea looks for it without a lock:
    of several that were opened in the same moment all but one are closed again (``gitea.Gitea.create``).

    Returns:
        None: the branch is gone, or has nothing that its base has not, and was in no pull request.

    Raises:
        PolicyError: the base is no branch.
        TransientError: after several lost answers there still is none.
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
