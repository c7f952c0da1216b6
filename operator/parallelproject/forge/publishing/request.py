"""The request of a publishing, as plain data: a project's repository, its branches, its forge and its tasks."""

from dataclasses import dataclass, field
from pathlib import Path

from parallelproject.forge.clients.server import Server, locate
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.model.spec import ForgeType, LandingStrategy, MergeMode, PullRequestScope

_AUTHORITY, _SIGNING_KEY = "ca.crt", "signing-key"
"""In the folder of credentials: the certificates of a private server, and the signing key of commits."""


@dataclass(frozen=True, slots=True)
class GateLine:
    """What a gate has said of the work of a task."""

    name: str
    rejections: int = 0
    """How often it has rejected the work."""
    accepted: bool = True
    """Whether it has accepted the work at last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task and its state."""

    id: str
    title: str = ""
    attempts: int = 1
    role: str = ""
    failed: bool = False
    """Whether it has failed for good. Of the others, only those whose work has landed are reported."""
    reason: str = ""
    """Why it failed, or was retried."""
    level: int = 0
    after: tuple[str, ...] = ()
    """The tasks that it depends on directly; set if each task has a branch."""
    steps_passed: int = 0
    """How many of its attempts have only led to its next step."""
    gates: tuple[GateLine, ...] = ()
    """The gates that have judged its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeAt:
    """Where pull requests are opened."""

    type: ForgeType = ForgeType.NONE
    url: str | None = None
    """By default the repository's host."""
    token: Path | None = None
    """The file with the token."""
    project: str = ""
    """The name of the repository there; by default taken from its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowRequest:
    """What is known of a followed pull request, and what counts as feedback."""

    state: str = ""
    """The ``FeedbackState`` without the texts of findings, as JSON, packed (``packed_lines``)."""
    repaired: str = ""
    """By task, how many repairs of another kind it had, as JSON. Ids of tasks are no names of fields."""
    checks: bool = True
    reviews: bool = True
    conflicts: bool = True
    max_rounds: int = 3
    """Maximum number of repairs of one task because of feedback."""
    seconds: float = 1500.0
    """Maximum time."""
    quiet: float = 120.0
    """Time without a change after which it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRequest:
    """What to publish, and where."""

    url: str
    """The repository."""
    base: str
    """The branch that the work will be merged into."""
    branch: str
    """The branch with the pull request; if there are several, the prefix of their names."""
    line: str = ""
    """The branch that all tasks land on, if it is another one."""
    strategy: LandingStrategy = LandingStrategy.SHARED_BRANCH
    scope: PullRequestScope = PullRequestScope.PROJECT
    levels: int = 0
    """Number of levels that are done, from the first on."""
    whole_levels: int = 0
    """Number of levels that may be merged, from the first on, if each has a pull request: nothing in them has
    failed."""
    project: str
    run: str
    """The run's name in refs."""
    forge: ForgeAt = field(default_factory=ForgeAt)
    credentials: Path | None = None
    local: bool = False
    """Whether the repository may be on this machine."""
    private: Path
    """Our private folder."""
    state: Path | None = None
    """The repository on this machine that has the tasks' refs; by default they are in the one that is published."""
    title: str | None = None
    body: str | None = None
    labels: tuple[str, ...] = ()
    draft: bool = False
    merge: MergeMode = MergeMode.MANUAL
    is_whole: bool = False
    """Whether all tasks have succeeded. After the merge, only refs of work that did not land are kept; in a
    local run all refs are kept, for later inspection."""
    wait_seconds: float = 3600.0
    """How long to wait for checks and approvals."""
    tasks: tuple[TaskRow, ...] = ()
    follow: FollowRequest | None = None
    """The pull request is followed; None: it is published."""
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
        """The forge's API; None: no forge.

        Raises:
            PolicyError: the forge cannot exist there.
        """
        at = self.forge
        if at.type is ForgeType.NONE:
            return None
        token = at.token or Path("/nonexistent/token")
        return locate(at.type, at.url, self.url, token, self._credential(_AUTHORITY), at.project)

    def _credential(self, name: str) -> Path | None:
        return self.credentials / name if self.credentials and (self.credentials / name).is_file() else None
