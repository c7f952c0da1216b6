"""No forge: plain git. The "pull request" is the branch itself, and merging it is a fast-forward of its base."""

import asyncio
from dataclasses import replace

from parallelproject.forge.clients.protocol import (
    Checks,
    ForgePullRequest,
    Merge,
    Merging,
    PullState,
    TextLimits,
    Words,
)
from parallelproject.git.branches.remote_branches import Branches


class NoForge:
    """A repository without a forge."""

    limits = TextLimits(title=250, body=65_536)
    has_checks = False
    needs_base = True

    def __init__(self, branches: Branches) -> None:
        self._branches = branches

    async def find(self, head: str, base: str) -> ForgePullRequest | None:
        """The branch; None: it does not exist."""
        tip = (await asyncio.to_thread(self._branches.tips, head))[head]
        if tip is None:
            return None
        merged = await asyncio.to_thread(self._branches.merged, head, base)
        return ForgePullRequest(
            number=0, url="", state=PullState.MERGED if merged else PullState.OPEN, head=head, base=base, sha=tip,
            words=Words(head), merge_commit=tip if merged else None,
        )  # fmt: skip

    async def read(self, pull: ForgePullRequest) -> ForgePullRequest:
        """See ``Forge``."""
        return await self.find(pull.head, pull.base) or replace(pull, state=PullState.CLOSED)

    async def create(self, head: str, base: str, words: Words) -> ForgePullRequest | None:
        """Nothing to open."""
        return await self.find(head, base)

    async def update(self, pull: ForgePullRequest, words: Words) -> None:
        """Nothing to update."""

    async def checks(self, pull: ForgePullRequest, sha: str) -> Checks:
        """No checks."""
        return Checks.NONE

    async def merge(self, pull: ForgePullRequest, sha: str) -> Merging:
        """See ``Forge``."""
        done = await asyncio.to_thread(self._branches.fast_forward, pull.base, pull.head, sha)
        return Merging(Merge.DONE if done else Merge.BEHIND)

    async def comment(self, pull: ForgePullRequest, text: str, key: str) -> None:
        """No place for comments."""
