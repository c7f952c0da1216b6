"""Takes the work of tasks off the branch: by one new commit, once.

The commit names its number in the run. It is pushed as a compare-and-swap, and looked for before it is made: so after
an interruption at any moment it can be called again.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from parallelproject.git.branches.landed_work import branch_tip
from parallelproject.git.branches.probes import edited
from parallelproject.git.plumbing.changes import changes
from parallelproject.git.plumbing.commit import make_commit
from parallelproject.git.plumbing.landed_history import trailer_format
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.outcome import ConflictError, TransientError
from parallelproject.git.plumbing.push import Pushed, Update, push
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


def take_out(
    store: GitStore, number: int, tasks: Collection[str], dependents: Mapping[str, Collection[str]], why: str
) -> TakenOut:
    """Takes out the work of tasks, and of those that build on it.

    Args:
        store: A git directory with the branch.
        number: Of such commits in the run, from 1.
        tasks: The tasks.
        dependents: By task, those that depend on it. Where git cannot keep the work of a task without that of another,
            it is taken out as well, with these.
        why: The body of the message.

    Raises:
        ConflictError: a commit that is of no task of the run builds on the work.
        TransientError: the branch has moved again and again.
        GitFailedError, DeliveryError: the repository cannot be read or written.
    """
    for _ in range(TRIES):
        tip = branch_tip(store)
        rows, done = _history(store, tip, number)
        if done is not None:
            return done
        out = _with_dependents(tasks, dependents)
        commit, out = _made(store, tip, rows, out, dependents, number, why)
        found = TakenOut(commit, tuple(dict.fromkeys(row.task for row in rows if row.task in out)))
        if not commit or push(store.git, [Update(store.delivery.branch_ref, tip, commit)]) is Pushed.DONE:
            return found
    raise TransientError("BranchMoves", f"the branch {store.delivery.branch} has moved {TRIES} times: run it again")


def _with_dependents(tasks: Collection[str], dependents: Mapping[str, Collection[str]]) -> set[str]:
    return {*tasks, *(each for task in tasks for each in dependents.get(task, ()))}


def _history(store: GitStore, tip: str, number: int) -> tuple[list[_WorkCommit], TakenOut | None]:
    """The commits on the branch that are not taken out, the oldest first; and what was taken out under this number."""
    form = "%H%x00%P%x00" + "%x00".join(map(trailer_format, (RUN, TASK, REVERT, REVERTED)))
    rows: list[_WorkCommit] = []
    for line in lines_of(store.text("log", "--topo-order", "--reverse", f"--format={form}", tip, "--")):
        commit, parents, run, task, revert, reverted = line.split("\0")
        if run == store.delivery.run and revert:
            gone = tuple(reverted.split())
            if revert == str(number):
                return rows, TakenOut(commit, gone)
            rows = [row for row in rows if row.task not in gone]
            continue
        is_work = run == store.delivery.run and len(parents.split()) == 1
        rows.append(_WorkCommit(commit, task if is_work else ""))
    return rows, None


def _made(
    store: GitStore,
    tip: str,
    rows: Sequence[_WorkCommit],
    out: set[str],
    dependents: Mapping[str, Collection[str]],
    number: int,
    why: str,
) -> tuple[str, set[str]]:
    """The commit on top of the tip, and the tasks that it takes out; empty if there is nothing to take out."""
    while True:
        gone = [row.commit for row in reversed(rows) if row.task in out]
        if not gone:
            return "", out
        try:
            content = edited(store, tip, gone, [])
        except ConflictError as conflict:
            out = out | _with_dependents([_builder(store, tip, rows, out, conflict)], dependents)
            continue
        tasks = list(dict.fromkeys(row.task for row in rows if row.task in out))
        trailers = {RUN: store.delivery.run, REVERT: str(number), REVERTED: " ".join(tasks)}
        text = message(f"Revert the work of {listed(tasks, _NAMED)}", why, trailers)
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
