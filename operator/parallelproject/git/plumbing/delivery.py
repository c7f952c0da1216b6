"""A delivery: one attempt of one task, and its workspace."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from parallelproject.git.plumbing.address import Address, parse
from parallelproject.git.plumbing.credentials import Credentials
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.git.plumbing.refs import PREFIX, TaskRefs, check_branch
from parallelproject.model.problem import quoted
from parallelproject.model.trackers import TRACKERS

MIB = 1024 * 1024
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f<>]")


class LandPolicy(StrEnum):
    """Which work may land on a branch that has moved."""

    MERGE = "Merge"
    """What merges without a conflict, file by file; renames are not followed."""
    DISJOINT = "Disjoint"
    """Only work on paths that no one else has changed since its base."""


@dataclass(frozen=True, slots=True)
class Person:
    """An author or committer."""

    name: str
    email: str

    def __post_init__(self) -> None:
        for value in (self.name, self.email):
            if not value.strip(" .,:;\"'") or _NOT_IN_NAMES.search(value) or len(value) > 200:
                raise PolicyError(
                    "InvalidPerson", f"author: {quoted(value)} is not a valid name or address for a commit"
                )


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for a task's work."""

    land: LandPolicy = LandPolicy.MERGE
    files: tuple[str, ...] = ()
    """The paths and globs that the task has declared."""
    enforce_files: bool = False
    """Refuse changes outside ``files``; has no effect without declared files."""
    max_file_bytes: int = 50 * MIB
    max_bytes: int = 500 * MIB
    """Maximum size of all changed files together."""
    secrets: bool = True
    """Refuse work that adds what looks like a credential."""
    no_change_fails: bool = False
    """A task that changes nothing has failed."""
    ignore: str = ""
    """Lines of gitignore(5): what the user's own git ignores, next to the ``.gitignore`` files of the work tree. The
    text of ``core.excludesFile`` (or its default place) and of ``.git/info/exclude``, in this order."""
    not_landed: tuple[str, ...] = TRACKERS
    """Paths and globs, as in ``files``, that are never part of a task's work: changes to them are skipped and reported.
    Callers add the task file of the run."""
    added: frozenset[str] = frozenset()
    """Files and folders that we have put into the workspace before the command: copies, links, what setup made. They
    are never part of a task's work, whatever the rules of ignoring say, and are not reported."""

    def is_added(self, path: str) -> bool:
        """Whether a path is one of ``added``, or below one."""
        if not self.added:
            return False
        parts = path.rstrip("/").split("/")
        return any("/".join(parts[:count]) in self.added for count in range(1, len(parts) + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictMerge:
    """A conflict of the branch that a task resolves."""

    commit: str
    """What the branch does not merge with."""
    paths: tuple[str, ...] = ()
    """The files that this task resolves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt of one task."""

    url: str
    branch: str
    """The shared branch, without ``refs/heads/``."""
    base_ref: str = "main"
    """Where the branch starts when it does not exist: a branch, a tag, or a ref in full."""
    run: str
    """The run's name in refs and trailers, from the project's uid."""
    task: str
    attempt: int = 1
    repair: int = 0
    """Number of the repair of the task's landed work; 0: the task's own work."""
    continues: str = ""
    """The ref of held work of the task that it follows on; empty: it starts at the tip of the branch."""
    merging: ConflictMerge | None = None
    """The conflict that it resolves, which needs all of the history; None: it resolves none."""
    title: str = ""
    """The commit's first line; the task's id when empty."""
    body: str = ""
    author: Person = Person("parallelproject", "parallelproject@localhost")
    committer: Person = Person("parallelproject", "parallelproject@localhost")
    local: bool = False
    """Whether the repository may be one on this machine."""
    credentials: Path | None = None
    signing_key: Path | None = None
    """An OpenSSH private key that commits on the branch are signed with."""
    policy: Policy = field(default_factory=Policy)
    depth: int = 1
    """How many commits of history are fetched; 0: all, with the tags and the base branch."""
    submodules: bool = False
    """Whether the submodules of the base are also checked out."""
    lfs: bool = False
    """Whether git-lfs checks out and lands the files that it manages."""
    ref_prefix: str = PREFIX
    known_secrets: tuple[str, ...] = field(default=(), repr=False)
    """Secret values of the task's workspace: work that has one of them does not land. Never part of an instruction."""

    def __post_init__(self) -> None:
        if self.attempt < 1 or self.depth < 0 or self.repair < 0:
            raise PolicyError("InvalidInstruction", "attempt counts from 1, depth and repair from 0")
        if self.merging and (self.depth or not _COMMIT.fullmatch(self.merging.commit)):
            raise PolicyError("InvalidInstruction", "merging needs a commit, and depth 0")
        if self.continues and not self.continues.startswith(f"{self.refs.folder}/held/"):
            raise PolicyError("InvalidInstruction", f"{quoted(self.continues)} does not hold work of this task")
        _ = self.address, self.refs, self.branch_ref
        check_branch(self.base_ref.removeprefix("refs/heads/").removeprefix("refs/tags/"), "baseRef")

    @property
    def address(self) -> Address:
        """The remote, checked."""
        return parse(self.url, local=self.local)

    @property
    def refs(self) -> TaskRefs:
        """The task's refs on the remote."""
        return TaskRefs(self.run, self.task, self.ref_prefix, self.repair)

    @property
    def branch_ref(self) -> str:
        """The branch, in full."""
        return check_branch(self.branch, "branch")

    @property
    def access(self) -> Credentials:
        """How the remote is accessed."""
        return Credentials(self.credentials, self.known_secrets)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt works on this machine."""

    workspace: Path
    """What the task sees. Nothing in it is trusted."""
    private: Path
    """What the task must not see: the git directory that commits are made from."""
