"""The content of a workspace after its task, as a commit on its base. Nothing in the workspace is trusted.

git lists what has changed and hashes it, from the private index made by ``prepare``; it never reads a nested
repository, whose configuration could execute something. Symbolic links are recorded, never followed.
"""

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from parallelproject.core.graph.file_overlap import fits
from parallelproject.git.own_git.index import skipped
from parallelproject.git.own_git.refs import own_work_trees
from parallelproject.git.plumbing.changes import PathChange, changes
from parallelproject.git.plumbing.commit import commit_tree
from parallelproject.git.plumbing.delivery import Policy
from parallelproject.git.plumbing.merge import combine
from parallelproject.git.plumbing.outcome import ConflictError
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.policy.policy import violations
from parallelproject.git.policy.violation import Violation
from parallelproject.git.workspace import lfs
from parallelproject.git.workspace.filters import filtered
from parallelproject.git.workspace.ignoring import hidden_by_base, newly_hidden
from parallelproject.git.workspace.merging import merged, unresolved
from parallelproject.git.workspace.submodules import changed_below
from parallelproject.git.workspace.work_tree import WorkTree, check_workspace


class MovedError(Exception):
    """The work is on an older commit that the task has checked out, and conflicts with the base."""

    def __init__(self, conflict: ConflictError, commit: str, left_out: Collection[str]) -> None:
        super().__init__(str(conflict))
        self.conflict = conflict
        self.commit = commit
        """The work on the older commit. It is not yet known whether it may be kept."""
        self.left_out = tuple(left_out)
        """Paths that could not be added."""


@dataclass(frozen=True, slots=True)
class WorkSnapshot:
    """A task's work."""

    commit: str | None
    """None: nothing has changed."""
    base: str
    changed: tuple[PathChange, ...]
    violations: tuple[Violation, ...]
    not_landed: tuple[str, ...] = ()
    """Changed paths that are never part of a task's work, kept as in the base."""
    hidden: tuple[str, ...] = ()
    """New paths that are ignored by rules of the base that the task changed, or by rules that the task added."""


def snapshot(
    store: GitStore, base: str, leave_out: Collection[str] = (), *, start: str | None = None, keeping: bool = False
) -> WorkSnapshot:
    """Commits the content of the workspace, without ignored files, on its base.

    Args:
        store: The private git directory, with the index as ``prepare`` left it.
        base: The commit that was checked out.
        leave_out: Paths to keep as in the base.
        start: The older commit that the task has checked out instead, if it has: its work is what it changed since
            then.
        keeping: Whether it is for a salvage ref: with the files of nested repositories, as plain files.

    Raises:
        GitFailedError: the workspace could not be read.
        PolicyError: it was removed, or is reached through a link.
        MovedError: what it changed since ``start`` conflicts with the base.
    """
    policy = store.delivery.policy
    with _opened(store) as work:
        found, not_landed, shown = _take(store, work, base, leave_out, keeping=keeping)
        tree = work.tree()
        if start and start != base:
            work_then = commit_tree(store, tree, start, signed=False, attempt=store.delivery.attempt)
            try:
                tree = combine(store, start, base, work_then, policy.land)
            except ConflictError as error:
                # As every refusal keeps them: with the files of nested repositories, as plain files.
                found, _, _ = _take(store, work, base, leave_out, keeping=True)
                work_then = commit_tree(store, work.tree(), start, signed=False, attempt=store.delivery.attempt)
                raise MovedError(error, work_then, [one.path for one in found if one.leave_out]) from error
        changed = changes(store.git, f"{base}^{{tree}}", tree)
        own = changed
        if merging := store.delivery.merging:  # what it merges is the work of others
            own = changes(store.git, f"{merged(store, base, merging)}^{{tree}}", tree)
            found += unresolved(store, tree, merging)
        found += filtered(store, base, own)
        hidden = (*newly_hidden(store, work, base, changed), *shown)
    found += violations(store.git, own, policy, store.delivery.access.secrets())
    if store.delivery.lfs:
        found += lfs.secrets_in(store, own, policy)
    commit = commit_tree(store, tree, base, signed=False, attempt=store.delivery.attempt) if changed else None
    return WorkSnapshot(commit, base, changed, tuple(found), tuple(not_landed), hidden)


def _take(
    store: GitStore, work: WorkTree, base: str, leave_out: Collection[str], *, keeping: bool
) -> tuple[list[Violation], list[str], list[str]]:
    """Updates the index from the work tree; returns violations, paths that are never a task's work, and ignored
    paths."""
    gone, changed = work.changed()
    away = skipped(store, gone)  # a sparse checkout has removed them from the folder, not from the work
    new = [path for path in work.new() if not store.delivery.policy.is_added(path)]
    for path in own_work_trees(work.folder) if any(path.endswith("/") for path in new) else ():
        new = [name for name in new if name != f"{path}/"]  # its work is found with the other branches
    shown = sorted(hidden_by_base(store, work, base, new))
    candidates = dict.fromkeys(new, False) | dict.fromkeys(changed, True)
    for path in shown:
        del candidates[path]
    found, add = list[Violation](), list[str]()
    remove = [path for path in gone if path not in leave_out and path not in away]
    below, changed_modules = changed_below(store, work)
    if keeping:
        candidates |= dict.fromkeys(below, False)
    else:
        found += changed_modules
    waiting = list(reversed(candidates.items()))
    while waiting:
        path, tracked = waiting.pop()
        if path.rstrip("/") in leave_out:
            continue
        kind = False if is_unowned(path, store.delivery.policy) else work.kind(path, tracked=tracked)
        if isinstance(kind, Violation) and kind.reason == "NestedRepository" and keeping:
            waiting += [(name, False) for name in _inside(store, work, base, path.rstrip("/"))]
        elif isinstance(kind, Violation):
            found.append(kind)
        else:
            (add if kind else remove).append(path)
    paths = {*candidates, *gone} - away
    not_landed = sorted(path for path in paths if is_unowned(path, store.delivery.policy))
    found += work.take(add, [path for path in remove if not is_unowned(path, store.delivery.policy)])
    return found, not_landed, shown


def _inside(store: GitStore, work: WorkTree, base: str, path: str) -> list[str]:
    """The files of a nested repository, without what the outer rules ignore."""
    names = list(work.inside(path))
    hidden = work.hidden(names) | hidden_by_base(store, work, base, names)
    return [name for name in names if name not in hidden and not store.delivery.policy.is_added(name)]


def is_unowned(path: str, policy: Policy) -> bool:
    """Whether a path is never part of a task's work."""
    return any(fits(path.rstrip("/"), pattern) for pattern in policy.not_landed)


@contextmanager
def _opened(store: GitStore) -> Iterator[WorkTree]:
    check_workspace(store.place.workspace)
    index = store.git.directory / "snapshot-index"
    # With its time: git treats a file from the same second as the index as changed, and compares it only then.
    shutil.copy2(store.git.directory / "index", index)
    filters = tuple(lfs.settings(store.git)) if store.delivery.lfs else ()
    work = WorkTree(store.git, store.place.workspace, index, store.delivery.policy, filters)
    try:
        yield work
    finally:
        work.close()
