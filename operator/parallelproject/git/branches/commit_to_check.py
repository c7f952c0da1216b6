"""What a run of a check has to check out: the tip of the branch, or a part of the work since it was verified last."""

from collections.abc import Sequence
from typing import NamedTuple

from parallelproject.core.graph.file_overlap import fits
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import Probe
from parallelproject.git.branches.landed_work import branch_tip, landed_work
from parallelproject.git.branches.probes import probe_commit
from parallelproject.git.plumbing.changes import changes
from parallelproject.git.plumbing.command import split
from parallelproject.git.plumbing.outcome import BranchRewrittenError
from parallelproject.git.plumbing.store import GitStore


class RewrittenError(Exception):
    """A commit that the run is about is not on the branch: somebody has rewritten it."""


class CommitToCheck(NamedTuple):
    """A commit, and what it is made of."""

    commit: str
    work: LandedWork
    is_needed: bool
    """Whether the check is about a file that it has, and one that has changed since it passed."""


def commit_to_check(
    store: GitStore, probe: Probe | None, known: tuple[str, str] | None, since: str, paths: Sequence[str]
) -> CommitToCheck:
    """Finds the commit, or builds it.

    Args:
        store: A git directory.
        probe: The part of the work; None: all of it.
        known: The base and the tip of the work that an earlier run has found; None: this run finds it. Its changes are
            found again, since some of their commits may exist only here.
        since: The commit that the check passed on before; empty: no such commit.
        paths: Paths and globs that the check is about; empty: all.

    Raises:
        RewrittenError: what an earlier run has found is not there any more.
        ConflictError: the part cannot be built.
        BranchRewrittenError: the branch does not exist.
        GitFailedError: git failed.
    """
    try:
        tip = branch_tip(store)
    except BranchRewrittenError:
        if known:
            raise RewrittenError from None
        raise
    if known and not all(map(store.commit_of, known)):
        raise RewrittenError
    work = landed_work(store, *known) if known else landed_work(store, since, tip)
    whole = Probe(len(work.changes))
    wanted = probe or whole
    commit = work.tip if wanted == whole else probe_commit(store, work.base, work.changes, wanted)
    if paths and not _has_any(store, commit, paths):
        return CommitToCheck(commit, work, is_needed=False)
    if known or not paths or work.base != since:  # it has not passed on anything that is on the branch
        return CommitToCheck(commit, work, is_needed=True)
    changed = changes(store.git, since, commit)
    return CommitToCheck(commit, work, any(fits(change.path, pattern) for change in changed for pattern in paths))


def _has_any(store: GitStore, commit: str, patterns: Sequence[str]) -> bool:
    """Whether a commit has such a file. A check passes on one without: the work may not have started."""
    listed = split(store.git.run("ls-tree", "-r", "-z", "--name-only", commit).stdout)
    return any(fits(path, pattern) for path in listed for pattern in patterns)


def later_part(store: GitStore, work: LandedWork, count: int) -> LandedWork:
    """The part of a work that its last commits have made; with no commit it has no change, and begins at the tip.

    Its base is a commit of the branch, which each later run of the check finds again. The commits of the changes may
    exist only here, where a task has several of them.

    Args:
        store: The git directory in which the work was found.
        work: The work.
        count: Maximum number of commits.
    """
    line = store.text("rev-list", "--first-parent", f"--max-count={count + 1}", work.tip, f"^{work.base}").split()
    base = line[count] if count < len(line) else work.base
    part = landed_work(store, base, work.tip)
    return part._replace(left_out=max(1, len(work.changes) - len(part.changes)))
