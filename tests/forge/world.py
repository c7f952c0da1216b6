"""What a forge keeps: pull requests over a real repository, checks, labels, comments. The dialects speak for it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.git.remote import Remote, git


@dataclass
class Pull:
    """A pull request."""

    number: int
    head: str
    base: str
    title: str
    body: str
    draft: bool
    labels: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    state: str = "open"
    fork: bool = False
    """Whether the head is a branch of somebody's fork."""
    last: str = ""
    """The head when it ended."""
    merge_commit: str | None = None


class RefusedError(Exception):
    """Why a merge is refused."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class World:
    """One repository on a forge."""

    project = "acme/shop"

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.pulls: list[Pull] = []
        self.labels: list[str] = []
        self.required: list[str] = []
        self.statuses: dict[str, dict[str, str]] = {}
        self.ci: Callable[[str], str | None] = lambda sha: None
        """What the check "ci" says of a commit: passed, pending, failed; None: it does not show up."""
        self.strict = False
        """Whether a branch must contain its base's tip."""
        self.approved = True
        self.moved: int = 0
        """So many merges find that the base was modified."""
        self.merges: list[tuple[int, str]] = []
        """Those that were carried out: number, and the head that was merged."""
        self.lag: dict[str, str] = {}
        """By branch, the tip that the forge still believes in."""

    def tip(self, branch: str) -> str | None:
        return git(self.remote.path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False) or None

    def sha(self, pull: Pull) -> str:
        """The head as the forge knows it."""
        if pull.state != "open":
            return pull.last
        return self.lag.get(pull.head) or self.tip(pull.head) or pull.last

    def open(self, head: str, base: str) -> Pull | None:
        return next((p for p in self.pulls if (p.head, p.base, p.state, p.fork) == (head, base, "open", False)), None)

    def pull(self, number: int) -> Pull:
        return self.pulls[number - 1]

    def create(self, head: str, base: str, title: str, body: str, draft: bool, *, empty: bool = False) -> Pull:
        """Raises RefusedError: exists, or nothing."""
        if self.open(head, base):
            raise RefusedError("exists")
        if not empty and not git(
            self.remote.path, "rev-list", "--max-count=1", f"refs/heads/{base}..refs/heads/{head}"
        ):
            raise RefusedError("nothing")
        pull = Pull(len(self.pulls) + 1, head, base, title, body, draft)
        self.pulls.append(pull)
        return pull

    def close(self, pull: Pull) -> None:
        pull.last, pull.state = self.sha(pull), "closed"

    def checks(self, sha: str) -> dict[str, str]:
        said = self.ci(sha)
        return {**self.statuses.get(sha, {}), **({"ci": said} if said else {})}

    def is_behind(self, pull: Pull) -> bool:
        base = self.tip(pull.base)
        assert base
        return git(self.remote.path, "merge-base", base, self.sha(pull)) != base

    def merge(self, pull: Pull, sha: str) -> None:
        """Raises RefusedError: closed, draft, head, base, behind, approval, checks, conflict."""
        if pull.state != "open":
            raise RefusedError("closed")
        if pull.draft:
            raise RefusedError("draft")
        if self.moved:
            self.moved -= 1
            raise RefusedError("base")
        if sha != self.sha(pull):
            raise RefusedError("head")
        path, base = self.remote.path, self.tip(pull.base)
        assert base
        if self.strict and self.is_behind(pull):
            raise RefusedError("behind")
        if not self.approved:
            raise RefusedError("approval")
        found = self.checks(sha)
        if any(found.get(name) != "passed" for name in self.required):
            raise RefusedError("checks")
        tree = git(path, "merge-tree", "--write-tree", "--name-only", "--no-messages", base, sha, check=False)
        if "\n" in tree:
            raise RefusedError("conflict")
        made = git(path, "commit-tree", "-p", base, "-p", sha, tree, "-m", f"Merge #{pull.number}: {pull.title}")
        git(path, "update-ref", f"refs/heads/{pull.base}", made, base)
        pull.state, pull.last, pull.merge_commit = "merged", sha, made
        self.merges.append((pull.number, sha))
