"""The publishing of one project, from plain data: its branch or branches are offered, brought up to date, and merged.

May be killed at any moment and called again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from parallelproject.forge.clients.connect import connected
from parallelproject.forge.clients.protocol import Words
from parallelproject.forge.clients.server import Server, locate
from parallelproject.forge.publishing.merging import Waiting
from parallelproject.forge.publishing.publish import one_by_one, shared_branch
from parallelproject.forge.publishing.published import End, Published
from parallelproject.forge.publishing.pull_request import Offer
from parallelproject.forge.publishing.split import Parts
from parallelproject.forge.publishing.text import Report, TaskLine, marked, render_body, render_title
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.branches.shared_branch import Line
from parallelproject.git.plumbing.refs import TaskRefs, kept_work
from parallelproject.model.spec import ForgeType, LandingStrategy, MergeMode, PullRequestScope

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
    level: int = 0
    after: tuple[str, ...] = ()
    """The tasks that it depends on directly; told where each has a branch."""


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
    """The branch that is offered, or what the names of those begin with that are."""
    line: str = ""
    """The branch that all tasks land on, where it is another one."""
    strategy: LandingStrategy = LandingStrategy.SHARED_BRANCH
    scope: PullRequestScope = PullRequestScope.PROJECT
    levels: int = 0
    """So many levels from the first on are done."""
    whole_levels: int = 0
    """So many levels from the first on may be merged, where each has a pull request: nothing of them has failed."""
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
    is_whole: bool = False
    """Whether all tasks have succeeded. Once that is merged, refs are kept of what did not land, and of nothing else;
    on one's own machine of all, for who looks at the run later."""
    wait_seconds: float = 3600.0
    """How long to wait for checks and approvals."""
    tasks: tuple[TaskRow, ...] = ()
    above: tuple[str, ...] = ()
    """Tasks of levels that are not done whose work may have landed: a level's branch ends before that."""

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
        Where it was left: one branch, or one for each level or task.

    Raises:
        DeliveryError: it could not be published; called again, it goes on.
    """
    branches, state = publication.branches, publication.branches
    if publication.state:
        state = Branches(url=str(publication.state), private=publication.private / "state", local=True)
    names = [*(row.id for row in publication.tasks), *publication.above]
    refs = await asyncio.to_thread(state.task_refs, publication.run, names)
    lines = {row.id: _line(publication, row, refs.get(row.id, {})) for row in publication.tasks}
    above = [commit for task in publication.above if (commit := refs.get(task, {}).get("landed"))]
    told = tuple(line for line in lines.values() if line.commit or line.failed)
    done = await _publish(publication, branches, told, above)
    if publication.is_whole and publication.state is None:
        merged = {one.task for one in done if one.end is End.MERGED}
        landed = {task: line.commit for task, line in lines.items() if line.commit}
        arrived = await asyncio.to_thread(branches.among, publication.base, landed.values())
        gone = {task: commit for task, commit in landed.items() if task in merged or commit in arrived}
        await asyncio.to_thread(branches.forget_landed, publication.run, gone)
    return done


async def _publish(
    publication: Publication, branches: Branches, told: tuple[TaskLine, ...], above: Sequence[str]
) -> list[Published]:
    waiting = Waiting(seconds=publication.wait_seconds)
    per_task = publication.strategy is LandingStrategy.BRANCH_PER_TASK
    async with connected(publication.forge.type, branches, publication.server) as forge:

        def words(
            shown: Sequence[TaskLine], level: int | None = None, after: Sequence[str] = (), commit: str = ""
        ) -> Words:
            report = Report(
                publication.project, tuple(shown), level, publication.branch, publication.base, tuple(after),
                shown[0] if per_task else None,
            )  # fmt: skip
            title = render_title(report, forge.limits, publication.title)
            body = marked(render_body(report, forge.limits, publication.body), publication.run, commit, forge.limits)
            return Words(title, body, publication.labels, publication.draft)

        if not per_task and publication.scope is PullRequestScope.PROJECT:
            offer = Offer(publication.branch, publication.base, words(told))
            return [await shared_branch(forge, branches, offer, publication.merge, waiting)]
        line = Line(branches, publication.line or publication.branch, publication.base)
        parts = Parts(forge, line, publication.branch, publication.run, {line.id: line for line in told}, words)
        if per_task:
            offers = await parts.tasks({row.id: row.after for row in publication.tasks})
            return await one_by_one(forge, branches, offers, publication.merge, waiting)
        level_of = {row.id: row.level for row in publication.tasks}
        offers = await parts.levels(level_of, publication.whole_levels, above)
        done = await one_by_one(forge, branches, offers, publication.merge, waiting, anew=False)
        is_merged = publication.merge is MergeMode.WHEN_CHECKS_PASS and all(one.end.is_merged for one in done)
        if is_merged and publication.state is None:  # else it is a copy of somebody's branch, who goes on with that
            await asyncio.to_thread(line.follow)
        return done


def _line(publication: Publication, row: TaskRow, refs: Mapping[str, str]) -> TaskLine:
    kept = kept_work(refs)
    folder = TaskRefs(publication.run, row.id).folder
    salvage = f"{folder}/{kept[-1]}" if row.failed and kept else None
    commit = refs.get("landed")
    failed = row.failed and not commit
    return TaskLine(row.id, row.title, commit, row.attempts, row.role, row.reason, failed, salvage)
