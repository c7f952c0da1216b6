"""What is asked of a publishing, as plain data: a project's repository, its branches, its forge and its tasks."""

from dataclasses import dataclass, field
from pathlib import Path

from parallelproject.forge.clients.server import Server, locate
from parallelproject.git.branches.remote_branches import Branches
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
    """Whether it has failed for good. Of the others, those whose work has landed are reported."""
    reason: str = ""
    """Why it failed, or had to be tried again."""
    level: int = 0
    after: tuple[str, ...] = ()
    """The tasks that it depends on directly; given where each has a branch."""


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
class PublishRequest:
    """What is to be published, and where."""

    url: str
    """The repository."""
    base: str
    """The branch that the work is to be merged into."""
    branch: str
    """The branch with the pull request; where there are several, what their names begin with."""
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
