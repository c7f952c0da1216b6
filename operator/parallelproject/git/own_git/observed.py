"""What the task's own git shows: the commits that it made, its refs, what it has checked out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from parallelproject.git.own_git.objects import TooMuchError, commits_among, copied, new_files
from parallelproject.git.own_git.refs import OwnRefs, own_directory, read_refs
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.store import GitStore

_COMMITS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class OwnCommit:
    """A commit that the task has made."""

    name: str
    tree: str
    parents: tuple[str, ...]
    time: int
    """Its own time, in seconds since the epoch."""
    subject: str


@dataclass(frozen=True, slots=True)
class ObservedGit:
    """The task's own git, as far as it can be read."""

    store: GitStore
    """The objects that the task made, on top of those of the base."""
    refs: OwnRefs = field(default_factory=OwnRefs)
    commits: Mapping[str, OwnCommit] = field(default_factory=dict)
    """The commits that the task made, newest first."""
    trouble: str = ""
    """Why it could not be read."""

    def start(self, base: str) -> str:
        """The commit that the task's files started from: older than the base if the task has checked that out."""
        head = self.refs.head
        if head is None or head == base or self.store.commit_of(head) is None:
            return base
        try:
            found = self.store.git.run("merge-base", head, base, codes=(0, 1)).stdout.decode().split()
        except GitFailedError:  # its history is broken
            return base
        return found[0] if found else base

    def below(self, names: Iterable[str]) -> set[str]:
        """The task's commits that lead to one of these."""
        found, waiting = set[str](), list(names)
        while waiting:
            name = waiting.pop()
            if name in self.commits and name not in found:
                found.add(name)
                waiting += self.commits[name].parents
        return found


def observe(store: GitStore) -> ObservedGit:
    """Reads the workspace's ``.git``."""
    own = own_directory(store.place.workspace)
    if own is None:
        return ObservedGit(store, trouble="its .git was removed, or is not a folder")
    refs = read_refs(own)
    files = new_files(store, own)
    if not files and not refs.worktrees:
        return ObservedGit(store, refs)
    try:
        seen, names = copied(store, files)
        refs = _peeled(seen, refs)
        made = ObservedGit(seen, refs, _described(seen, commits_among(seen, store, names)))
    except TooMuchError:
        return ObservedGit(store, refs, trouble="its .git is too large")
    except GitFailedError as error:
        return ObservedGit(store, refs, trouble=f"its .git is broken: {error.detail}")
    # A task may fetch or push its own commits: what it made is its work, even if it is also elsewhere.
    fetched = made.below(refs.fetched) - refs.logs.made
    return ObservedGit(seen, refs, {name: one for name, one in made.commits.items() if name not in fetched})


def _peeled(store: GitStore, refs: OwnRefs) -> OwnRefs:
    """The refs with the commits of annotated tags in the place of the tags."""
    asked = list({*refs.named.values(), *refs.fetched})
    output = store.git.run(
        "cat-file", "--batch-check=%(objectname)", stdin="".join(f"{name}^{{commit}}\n" for name in asked).encode()
    ).stdout.decode()
    # A ref whose object is missing or not a commit keeps its name.
    commits = {name: line for name, line in zip(asked, lines_of(output), strict=True) if " " not in line}
    named = {what: commits.get(name, name) for what, name in refs.named.items()}
    return replace(refs, named=named, fetched={commits.get(name, name) for name in refs.fetched})


def _described(store: GitStore, names: Sequence[str]) -> dict[str, OwnCommit]:
    if not names:
        return {}
    if len(names) > _COMMITS_MAX:
        raise TooMuchError
    output = store.git.run(
        "log", "--no-walk=unsorted", "--stdin", "--format=%H%x00%T%x00%P%x00%ct%x00%s",
        stdin="\n".join([*names, ""]).encode(),
    ).stdout.decode(errors="replace")  # fmt: skip
    found = []
    for line in output.split("\n"):
        if line.count("\0") >= 4:
            name, tree, parents, time, subject = line.split("\0", 4)
            found.append(OwnCommit(name, tree, tuple(parents.split()), int(time or 0), subject))
    return {commit.name: commit for commit in sorted(found, key=lambda one: -one.time)}
