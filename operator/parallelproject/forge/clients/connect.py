"""The forge of a repository, by its kind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from parallelproject.forge.clients.clock import RetryClock
from parallelproject.forge.clients.gitea import Gitea
from parallelproject.forge.clients.gitea_review import GiteaReview
from parallelproject.forge.clients.github import GitHub
from parallelproject.forge.clients.github_review import GitHubReview
from parallelproject.forge.clients.gitlab import GitLab
from parallelproject.forge.clients.gitlab_review import GitLabReview
from parallelproject.forge.clients.none import NoForge
from parallelproject.forge.clients.protocol import ForgeClient
from parallelproject.forge.clients.review import ReviewClient
from parallelproject.forge.clients.server import Server
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.spec import ForgeType

_KINDS: dict[ForgeType, type[GitHub] | type[GitLab] | type[Gitea]] = {
    ForgeType.GITHUB: GitHub,
    ForgeType.GITLAB: GitLab,
    ForgeType.GITEA: Gitea,
}


_REVIEWS: dict[type, type[GitHubReview] | type[GitLabReview] | type[GiteaReview]] = {
    GitHub: GitHubReview,
    GitLab: GitLabReview,
    Gitea: GiteaReview,
}


def review_of(forge: ForgeClient) -> ReviewClient | None:
    """The reviews of a connected forge; None: it has none."""
    if isinstance(forge, GitHub | GitLab | Gitea):
        return _REVIEWS[type(forge)](forge.session, forge.authors)
    return None


@asynccontextmanager
async def connected(
    kind: ForgeType, branches: Branches, server: Server | None = None, clock: RetryClock | None = None
) -> AsyncIterator[ForgeClient]:
    """A connected forge, within the block.

    Args:
        kind: Which one.
        branches: The repository, as git sees it.
        server: The address of the forge (``server.locate``); not needed for ``None``.
        clock: Another one in tests.

    Raises:
        PolicyError: a forge has no address.
    """
    if kind is ForgeType.NONE:
        yield NoForge(branches)
        return
    if server is None:
        raise PolicyError("InvalidInstruction", f"forge: {kind} needs an address and a token")
    forge = _KINDS[kind](server, clock or RetryClock())
    async with forge.session:
        yield forge
