"""The branch of a followed pull request on its remote: its work, and how it merges with its base.

Every change of the remote is a compare-and-swap, so each function may be interrupted at any moment and called again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from parallelproject.core.review.observed import BranchWork, CodeLine
from parallelproject.git.branches.remote_branches import Branches, is_ancestor, seen_ref
from parallelproject.git.branches.reviewed_work import branch_work
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.merge import merged_with_markers, with_marker, with_paths_of
from parallelproject.git.plumbing.push import Pushed, Update, push
from parallelproject.git.plumbing.refs import check_branch
from parallelproject.git.plumbing.retrying import pause

_TRIES = 5


class FollowedTips(NamedTuple):
    """The branch at one moment."""

    tip: str
    """Its commit."""
    onto: str
    """The commit of its base."""
    work: BranchWork
    paths: tuple[str, ...]
    """Where the two do not merge."""


@dataclass(frozen=True, slots=True)
class FollowedBranch:
    """The branch with the pull request."""

    branches: Branches
    """The repository."""
    run: str
    """The run whose tasks have landed on it."""
    name: str
    base: str
    """The branch that it will be merged into."""

    def look(self, lines: Sequence[CodeLine] = ()) -> FollowedTips:
        """Its current state.

        Args:
            lines: The lines whose authors are wanted.

        Raises:
            DeliveryError: the remote cannot be read, or has no such branch.
        """
        with self.branches.open() as store:
            self.branches.fetch(store, self.name, self.base)
            tip, onto = (store.text("rev-parse", seen_ref(name)) for name in (self.name, self.base))
            work = branch_work(store.git, self.run, tip, onto, lines)
            paths = () if is_ancestor(store, onto, tip) else merged_with_markers(store.git, tip, onto)[1]
            return FollowedTips(tip, onto, work, paths)

    def join(self, commit: str, resolved: Collection[str]) -> bool:
        """Merges a commit of the base into the branch, after tasks have landed how its conflicts are resolved.

        Args:
            commit: The commit.
            resolved: The paths that tasks have resolved.

        Returns:
            Whether the branch contains it; False: it is not resolved.

        Raises:
            DeliveryError: the remote cannot be read or written.
        """
        with self.branches.open() as store:
            for tries in range(_TRIES):
                self.branches.fetch(store, self.name, self.base)
                tip = store.text("rev-parse", seen_ref(self.name))
                if store.commit_of(commit) is None:  # somebody has rewritten the base
                    return False
                if is_ancestor(store, commit, tip):
                    return True
                try:
                    tree, paths = merged_with_markers(store.git, tip, commit)
                except GitFailedError:
                    return False
                if not set(paths) <= set(resolved) or with_marker(store.git, tip, paths):
                    return False
                tree = with_paths_of(store, tree, tip, paths)
                made = self.branches.joined(store, tree, [tip, commit], f"Merge {self.base} into {self.name}\n")
                if push(store.git, [Update(check_branch(self.name, "branch"), tip, made)]) is Pushed.DONE:
                    return True
                pause(tries)
        return False
