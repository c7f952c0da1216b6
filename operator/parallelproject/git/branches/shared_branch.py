"""The branch that all tasks land on, a commit each, and the branches for separate pull requests that are derived from
it.

Every change of the remote is a compare-and-swap, so each function may be interrupted at any moment and called again.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from parallelproject.git.branches.picking import has_arrived, picked
from parallelproject.git.branches.remote_branches import Branches, combined, is_ancestor, seen_ref
from parallelproject.git.branches.reverts import Revert, reverts_in
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.outcome import ConflictError, ExhaustedError
from parallelproject.git.plumbing.push import Pushed, Update, push
from parallelproject.git.plumbing.refs import check_branch
from parallelproject.git.plumbing.retrying import pause
from parallelproject.git.plumbing.store import GitStore

_TRIES = 10


@dataclass(frozen=True, slots=True)
class SharedBranch:
    """The branch that all tasks land on."""

    branches: Branches
    """The repository."""
    name: str
    """The branch."""
    base: str
    """The branch that its work will be merged into."""

    def order(self, landed: Mapping[str, str]) -> list[str]:
        """The tasks in the order in which they landed.

        Args:
            landed: By task, its commit. Those whose commit is no longer on the branch are skipped.

        Raises:
            DeliveryError: the remote cannot be read, or has no such branch.
        """
        if not landed:
            return []
        with self.branches.open() as store:
            self.branches.fetch(store, self.name)
            commits = self._since(store, landed)
            listed = lines_of(store.text("rev-list", "--topo-order", "--reverse", *commits, "--"))
        place = {commit: i for i, commit in enumerate(listed)}
        return sorted((task for task in landed if landed[task] in place), key=lambda task: place[landed[task]])

    def reverts(self, run: str, landed: Mapping[str, str]) -> list[Revert]:
        """The commits that took out work of tasks, in their order; none where the branch does not exist.

        Args:
            run: The run.
            landed: By task, its commit, also of tasks whose work was taken out.

        Raises:
            DeliveryError: the remote cannot be read.
        """
        with self.branches.open() as store:
            if not landed or self.branches.tips_in(store, self.name)[self.name] is None:
                return []
            self.branches.fetch(store, self.name)
            return reverts_in(store, run, *self._since(store, landed), "--")

    def _since(self, store: GitStore, landed: Mapping[str, str]) -> list[str]:
        """The commits of the fetched branch from the first of these on, as for ``git rev-list``: they are on one
        branch, and the history below may be long."""
        there = [commit for commit in landed.values() if store.commit_of(commit)]
        asked = store.git.run("merge-base", "--octopus", *there, codes=(0, 1)) if there else None
        first = asked.stdout.decode().split() if asked else []
        return [seen_ref(self.name), *([f"^{first[0]}^@"] if first else [])]

    def covers(self, offered: str, commit: str) -> bool:
        """Whether a commit of the branch is at or before another one that was published."""
        with self.branches.open() as store:
            self.branches.fetch(store, self.name)
            return store.commit_of(offered) is not None and is_ancestor(store, commit, offered)

    def contained(self, branches: Mapping[str, str], landed: Mapping[str, str]) -> dict[str, frozenset[str]]:
        """By branch's key, the tasks whose commits on the line are in it and not in the base.

        Args:
            branches: Existing branches, by any key.
            landed: By task, its commit on the line.
        """
        if not branches:
            return {}
        tasks = {commit: task for task, commit in landed.items()}
        with self.branches.open() as store:
            self.branches.fetch(store, self.base, *branches.values())
            return {
                key: frozenset(
                    tasks[commit]
                    for commit in store.text("rev-list", f"{seen_ref(self.base)}..{seen_ref(name)}", "--").split()
                    if commit in tasks
                )
                for key, name in branches.items()
            }

    def reach(self, branch: str, commit: str) -> None:
        """Makes a branch contain a commit of the line: creates it there, moves it forward, or merges if others have
        pushed to it. No branch is created for work that the base already has.

        Raises:
            ConflictError: what others pushed does not merge with it.
            DeliveryError: the branch could not be moved.
        """
        ref = check_branch(branch, "branch")
        with self.branches.open() as store:
            for tries in range(_TRIES):
                tip = self._tip(store, branch)
                if is_ancestor(store, commit, tip or seen_ref(self.base)):
                    return
                new = commit
                if tip and not is_ancestor(store, tip, commit):
                    tree = combined(store, tip, commit)
                    new = self.branches.joined(store, tree, [tip, commit], f"Merge {self.name} into {branch}\n")
                if push(store.git, [Update(ref, tip, new)]) is Pushed.DONE:
                    return
                pause(tries)
        raise ExhaustedError("BranchBusy", f"the branch {branch} moved at each of {_TRIES} tries")

    def cut(self, branch: str, commits: Sequence[str], on: str | None = None) -> bool:
        """Makes a branch with the changes of a task and of its dependencies; an existing one is not changed.

        Returns whether it exists. It does not if it would have nothing new over the previous branch: merged work is not
        published again.

        Each commit is rebased on the previous one. If that fails, since one of them builds on more than is known, the
        branch is the line up to the last of them.

        Args:
            branch: The branch.
            commits: On the line, in order; the last one is the task's.
            on: The branch to start from; by default the base.

        Raises:
            DeliveryError: the branch could not be made.
        """
        ref = check_branch(branch, "branch")
        with self.branches.open() as store:
            for tries in range(_TRIES):
                start = on or self.base
                self.branches.fetch(store, start)
                if self._tip(store, branch):
                    return True
                if has_arrived(store, commits[-1], seen_ref(self.base)):
                    return False
                new = self._rebased(store, store.text("rev-parse", seen_ref(start)), commits) or commits[-1]
                if store.text("rev-parse", f"{new}^{{tree}}") == store.text("rev-parse", f"{seen_ref(start)}^{{tree}}"):
                    return False
                if push(store.git, [Update(ref, None, new)]) is Pushed.DONE:
                    return True
                pause(tries)
        raise ExhaustedError("BranchBusy", f"the branch {branch} could not be made in {_TRIES} tries")

    def follow(self) -> None:
        """Moves the line forward to its base, which has all its work: later work lands on what was merged.

        Raises:
            DeliveryError: the remote has a problem.
        """
        tips = self.branches.tips(self.name, self.base)
        target = tips[self.base]
        if tips[self.name] and target and not self.branches.fast_forward(self.name, self.base, target):
            with suppress(ConflictError):  # other work conflicts: landing continues from the previous tip
                self.branches.onto(self.name, self.base)

    def _tip(self, store: GitStore, branch: str) -> str | None:
        """The tip of the branch; fetches it, the line and the base."""
        tip = self.branches.tips_in(store, branch)[branch]
        self.branches.fetch(store, self.name, self.base, *([branch] if tip else []))
        return store.commit_of(seen_ref(branch)) if tip else None

    def _rebased(self, store: GitStore, start: str, commits: Sequence[str]) -> str | None:
        """The last of the commits, after all were rebased; None: they do not merge."""
        at = start
        for commit in commits:
            if store.commit_of(f"{commit}^") == at:
                # It is there already. A rebase would make another commit, unless it was made and landed in the same
                # second, and branches that are the line itself would not merge with it.
                at = commit
                continue
            try:
                tree = picked(store, commit, at)
            except ConflictError:
                return None
            at = self.branches.remade(store, tree, at, commit)
        return at
