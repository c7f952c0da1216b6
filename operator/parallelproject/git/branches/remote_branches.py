"""Whole branches of a remote, for publishing: is the work in its target, bring it up to date, move the target forward.

No work tree and no task's workspace. Every change of the remote is a compare-and-swap, so each function may be
interrupted at any moment and called again.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from parallelproject.git.branches.picking import picked, task_commits
from parallelproject.git.plumbing.commit import make_commit
from parallelproject.git.plumbing.delivery import Delivery, Person, Place
from parallelproject.git.plumbing.failure import Cause, GitFailedError
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.merge import combine
from parallelproject.git.plumbing.outcome import ConflictError, ExhaustedError, PolicyError
from parallelproject.git.plumbing.push import Pushed, Update, push
from parallelproject.git.plumbing.refs import TaskRefs, check_branch, refs_by_task
from parallelproject.git.plumbing.retrying import patiently, pause
from parallelproject.git.plumbing.store import GitStore, opened
from parallelproject.model.problem import quoted

_TRIES = 10
_AT_ONCE = 200
"""Maximum number of refs that one push removes."""
_US = Person("parallelproject", "parallelproject@localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """A remote repository, and a private git directory to read its branches."""

    url: str
    private: Path
    """Our folder. It may be kept from one publishing to the next: then only new commits are fetched."""
    local: bool = False
    """Whether the repository may be on this machine."""
    credentials: Path | None = None
    committer: Person = _US
    signing_key: Path | None = None

    def __post_init__(self) -> None:
        _ = self._delivery

    def tips(self, *names: str) -> dict[str, str | None]:
        """The commit at the tip of each branch; None: no such branch.

        Raises:
            DeliveryError: the remote cannot be read.
        """
        with self.open() as store:
            return self.tips_in(store, *names)

    def tips_in(self, store: GitStore, *names: str) -> dict[str, str | None]:
        """The same, with an open directory."""
        refs = {check_branch(name, "branch"): name for name in names}
        url = store.git.address.url
        output = patiently(lambda: store.git.remote("ls-remote", "--quiet", "--refs", "--", url, *refs)).stdout
        found = {ref: commit for commit, _, ref in (line.partition("\t") for line in lines_of(output.decode()))}
        return {name: found.get(ref) for ref, name in refs.items()}

    def task_refs(self, run: str, tasks: Iterable[str]) -> dict[str, dict[str, str]]:
        """By task, its refs as in ``landed`` or ``salvage/1``, with their commits.

        Raises:
            DeliveryError: the remote cannot be read.
        """
        with self.open() as store:
            return refs_by_task(run, tasks, self._refs_of_run(store, run))

    def _refs_of_run(self, store: GitStore, run: str) -> list[tuple[str, str]]:
        url, pattern = store.git.address.url, f"{TaskRefs(run, 'x').run_folder}/*"
        output = patiently(lambda: store.git.remote("ls-remote", "--quiet", "--refs", "--", url, pattern)).stdout
        lines = (line.partition("\t") for line in lines_of(output.decode(errors="replace")))
        return [(name, commit) for commit, _, name in lines]

    def forget_landed(self, run: str, tasks: Iterable[str]) -> None:
        """Removes the refs that prevent a run's tasks from landing twice: for a run that is merged and has ended.

        Work that did not land stays. Refs that are not removed, because the remote has a problem, do no harm.

        Args:
            run: The run.
            tasks: Ids of its tasks.

        Raises:
            DeliveryError: the remote refuses.
        """
        folders = tuple(f"{TaskRefs(run, task).folder}/" for task in tasks)
        with self.open() as store:
            updates = [
                Update(name, commit, None)
                for name, commit in self._refs_of_run(store, run)
                if name.startswith(folders) and name.endswith("/landed")
            ]
            for at in range(0, len(updates), _AT_ONCE):
                push(store.git, updates[at : at + _AT_ONCE])

    def contains(self, base: str, commit: str) -> bool:
        """Whether a commit is on the branch ``base``."""
        return commit in self.among(base, [commit])

    def among(self, base: str, commits: Iterable[str]) -> set[str]:
        """The commits that are on the branch ``base``."""
        with self.open() as store:
            self.fetch(store, base)
            return {
                commit for commit in commits if store.commit_of(commit) and is_ancestor(store, commit, seen_ref(base))
            }

    def merged(self, branch: str, base: str) -> bool:
        """Whether ``base`` has all that ``branch`` has: by its commits, or by the same changes squashed or rebased."""
        with self.open() as store:
            self.fetch(store, branch, base)
            head, target = seen_ref(branch), seen_ref(base)
            if is_ancestor(store, head, target):
                return True
            try:
                return combined(store, target, head) == store.text("rev-parse", f"{target}^{{tree}}")
            except ConflictError:
                return False

    def conflicts(self, branch: str, base: str) -> tuple[str, ...]:
        """The paths for which ``branch`` does not merge into ``base``."""
        with self.open() as store:
            self.fetch(store, branch, base)
            try:
                combined(store, seen_ref(base), seen_ref(branch))
            except ConflictError as conflict:
                return conflict.paths
            return ()

    def onto(self, branch: str, base: str, *, rebased: bool = False) -> str:
        """Brings a branch up to date with ``base``, and returns its tip.

        ``base`` is merged into it, so that it only moves forward. Nothing is done if ``base`` has nothing new. A tip
        that someone pushed meanwhile is never overwritten: it is read again.

        Args:
            branch: The branch.
            base: What it must contain.
            rebased: The commits of tasks that ``base`` does not have are rebased on its tip instead, as landing does,
                so that
                a task stays one commit on a linear history. For branches that no one else works on.

        Raises:
            ConflictError: it does not merge; the branch is unchanged.
            ExhaustedError: the branch moved at each try.
        """
        with self.open() as store:
            for tries in range(_TRIES):
                self.fetch(store, branch, base)
                tip, target = (store.text("rev-parse", seen_ref(name)) for name in (branch, base))
                if is_ancestor(store, target, tip):
                    return tip
                update = Update(
                    check_branch(branch, "branch"), tip, self._updated(store, branch, base, rebased=rebased)
                )
                if push(store.git, [update]) is Pushed.DONE:
                    return str(update.new)
                pause(tries)
        raise ExhaustedError("BranchBusy", f"the branch {branch} moved at each of {_TRIES} tries")

    def fast_forward(self, base: str, branch: str, commit: str) -> bool:
        """Moves ``base`` forward to a commit of ``branch``. False: it has work that the commit does not have.

        Raises:
            AuthOrProtectedError: the remote refuses.
            ExhaustedError: the branch moved, or the remote had a problem, at each try.
        """
        ref = check_branch(base, "base")
        with self.open() as store:
            for tries in range(_TRIES):
                self.fetch(store, base, branch)
                target = store.text("rev-parse", seen_ref(base))
                if store.commit_of(commit) is None or not is_ancestor(store, target, commit):
                    return store.commit_of(commit) is not None and is_ancestor(store, commit, target)
                if target == commit or push(store.git, [Update(ref, target, commit)]) is Pushed.DONE:
                    return True
                pause(tries)
        raise ExhaustedError("BranchBusy", f"the branch {base} moved at each of {_TRIES} tries")

    def delete(self, branch: str, tip: str) -> bool:
        """Deletes a branch that still has this tip; returns whether it is deleted."""
        with self.open() as store:
            for tries in range(_TRIES):
                pushed = push(store.git, [Update(check_branch(branch, "branch"), tip, None)])
                if pushed is not Pushed.UNKNOWN:
                    break
                pause(tries)
        return self.tips(branch)[branch] is None

    def _updated(self, store: GitStore, branch: str, base: str, *, rebased: bool) -> str:
        """The commit that brings the branch up to date."""
        head, target = seen_ref(branch), seen_ref(base)
        if rebased and (own := task_commits(store, target, head)):
            with suppress(ConflictError):
                return self._remade_on(store, target, own)
        tree = combined(store, target, head)
        return self.joined(store, tree, [head, target], f"Merge {base} into {branch}\n")

    def _remade_on(self, store: GitStore, target: str, commits: Sequence[str]) -> str:
        at = store.text("rev-parse", target)
        for commit in commits:
            at = self.remade(store, picked(store, commit, at), at, commit)
        return at

    def remade(self, store: GitStore, tree: str, parent: str, commit: str) -> str:
        """A rebased commit: the same message, author and dates, so that it is the same each time."""
        form = "%an%x00%ae%x00%ad%x00%B"
        output = store.text("log", "-1", "--no-walk", "--date=raw", f"--format={form}", commit)
        name, email, date, text = output.split("\0", 3)
        people = {
            "GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date,
            "GIT_COMMITTER_NAME": self.committer.name, "GIT_COMMITTER_EMAIL": self.committer.email,
        }  # fmt: skip
        return make_commit(store, tree, [parent], text, people, signed=True)

    def joined(self, store: GitStore, tree: str, parents: Sequence[str], text: str) -> str:
        """A merge commit by us."""
        us = self.committer
        people = {f"GIT_{who}_NAME": us.name for who in ("AUTHOR", "COMMITTER")}
        people |= {f"GIT_{who}_EMAIL": us.email for who in ("AUTHOR", "COMMITTER")}
        return make_commit(store, tree, parents, text, people, signed=True)

    @property
    def _delivery(self) -> Delivery:
        # Opening a private git directory requires a task's delivery; only the remote and the people of this one are
        # used.
        return Delivery(
            url=self.url, branch="publish", run="publish", task="publish", local=self.local, committer=self.committer,
            credentials=self.credentials, signing_key=self.signing_key,
        )  # fmt: skip

    @contextmanager
    def open(self) -> Iterator[GitStore]:
        """The private git directory.

        Raises:
            DeliveryError: in place of git's error message.
        """
        try:
            with opened(self._delivery, Place(self.private / "no-workspace", self.private)) as store:
                yield store
        except GitFailedError as error:
            raise error.as_outcome() from error

    def fetch(self, store: GitStore, *names: str) -> None:
        """Fetches branches, to be found as ``seen_ref``.

        Raises:
            PolicyError: one of them does not exist.
            GitFailedError: the remote cannot be read.
        """
        refspecs = [f"+{check_branch(name, 'branch')}:{seen_ref(name)}" for name in names]
        try:
            patiently(lambda: store.fetch(refspecs))
        except GitFailedError as error:
            if error.cause is Cause.MISSING_REF:
                raise _missing(names, error) from None
            raise


def _missing(names: Sequence[str], error: GitFailedError) -> PolicyError:
    shown = " or no ".join(map(quoted, names))
    return PolicyError("BranchMissing", f"the repository has no branch {shown}: {error.detail}")


def seen_ref(name: str) -> str:
    """The local ref of a branch."""
    # By a digest: a deleted branch "a" and a later branch "a/b" must not exclude each other.
    return f"refs/seen/heads/{hashlib.sha256(name.encode()).hexdigest()[:20]}"


def is_ancestor(store: GitStore, old: str, new: str) -> bool:
    """Whether ``new`` contains ``old``."""
    return store.git.run("merge-base", "--is-ancestor", old, new, codes=(0, 1)).returncode == 0


def combined(store: GitStore, target: str, head: str) -> str:
    """The tree of two branches merged.

    Raises:
        ConflictError: they do not merge; without paths if they have no common commit.
    """
    found = store.git.run("merge-base", target, head, codes=(0, 1))
    base = found.stdout.decode().split()
    if not base:
        raise ConflictError("UnrelatedHistories", "the branch and its target have no common commit")
    return combine(store, base[0], target, head)
