"""Work that a task left outside of its workspace's files: other branches, a stash, further work trees, commits that
were reverted. None of it lands, and none of it is lost: each piece is kept in a ref of the task, and reported.

Only content counts. A commit whose changes are in the work that lands need not be kept, and neither do the steps of the
branch that is checked out. Each piece is kept as one commit on the base: the history that a task made may contain what
no ref may, such as a credential that a later commit removed.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from parallelproject.git.landing.save import save
from parallelproject.git.own_git.observed import ObservedGit, OwnCommit
from parallelproject.git.plumbing.changes import PathChange, changes
from parallelproject.git.plumbing.command import lines, split
from parallelproject.git.plumbing.commit import commit_tree
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.refs import ref_problem
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.policy.policy import violations
from parallelproject.git.policy.secret_content import find
from parallelproject.git.policy.violation import Violation
from parallelproject.git.workspace.filters import filtered
from parallelproject.git.workspace.snapshot import is_unowned
from parallelproject.git.workspace.work_tree import WorkTree
from parallelproject.whole_file import write_whole

_KEPT_MAX = 20
"""Maximum number of pieces of other work that are kept for one attempt."""
_TIME_MAX = 2**33
"""The latest time of a kept commit, in seconds since the epoch."""
_NOTE = "other-work.json"
_NOT_IN_REFS = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Other:
    """A piece of work that did not land."""

    what: str
    """Where it was, as in ``branch x`` or ``stash``."""
    ref: str | None
    """Where it is kept; None: it could not be."""
    note: str = ""
    """What is not kept of it, or why nothing is kept."""

    def __str__(self) -> str:
        where = f"is kept in {self.ref}" if self.ref else "is not kept"
        return f"{self.what} {where}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True, slots=True)
class _OtherWork:
    what: str
    tree: str
    subject: str
    time: int = 1_000_000_000
    without: tuple[str, ...] = ()
    """What is not in the tree, since it cannot be read."""


def keep_other_work(
    store: GitStore, observed: ObservedGit, base: str, landing: Sequence[PathChange]
) -> tuple[Other, ...]:
    """Keeps work that does not land. Idempotent.

    Args:
        store: The private git directory.
        observed: The content of the task's own git.
        base: The commit that was checked out.
        landing: What lands: the changes of the workspace since the base.

    Raises:
        DeliveryError: the remote refuses it.
    """
    note = store.place.private / _NOTE
    if note.exists():
        return kept_before(store)
    found = tuple(_keep_all(store, observed, base, landing))
    write_whole(note, json.dumps([asdict(one) for one in found]))
    return found


def kept_before(store: GitStore) -> tuple[Other, ...]:
    """What ``keep_other_work`` kept for this attempt."""
    try:
        return tuple(Other(**entry) for entry in json.loads((store.place.private / _NOTE).read_bytes()))
    except FileNotFoundError:
        return ()


def _keep_all(store: GitStore, observed: ObservedGit, base: str, landing: Sequence[PathChange]) -> Iterator[Other]:
    if observed.trouble:
        yield Other("what was committed in the workspace", None, observed.trouble)
        return
    yield from _unreadable(store, observed)
    try:
        for count, found in enumerate(_Finder(observed, base, landing).find()):
            if count == _KEPT_MAX:
                yield Other("more work", None, f"only {_KEPT_MAX} pieces of an attempt are kept")
                return
            yield _keep(observed.store, base, found)
    except GitFailedError as error:  # an error of the task's own repository must not prevent the rest from landing
        yield Other("what was committed in the workspace", None, f"its .git is broken: {error.detail}")


def _unreadable(store: GitStore, observed: ObservedGit) -> Iterator[Other]:
    """A ref whose commit does not exist or is broken."""
    named = {commit: what for what, commit in observed.refs.named.items() if commit not in observed.commits}
    output = store.git.run("cat-file", "--batch-check", stdin="\n".join([*named, ""]).encode()).stdout.decode()
    for line in lines_of(output)[:_KEPT_MAX]:
        commit, _, found = line.partition(" ")
        if found == "missing" and observed.store.commit_of(commit) is None:
            what, _ = _without_credentials(store, _shown(named[commit]))
            yield Other(what, None, "its commit cannot be read")


class _Finder:
    """Finds the work that does not land."""

    def __init__(self, observed: ObservedGit, base: str, landing: Sequence[PathChange]) -> None:
        self._observed, self._store, self._base = observed, observed.store, base
        self._landing = {change.path: (change.mode, change.new) for change in landing}

    def find(self) -> Iterator[_OtherWork]:
        """Yields each piece, those with a name first."""
        refs, commits = self._observed.refs, self._observed.commits
        for name, folder in refs.worktrees.items():
            yield from self._work_tree(name, folder)
        head = commits.get(refs.head or "")
        if head and self._is_lost(head.tree, is_step=True):
            yield _OtherWork("commits that the task reverted", head.tree, head.subject, head.time)
        done = self._observed.below([head.name] if head else [])
        names = {commit: what for what, commit in reversed(refs.named.items()) if commit in commits}
        parents = {parent for commit in commits.values() for parent in commit.parents}
        merged = {parent for name in done for parent in commits[name].parents[1:]}
        # A later state of the same file replaces these, and no other commit.
        steps = done | {name for name in self._observed.refs.logs.rewritten if name in commits}
        trees = {commits[name].tree for name in done}
        for name, commit in sorted(commits.items(), key=lambda item: item[0] not in names):
            # An ancestor of another commit is checked with that one, but not if it has a name or was merged: the other
            # commit may have reverted it.
            if (head and name == head.name) or (name in parents and name not in names and name not in merged):
                continue
            tree, what = self._tree(commit), names.get(name)
            is_step = name in steps or tree in trees
            if self._is_lost(tree, is_step=is_step):
                where = _shown(what) if what else f"commit {name[:10]}"
                yield _OtherWork(where, tree, commit.subject, commit.time)

    def _is_lost(self, tree: str, *, is_step: bool) -> bool:
        """Whether it has something that does not land. A later state of the same file replaces that of a step."""
        try:
            changed = changes(self._store.git, f"{self._base}^{{tree}}", tree)
        except GitFailedError:
            return True  # it is broken; keeping it will report that
        for change in changed:
            policy = self._store.delivery.policy
            if is_unowned(change.path, policy) or policy.is_added(change.path):
                continue
            landing = self._landing.get(change.path)
            if landing is None or (not is_step and landing != (change.mode, change.new)):
                return True
        return False

    def _tree(self, commit: OwnCommit) -> str:
        """Its tree; that of a stash includes the untracked files, which are in its third parent."""
        apart = self._observed.commits.get(commit.parents[-1]) if len(commit.parents) > 2 else None
        if apart is None or apart.parents:
            return commit.tree
        git, where = self._store.git, {"GIT_INDEX_FILE": str(self._store.git.directory / "joined-index")}
        git.run("read-tree", commit.tree, environment=where)
        listed = git.run("ls-tree", "-r", "-z", apart.tree).stdout
        git.run("update-index", "-z", "--index-info", stdin=listed, environment=where)
        return git.run("write-tree", environment=where).stdout.decode().strip()

    def _work_tree(self, name: str, folder: Path) -> Iterator[_OtherWork]:
        """Uncommitted content of a further work tree."""
        git, index = self._store.git, self._store.git.directory / "worktree-index"
        commit = self._observed.refs.named.get(f"worktree-{name}")
        at = commit if commit and self._store.commit_of(commit) else self._base
        git.run("read-tree", at, environment={"GIT_INDEX_FILE": str(index)})
        work = WorkTree(git, folder, index, self._store.delivery.policy)
        gone, changed = work.changed()
        add, without = _takeable(work, [*changed, *work.new()])
        refused = [violation.path for violation in work.take(add, gone) if violation.leave_out]
        without = (*without, *refused)
        tree = work.tree()
        work.close()
        is_new = tree != self._store.text("rev-parse", f"{at}^{{tree}}")
        if without or (is_new and self._is_lost(tree, is_step=False)):
            yield _OtherWork(f"work tree {name}", tree, f"Work tree {name}", without=without)


def _takeable(work: WorkTree, paths: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The files to add, including those of nested repositories, and the paths that cannot be added."""
    add, without, waiting = list[str](), list[str](), list(reversed(paths))
    while waiting:
        path = waiting.pop()
        kind = work.kind(path)
        if kind is True:
            add.append(path)
        elif isinstance(kind, Violation):
            inside = list(work.inside(path.rstrip("/"))) if kind.reason == "NestedRepository" else []
            waiting += reversed(inside)
            if not inside:
                without.append(path)
    return add, tuple(without)


def _shown(name: str) -> str:
    return name.replace("-", " ", 1)


def _without_credentials(store: GitStore, what: str, subject: str = "") -> tuple[str, str]:
    """The place of a piece and its subject, or the part of them that may be shown."""
    known = [value.encode(errors="surrogateescape") for value in store.delivery.access.secrets()]
    if any(find(f"{what} {subject}".encode(errors="surrogateescape"), known)):
        return what.partition(" ")[0], "not shown, since its text contains a credential"
    return what, subject


def _keep(store: GitStore, base: str, found: _OtherWork) -> Other:
    """Keeps a tree as a commit on the base, without what no ref may contain."""
    what, subject = _without_credentials(store, found.what, found.subject)
    try:
        tree, without = allowed(store, base, found.tree)
        without = sorted({*without, *found.without})
        if tree == store.text("rev-parse", f"{base}^{{tree}}"):
            return Other(what, None, _without(without))
        title = f"{what[:1].upper()}{what[1:]}: {subject}"
        date = f"@{min(max(found.time, 0), _TIME_MAX)} +0000"
        commit = commit_tree(store, tree, base, signed=False, attempt=store.delivery.attempt, title=title, date=date)
    except GitFailedError as error:
        return Other(what, None, f"it is broken: {error.detail}")
    name = _NOT_IN_REFS.sub("-", what).strip("-.")
    name = name if not ref_problem(name) else "work"
    try:
        ref = save(store, store.delivery.refs.kept(store.delivery.attempt, name), commit)
    except GitFailedError as error:
        raise error.as_outcome() from error
    return Other(what, ref, _without(without))


def allowed(store: GitStore, base: str, tree: str) -> tuple[str, list[str]]:
    """A tree without what may not be kept, and the removed paths."""
    changed = changes(store.git, f"{base}^{{tree}}", tree)
    policy = store.delivery.policy
    found = violations(store.git, changed, policy, store.delivery.access.secrets())
    found += filtered(store, base, changed)
    without = {one.path for one in found if one.leave_out}
    index = store.git.directory / "allowed-index"
    work = WorkTree(store.git, store.place.workspace, index, policy)
    without |= work.hidden(change.path for change in changed if change.old is None)
    without |= {change.path for change in changed if policy.is_added(change.path)}
    if without:
        where = {"GIT_INDEX_FILE": str(index)}
        store.git.run("read-tree", tree, environment=where)
        old = {change.path: change for change in changed if change.path in without}
        zero = "0" * store.git.name_length
        gone = [f"0 {zero}\t{path}" for path in old]
        store.git.run("update-index", "-z", "--index-info", stdin=lines(gone), environment=where)
        there = [path for path, change in old.items() if change.old]
        if there:
            listed = split(store.git.run("ls-tree", "-r", "-z", base, "--", *there).stdout)
            store.git.run("update-index", "-z", "--index-info", stdin=lines(listed), environment=where)
        tree = store.git.run("write-tree", environment=where).stdout.decode().strip()
    work.close()
    return tree, sorted(without)


def _without(paths: Sequence[str]) -> str:
    return (
        f"without {', '.join(paths[:5])}" + (f" and {len(paths) - 5} more" if len(paths) > 5 else "") if paths else ""
    )
