"""The work of a run on its branch, as a verification needs it: one change for each task.

A task that has repaired its work has several commits. A search must not tear them apart: the history up to the first
one would show a failure that is repaired already. So the commits of a task become one, as by git rebase --autosquash,
in a history that exists only here. It is the same each time it is made.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import LandedChange
from parallelproject.git.branches.picking import picked
from parallelproject.git.plumbing.changes import changes
from parallelproject.git.plumbing.commit import make_commit
from parallelproject.git.plumbing.failure import Cause, GitFailedError
from parallelproject.git.plumbing.landed_history import trailer_format
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.outcome import BranchRewrittenError, ConflictError
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.plumbing.trailers import ATTEMPT, RUN, TASK

_SEEN = "refs/seen/branch"
_NOBODY = {f"GIT_{who}_{what}": "parallelproject" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")} | (
    dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "1000000000 +0000")
)
"""So that a commit is the same each time it is made."""


class _LandedCommit(NamedTuple):
    commit: str
    parent: str
    task: str
    attempt: str


def branch_tip(store: GitStore) -> str:
    """Fetches the branch, and returns its commit.

    Raises:
        GitFailedError: it cannot be read.
        BranchRewrittenError: it does not exist.
    """
    try:
        store.fetch([f"+{store.delivery.branch_ref}:{_SEEN}"])
    except GitFailedError as error:
        if error.cause is not Cause.MISSING_REF:
            raise
        raise BranchRewrittenError("BranchGone", f"the branch {store.delivery.branch} was deleted") from None
    return store.text("rev-parse", _SEEN)


def landed_work(store: GitStore, since: str, tip: str) -> LandedWork:
    """What the tasks of the run have landed, in the order in which they landed.

    Args:
        store: A git directory with the branch.
        since: The commit from which on it is wanted, such as the last one that was verified; empty: from the first
            commit of the run on.
        tip: The last commit.
    """
    form = "%H%x00%P%x00" + "%x00".join(map(trailer_format, (RUN, TASK, ATTEMPT)))
    above = [f"^{since}"] if since else []
    rows = []
    for line in lines_of(store.text("log", "--topo-order", "--reverse", f"--format={form}", tip, *above, "--")):
        commit, parents, run, task, attempt = line.split("\0")
        if run == store.delivery.run and task and len(parents.split()) == 1:
            rows.append(_LandedCommit(commit, parents, task, attempt))
    base = since or (rows[0].parent if rows else tip)
    if len({row.task for row in rows}) < len(rows):
        rows = _squashed(store, base, tip, rows) or rows
    return LandedWork(base, tip, tuple(_change(store, row) for row in rows))


def _squashed(store: GitStore, base: str, tip: str, rows: Sequence[_LandedCommit]) -> list[_LandedCommit] | None:
    """The same work with one commit for each task; None: it cannot be made, since the commits build on each other.

    A task is in the place of its first commit, or else of its last one.
    """
    groups: dict[str, list[_LandedCommit]] = {}
    for row in rows:
        groups.setdefault(row.task, []).append(row)
    by_last = sorted(groups.values(), key=lambda group: rows.index(group[-1]))
    for order in (list(groups.values()), by_last):
        try:
            found = _replayed(store, base, order)
        except ConflictError:
            continue
        # Another tree: people have pushed to the branch as well.
        if store.text("rev-parse", f"{found[-1].commit}^{{tree}}") == store.text("rev-parse", f"{tip}^{{tree}}"):
            return found
    return None


def _replayed(store: GitStore, base: str, groups: Iterable[Sequence[_LandedCommit]]) -> list[_LandedCommit]:
    found: list[_LandedCommit] = []
    at = base
    for group in groups:
        last = group[-1]
        if len(group) == 1 and last.parent == at:
            found.append(last)
            at = last.commit
            continue
        tree, on = "", at
        for row in group:
            tree = picked(store, row.commit, on)
            on = make_commit(store, tree, [at], f"{row.task}\n", _NOBODY, signed=False)
        found.append(_LandedCommit(on, at, last.task, last.attempt))
        at = on
    return found


def _change(store: GitStore, row: _LandedCommit) -> LandedChange:
    paths = tuple(change.path for change in changes(store.git, row.parent, row.commit))
    counts = store.text("diff-tree", "--numstat", "-r", "--no-renames", row.parent, row.commit)
    numbers = [number for line in lines_of(counts) for number in line.split("\t")[:2]]
    lines = sum(int(number) for number in numbers if number.isdigit())
    retries = int(row.attempt) - 1 if row.attempt.isdigit() and row.attempt != "0" else 0
    return LandedChange(row.task, row.commit, paths, lines, retries)
