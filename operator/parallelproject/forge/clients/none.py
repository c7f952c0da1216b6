"""No forge: plain git. The "pull request" is the branch itself, and merging it is a fast-forward of its base."""

import asyncio
from dataclasses import replace

from parallelproject.forge.clients.protocol import Checks, Limits, Merge, Merging, PullRequest, State, Words
from parallelproject.git.branches.remote_branches import Branches


class NoForge:
    """A repository without a forge."""

    limits = Limits(title=250, body=65_536)
    has_checks = False
    needs_base = True

    def __init__(self, branches: Branches) -> None:
        self._branches = branches

    async def find(self, head: str, base: str) -> PullRequest | None:
        """The branch; None: there is none."""
        tip = (await asyncio.to_thread(self._branches.tips, head))[head]
        if tip is None:
            return None
        merged = await asyncio.to_thread(self._branches.merged, head, base)
        return PullRequest(
            number=0, url="", state=State.MERGED if merged else State.OPEN, head=head, base=base, sha=tip,
            words=Words(head), merge_commit=tip if merged else None,
        )  # fmt: skip

    async def read(self, pull: PullRequest) -> PullRequest:
        """See ``Forge``."""
        return await self.find(pull.head, pull.base) or replace(pull, state=State.CLOSED)

    async def create(self, head: str, base: str, words: Words) -> PullRequest | None:
        """Nothing has to be opened."""
        return await self.find(head, base)

    async def update(self, pull: PullRequest, words: Words) -> None:
        """Nothing to be read on it."""

    async def checks(self, pull: PullRequest, sha: str) -> Checks:
        """None are made."""
        return Checks.NONE

    async def merge(self, pull: PullRequest, sha: str) -> Merging:
        """See ``Forge``."""
        done = await asyncio.to_thread(self._branches.fast_forward, pull.base, pull.head, sha)
        return Merging(Merge.DONE if done else Merge.BEHIND)

    async def comment(self, pull: PullRequest, text: str, key: str) -> None:
        """Nowhere to say it."""
