"""The work of a run on its branch, as a verification needs it: one change for each task, and what others have added.

A task that has repaired its work has several commits. A search must not tear them apart: the history up to the first
one would show a failure that is repaired already. So the commits of a task become one, as by git rebase --autosquash,
in a history that exists only here. It is the same each time it is made.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import FOREIGN, LandedChange, is_foreign
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
    """The first one."""
    task: str
    """See ``LandedChange.task``."""
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
    """What is on the branch since a commit, in the order in which it landed.

    Args:
        store: A git directory with the branch.
        since: The commit from which on it is wanted, such as the last one that passed; empty, or not on the branch (any
            more): from the first commit of the run on.
        tip: The last commit.
    """
    if since and not _is_in(store, since, tip):
        since = ""
    above = [f"^{since}"] if since else []
    rows = [row for row in _log(store, "--topo-order", tip, *above) if not is_foreign(row.task)]
    base = since or (rows[0].parent if rows else tip)
    rows = _with_others(store, base, tip, rows)
    if len({row.task for row in rows}) < len(rows):
        rows = _squashed(store, base, tip, rows) or rows
    return LandedWork(base, tip, tuple(_change(store, row) for row in rows))


def _is_in(store: GitStore, commit: str, tip: str) -> bool:
    """Whether a commit is part of the history of another one."""
    if store.commit_of(commit) is None:
        return False
    return store.git.run("merge-base", "--is-ancestor", commit, tip, codes=(0, 1)).returncode == 0


def _log(store: GitStore, *arguments: str) -> list[_LandedCommit]:
    """Commits, the oldest one first. One that is not the work of a task of this run is foreign."""
    form = "%H%x00%P%x00" + "%x00".join(map(trailer_format, (RUN, TASK, ATTEMPT)))
    rows = []
    for line in lines_of(store.text("log", "--reverse", f"--format={form}", *arguments, "--")):
        commit, parents, run, task, attempt = line.split("\0")
        is_ours = run == store.delivery.run and task and len(parents.split()) == 1
        found = (task, attempt) if is_ours else (f"{FOREIGN}{commit}", "")
        rows.append(_LandedCommit(commit, parents.partition(" ")[0], *found))
    return rows


def _with_others(store: GitStore, base: str, tip: str, ours: list[_LandedCommit]) -> list[_LandedCommit]:
    """The work of tasks, and between it what others have put on the branch; what came together is one change.

    Only the work of tasks where history is not one line of commits from the base to the tip.
    """
    if _is_line(base, tip, ours):
        return ours
    line = _log(store, "--first-parent", tip, f"^{base}")
    if not _is_line(base, tip, line) or not {row.commit for row in ours} <= {row.commit for row in line}:
        return ours
    found: list[_LandedCommit] = []
    for is_other, rows in groupby(line, lambda row: is_foreign(row.task)):
        together = list(rows)
        found += [_joined(store, together)] if is_other and len(together) > 1 else together
    return found


def _is_line(base: str, tip: str, rows: Sequence[_LandedCommit]) -> bool:
    """Whether each commit is the first parent of the next one, from the base to the tip."""
    commits = [base, *(row.commit for row in rows)]
    return commits[-1] == tip and [row.parent for row in rows] == commits[:-1]


def _joined(store: GitStore, rows: Sequence[_LandedCommit]) -> _LandedCommit:
    """Consecutive commits as one."""
    before, last = rows[0].parent, rows[-1].commit
    name = f"{FOREIGN}{before}..{last}"
    return _LandedCommit(
        make_commit(store, f"{last}^{{tree}}", [before], f"{name}\n", _NOBODY, signed=False), before, name, ""
    )


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
        # Another tree: the history is not one line, and has more than these commits.
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
