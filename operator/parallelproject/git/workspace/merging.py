"""A task that resolves a conflict of its branch with another commit: what it finds in its workspace, and what may land.

The workspace has the merge, with conflict markers in the files of the task. Its work lands as one commit, like any
other, without a marker; who publishes the branch makes the merge of that (``branches.followed_branch``).
"""

from parallelproject.git.plumbing.commit import make_commit
from parallelproject.git.plumbing.delivery import ConflictMerge
from parallelproject.git.plumbing.merge import merged_with_markers, with_marker, with_paths_of
from parallelproject.git.plumbing.outcome import BranchRewrittenError
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.policy.violation import Violation

_NOBODY = {f"GIT_{who}_{what}": "parallelproject" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")} | (
    dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "1000000000 +0000")
)
"""So that the commit is the same each time it is made."""


def merged(store: GitStore, base: str, merging: ConflictMerge) -> str:
    """The commit on a base that has all of the merge, with conflict markers in the files of the task; the files of
    other tasks are as in the base. It is never pushed.

    Args:
        store: A git directory with both commits and their history.
        base: The commit of the branch.
        merging: What is merged.

    Raises:
        BranchRewrittenError: the commit is on no branch any more.
        GitFailedError: git failed.
    """
    if store.commit_of(merging.commit) is None:
        text = f"git: {merging.commit[:12]}, with which the branch conflicts, is not on its base any more"
        raise BranchRewrittenError("BaseRewritten", text)
    tree, paths = merged_with_markers(store.git, base, merging.commit)
    tree = with_paths_of(store, tree, base, set(paths) - set(merging.paths))
    text = f"Merge {merging.commit[:12]}, with conflict markers\n"
    return make_commit(store, tree, [base], text, _NOBODY, signed=False)


def unresolved(store: GitStore, tree: str, merging: ConflictMerge) -> list[Violation]:
    """The files of the task that still have conflict markers."""
    found = "still has conflict markers"
    return [Violation("ConflictMarker", path, found, False) for path in with_marker(store.git, tree, merging.paths)]
