"""The commits of a branch that took out the work of a run's tasks."""

from typing import NamedTuple

from parallelproject.git.plumbing.landed_history import trailer_format
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.plumbing.trailers import REPAIR, REVERT, REVERTED, RUN, TASK

_OLDEST_FIRST = ("--topo-order", "--reverse")


class Revert(NamedTuple):
    """One such commit."""

    commit: str
    since: str
    """The first commit that it undoes: what ends between the two has work that was taken out."""
    tasks: tuple[str, ...]
    """The tasks whose work it took out."""
    out: tuple[str, ...]
    """Those of them whose work has not landed again since."""


def reverts_in(store: GitStore, run: str, *commits: str) -> list[Revert]:
    """The reverts of a run, the oldest first.

    Args:
        store: A git directory with the branch.
        run: The run.
        commits: The commits to look at, as for ``git rev-list``.
    """
    form = "%H%x00%P%x00" + "%x00".join(map(trailer_format, (RUN, TASK, REPAIR, REVERT, REVERTED)))
    rows = [line.split("\0") for line in lines_of(store.text("log", *_OLDEST_FIRST, f"--format={form}", *commits))]
    found: list[Revert] = []
    there: dict[str, int] = {}
    for place, (commit, parents, of_run, task, repair, revert, tasks) in enumerate(rows):
        if of_run != run or len(parents.split()) != 1:
            continue
        if revert:
            gone = tuple(tasks.split())
            since = min((there.pop(each) for each in gone if each in there), default=place)
            found.append(Revert(commit, rows[since][0], gone, ()))
        elif task:
            there.setdefault(task, 0 if repair else place)  # what is repaired landed before all of these
    return [each._replace(out=tuple(task for task in each.tasks if task not in there)) for each in found]
