"""The branch of a run as its pull request is reviewed: who wrote which line, and what others have pushed meanwhile."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from subprocess import CompletedProcess
from typing import Any

from parallelproject.core.review.observed import BranchWork, CodeLine
from parallelproject.git.branches.reviewed_work import branch_work
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.merge import merged_with_markers, with_marker
from parallelproject.git.plumbing.refs import check_branch
from parallelproject.local.delivery.target import LandingTarget
from parallelproject.local.errors import RunError

_TRIES = 5


class ReviewedBranch:
    """The branch in the repository on this machine."""

    def __init__(self, target: LandingTarget) -> None:
        self._target = target
        self._git = target.repository.git
        self._ref = check_branch(target.branch, "branch")

    @property
    def tip(self) -> str:
        """Its commit.

        Raises:
            RunError: it does not exist.
        """
        found = self._target.repository.branch_commit(self._target.branch)
        if found is None:
            raise RunError(f"the branch {self._target.branch} does not exist any more")
        return found

    def has(self, commit: str) -> bool:
        """Whether the branch contains a commit."""
        return self._is_in(commit, self.tip)

    def conflicts_with(self, commit: str) -> tuple[str, ...]:
        """The paths for which a commit does not merge into the branch."""
        return () if self.has(commit) else self._merged(self.tip, commit)[1]

    def bring_in(self, commit: str, name: str, *, conflicts: bool = False) -> bool:
        """Has the branch contain a commit: as it is if the branch has nothing else, otherwise by a merge.

        Args:
            commit: The commit.
            name: What it is called in the message.
            conflicts: Whether it is also merged where that leaves conflict markers.

        Returns:
            Whether the branch has moved.

        Raises:
            RunError: it does not merge, or the branch cannot be moved.
        """
        for _ in range(_TRIES):
            tip = self.tip
            if self._is_in(commit, tip):
                return False
            if self._is_in(tip, commit):
                made = commit
            else:
                tree, paths = self._merged(tip, commit)
                if paths and not conflicts:
                    raise RunError(f"{self._target.branch} and {name} change the same lines of {', '.join(paths[:5])}")
                made = self._commit(tree, [tip, commit], f"Merge {name} into {self._target.branch}", paths)
            if self._move(tip, made):
                return True
        raise RunError(f"{self._target.branch} moved at each of {_TRIES} tries")

    def unresolved(self, paths: Iterable[str]) -> list[str]:
        """The files among some that have conflict markers on the branch.

        Raises:
            RunError: git refuses.
        """
        with self._refusal("grep"):
            return with_marker(self._git, self.tip, paths)

    def work(self, base: str, lines: Sequence[CodeLine] = ()) -> BranchWork:
        """The commits that a base does not have, and who wrote some lines; see ``branch_work``.

        Raises:
            RunError: git refuses.
        """
        with self._refusal("log"):
            return branch_work(self._git, self._target.run, self.tip, base, lines)

    def _is_in(self, commit: str, tip: str) -> bool:
        return self._run("merge-base", "--is-ancestor", commit, tip, codes=(0, 1)).returncode == 0

    def _merged(self, tip: str, commit: str) -> tuple[str, tuple[str, ...]]:
        """The tree of a merge, and the paths in conflict, which have markers in it."""
        with self._refusal("merge-tree"):
            return merged_with_markers(self._git, tip, commit)

    def _commit(self, tree: str, parents: Sequence[str], title: str, paths: Sequence[str]) -> str:
        text = title + ("\n\nIn conflict, with markers:\n" + "\n".join(paths) if paths else "") + "\n"
        people = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "parallelproject"), ("EMAIL", "parallelproject@localhost"))
        }
        on = [argument for parent in parents for argument in ("-p", parent)]
        made = self._run(
            "commit-tree", *on, tree, stdin=text.encode(errors="surrogateescape"), environment=people,
            config=[("core.fsync", "default")],
        )  # fmt: skip
        return made.stdout.decode().strip()

    def _move(self, tip: str, commit: str) -> bool:
        """Moves the branch, if it is still at ``tip``."""
        try:
            self._git.run("update-ref", self._ref, commit, tip, config=[("core.fsync", "default")])
        except GitFailedError as error:
            if self.tip == tip:
                raise RunError(f"the branch {self._target.branch} cannot be moved: {error.detail}") from None
            return False
        return True

    def _run(self, command: str, *arguments: str, **more: Any) -> CompletedProcess[bytes]:
        """Raises RunError: git refuses."""
        with self._refusal(command):
            return self._git.run(command, *arguments, **more)

    @contextmanager
    def _refusal(self, command: str) -> Iterator[None]:
        """Raises RunError: git refuses, such as to merge a branch without a common history."""
        try:
            yield
        except GitFailedError as error:
            raise RunError(f"{self._target.branch}: git {command} failed: {error.detail}") from None
