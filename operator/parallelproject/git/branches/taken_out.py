"""Takes the work of tasks off the branch: by one new commit, once.

The commit names its number in the run. It is pushed as a compare-and-swap, and looked for before it is made: so after
an interruption at any moment it can be called again.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import NamedTuple

from parallelproject.core.verification.revert_request import RevertRequest
from parallelproject.git.branches.landed_work import branch_tip
from parallelproject.git.branches.probes import edited
from parallelproject.git.plumbing.changes import changes
from parallelproject.git.plumbing.commit import make_commit
from parallelproject.git.plumbing.failure import Cause, GitFailedError
from parallelproject.git.plumbing.landed_history import trailer_format
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.outcome import ConflictError, TransientError
from parallelproject.git.plumbing.push import Pushed, Update, push
from parallelproject.git.plumbing.retrying import pause
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.plumbing.trailers import REVERT, REVERTED, RUN, TASK, message
from parallelproject.model.problem import listed

TRIES = 60
_NAMED = 5


class TakenOut(NamedTuple):
    """What was taken out."""

    commit: str
    """The new commit; empty: nothing of the tasks was on the branch."""
    tasks: tuple[str, ...]
    """All tasks whose work was taken out."""


class _WorkCommit(NamedTuple):
    commit: str
    task: str
    """Empty: it is of no task of the run."""


def take_out(store: GitStore, request: RevertRequest) -> TakenOut:
    """Takes out the work of tasks, and of those that build on it.

    Where git cannot keep the work of a task without that of another, it is taken out as well, with the tasks that
    depend on it.

    Args:
        store: A git directory with the branch.
        request: What is to be taken out.

    Raises:
        ConflictError: a commit that is of no task of the run builds on the work.
        TransientError: the branch has moved again and again.
        GitFailedError, DeliveryError: the repository cannot be read or written.
    """
    for tries in range(TRIES):
        if tries:
            pause(tries)
        try:
            tip = branch_tip(store)
        except GitFailedError as error:
            if error.cause is not Cause.NETWORK or tries == TRIES - 1:
                raise
            continue
        rows, done = _history(store, tip, request)
        if done is not None:
            return done
        commit, out = _made(store, tip, rows, request)
        found = TakenOut(commit, tuple(dict.fromkeys(row.task for row in rows if row.task in out)))
        if not commit or push(store.git, [Update(store.delivery.branch_ref, tip, commit)]) is Pushed.DONE:
            return found
    raise TransientError("BranchMoves", f"the branch {store.delivery.branch} has moved {TRIES} times: run it again")


def _history(store: GitStore, tip: str, request: RevertRequest) -> tuple[list[_WorkCommit], TakenOut | None]:
    """The commits on the branch that are not taken out, the oldest first; and what this request has taken out.

    A commit with the same number that is not above ``request.since`` is of a run whose record was lost.
    """
    form = "%H%x00%P%x00" + "%x00".join(map(trailer_format, (RUN, TASK, REVERT, REVERTED)))
    rows: list[_WorkCommit] = []
    done: TakenOut | None = None
    for line in lines_of(store.text("log", "--topo-order", "--reverse", f"--format={form}", tip, "--")):
        commit, parents, run, task, revert, reverted = line.split("\0")
        if run == store.delivery.run and revert:
            gone = tuple(reverted.split())
            if revert == str(request.number) and done is None:
                done = TakenOut(commit, gone)
            rows = [row for row in rows if row.task not in gone]
        else:
            is_work = run == store.delivery.run and len(parents.split()) == 1
            rows.append(_WorkCommit(commit, task if is_work else ""))
        if commit == request.since:
            done = None
    return rows, done


def _made(store: GitStore, tip: str, rows: Sequence[_WorkCommit], request: RevertRequest) -> tuple[str, set[str]]:
    """The commit on top of the tip, and the tasks that it takes out; empty if there is nothing to take out."""
    out = request.with_dependents(request.tasks)
    while True:
        gone = [row.commit for row in reversed(rows) if row.task in out]
        if not gone:
            return "", out
        try:
            content = edited(store, tip, gone, [])
        except ConflictError as conflict:
            out |= request.with_dependents([_builder(store, tip, rows, out, conflict)])
            continue
        tasks = list(dict.fromkeys(row.task for row in rows if row.task in out))
        trailers = {RUN: store.delivery.run, REVERT: str(request.number), REVERTED: " ".join(tasks)}
        text = message(f"Revert the work of {listed(tasks, _NAMED)}", request.why, trailers)
        return make_commit(store, f"{content}^{{tree}}", [tip], text, _people(store), signed=True), out


def _builder(
    store: GitStore, tip: str, rows: Sequence[_WorkCommit], out: Collection[str], conflict: ConflictError
) -> str:
    """The task whose work on the same files keeps that of others from being taken out: the first one without which that
    is possible, else the first one on these files.

    Raises:
        ConflictError: it is of no task.
    """
    first = next(i for i, row in enumerate(rows) if row.task in out)
    found: list[str] = []
    for row in rows[first:]:
        if row.task and row.task not in out and row.task not in found:
            paths = {change.path for change in changes(store.git, f"{row.commit}^", row.commit)}
            if paths & set(conflict.paths):
                found.append(row.task)
    for task in found:
        with suppress(ConflictError):
            edited(store, tip, [row.commit for row in reversed(rows) if row.task == task or row.task in out], [])
            return task
    if found:
        return found[0]
    raise conflict


def _people(store: GitStore) -> dict[str, str]:
    author, committer = store.delivery.author, store.delivery.committer
    return {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_COMMITTER_NAME": committer.name,
        "GIT_COMMITTER_EMAIL": committer.email,
    }
