"""Builds what a check runs on when a culprit is searched: a commit of the branch, minus some commits, plus others.

No work tree, and nothing on the remote changes. The same probe is the same commit each time.
"""

from collections.abc import Sequence

from parallelproject.core.verification.probe import LandedChange, Probe
from parallelproject.git.branches.picking import picked
from parallelproject.git.plumbing.commit import make_commit
from parallelproject.git.plumbing.merge import combine
from parallelproject.git.plumbing.store import GitStore

_PEOPLE = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "parallelproject"),
        ("EMAIL", "parallelproject@localhost"),
        ("DATE", "1000000000 +0000"),  # so that it is the same each time
    )
}


def probe_commit(store: GitStore, base: str, changes: Sequence[LandedChange], probe: Probe) -> str:
    """The commit of a probe; the store has all commits of the changes.

    Args:
        store: Where it is built.
        base: The commit before the first change.
        changes: The landed changes, in their order.
        probe: The subset of them.

    Raises:
        ConflictError: it cannot be built, with the conflicting paths.
    """
    at = changes[probe.upto - 1].commit if probe.upto else base
    # The last one first: what builds on a change is reverted before the change.
    out = [changes[position - 1].commit for position in reversed(probe.without)]
    return edited(store, at, out, [changes[position - 1].commit for position in probe.also])


def edited(store: GitStore, at: str, without: Sequence[str], also: Sequence[str]) -> str:
    """A commit with the content of ``at``, after some commits were reverted and others picked, in these orders.

    Returns:
        ``at`` itself where nothing is reverted or picked.

    Raises:
        ConflictError: one of them does not merge, with the conflicting paths.
    """
    for commit in without:
        at = _on(store, reverted(store, commit, at), at, f"Without {commit}\n")
    for commit in also:
        at = _on(store, picked(store, commit, at), at, f"With {commit}\n")
    return at


def reverted(store: GitStore, commit: str, onto: str) -> str:
    """The tree of a commit that has the changes of ``commit``, without them.

    Raises:
        ConflictError: later commits changed the same lines.
    """
    # Both sides are children of the commit, so that git merges from there, as `git revert` does.
    ours = _on(store, f"{onto}^{{tree}}", commit, "ours\n")
    undone = _on(store, f"{commit}^^{{tree}}", commit, "undone\n")
    return combine(store, commit, ours, undone)


def _on(store: GitStore, tree: str, parent: str, text: str) -> str:
    return make_commit(store, tree, [parent], text, _PEOPLE, signed=False)
