"""The publishing of one project, from plain data: its branch or branches are offered, brought up to date, and merged.

May be killed at any moment and called again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from parallelproject.forge.connect import connected
from parallelproject.forge.merging import Waiting
from parallelproject.forge.offer import Offer
from parallelproject.forge.protocol import Forge, Words
from parallelproject.forge.publish import branch_per_task, shared_branch
from parallelproject.forge.published import Published
from parallelproject.forge.server import Server, locate
from parallelproject.forge.text import Report, TaskLine, render_body, render_title
from parallelproject.git.branches import Branches
from parallelproject.git.refs import TaskRefs, kept_work, task_branch
from parallelproject.model.spec import ForgeType, LandingStrategy, MergeMode

_AUTHORITY, _SIGNING_KEY = "ca.crt", "signing-key"
"""In the folder of credentials: the certificates of a server of one's own, and what commits are signed with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task as it stands."""

    id: str
    title: str = ""
    attempts: int = 1
    role: str = ""
    failed: bool = False
    """Whether it has failed for good. Of the others, those whose work has landed are told of."""
    reason: str = ""
    """Why it failed, or had to be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeAt:
    """Where pull requests are opened."""

    type: ForgeType = ForgeType.NONE
    url: str | None = None
    """By default the repository's host."""
    token: Path | None = None
    """The file that holds the token."""
    project: str = ""
    """What the repository is called there; by default taken from its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is to be published."""

    url: str
    """The repository."""
    base: str
    """The branch that the work is to be merged into."""
    branch: str
    """The shared branch, or what the tasks' branches begin with."""
    strategy: LandingStrategy = LandingStrategy.SHARED_BRANCH
    project: str
    run: str
    """The run's name in refs."""
    forge: ForgeAt = field(default_factory=ForgeAt)
    credentials: Path | None = None
    local: bool = False
    """Whether the repository may be one on this machine."""
    private: Path
    """A folder of our own."""
    state: Path | None = None
    """The repository on this machine that has the tasks' refs; by default they are in the one that is published."""
    title: str | None = None
    body: str | None = None
    labels: tuple[str, ...] = ()
    draft: bool = False
    merge: MergeMode = MergeMode.MANUAL
    wait_seconds: float = 3600.0
    """How long to wait for checks and approvals."""
    tasks: tuple[TaskRow, ...] = ()

    @property
    def branches(self) -> Branches:
        """The repository."""
        return Branches(
            url=self.url, private=self.private, local=self.local, credentials=self.credentials,
            signing_key=self._credential(_SIGNING_KEY),
        )  # fmt: skip

    @property
    def server(self) -> Server | None:
        """The forge's API; None: there is no forge.

        Raises:
            PolicyError: there can be none there.
        """
        at = self.forge
        if at.type is ForgeType.NONE:
            return None
        token = at.token or Path("/nonexistent/token")
        return locate(at.type, at.url, self.url, token, self._credential(_AUTHORITY), at.project)

    def _credential(self, name: str) -> Path | None:
        return self.credentials / name if self.credentials and (self.credentials / name).is_file() else None


async def publish(publication: Publication) -> list[Published]:
    """Publishes a project as its work stands on the remote now.

    Returns:
        Where it was left: one branch, or one for each task that has a branch.

    Raises:
        DeliveryError: it could not be published; called again, it goes on.
    """
    branches, state = publication.branches, publication.branches
    if publication.state:
        state = Branches(url=str(publication.state), private=publication.private / "state", local=True)
    refs = await asyncio.to_thread(state.task_refs, publication.run, [row.id for row in publication.tasks])
    lines = {row.id: _line(publication, row, refs.get(row.id, {})) for row in publication.tasks}
    told = tuple(line for line in lines.values() if line.commit or line.failed)
    waiting = Waiting(seconds=publication.wait_seconds)
    async with connected(publication.forge.type, branches, publication.server) as forge:
        if publication.strategy is LandingStrategy.SHARED_BRANCH:
            offer = Offer(publication.branch, publication.base, _words(publication, forge, told))
            return [await shared_branch(forge, branches, offer, publication.merge, waiting)]
        offers = [
            Offer(
                task_branch(publication.branch, line.id), publication.base, _words(publication, forge, (line,)), line.id
            )
            for line in told
            if line.commit
        ]
        return await branch_per_task(forge, branches, offers, publication.merge, waiting)


def _line(publication: Publication, row: TaskRow, refs: Mapping[str, str]) -> TaskLine:
    kept = kept_work(refs)
    folder = TaskRefs(publication.run, row.id).folder
    salvage = f"{folder}/{kept[-1]}" if row.failed and kept else None
    commit = refs.get("landed")
    failed = row.failed and not commit
    return TaskLine(row.id, row.title, commit, row.attempts, row.role, row.reason, failed, salvage)


def _words(publication: Publication, forge: Forge, lines: tuple[TaskLine, ...]) -> Words:
    report = Report(publication.project, lines, None, publication.branch, publication.base)
    title, body = publication.title, publication.body
    return Words(
        render_title(report, forge.limits, title), render_body(report, forge.limits, body), publication.labels,
        publication.draft,
    )  # fmt: skip
