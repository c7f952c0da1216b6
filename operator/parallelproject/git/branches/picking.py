"""The commits of tasks on another branch: which of them it already has, and their changes on top of it.

A forge may merge a commit as another one: squashed, or rebased by the forge or by us. Its trailers identify its task.
"""

from collections.abc import Sequence

from parallelproject.git.plumbing.commit import make_commit
from parallelproject.git.plumbing.landed_history import OWNER, trailer_format
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.merge import combine
from parallelproject.git.plumbing.store import GitStore

_OWNER = " ".join(map(trailer_format, OWNER))
_COMMITS_MAX = 200


def has_arrived(store: GitStore, commit: str, base: str) -> bool:
    """Whether a ref has a task's work, possibly as another commit."""
    if store.git.run("merge-base", "--is-ancestor", commit, base, codes=(0, 1)).returncode == 0:
        return True
    return _owner(store, commit) in _owners(store, f"{commit}..{base}")


def task_commits(store: GitStore, base: str, head: str) -> Sequence[str]:
    """The commits of a branch that are the work of tasks and are not in its base yet, in order.

    Empty if the branch has anything else, such as a merge or a person's commit: then we must not rebase it.
    """
    printed = store.text(
        "rev-list", "--reverse", "--parents", f"--max-count={_COMMITS_MAX + 1}", f"{base}..{head}", "--"
    )
    rows = [line.split() for line in lines_of(printed)]
    if len(rows) > _COMMITS_MAX or any(len(row) != 2 for row in rows):
        return []
    owners = {row[0]: _owner(store, row[0]) for row in rows}
    if len(rows) > 1 and not all(owner.strip() for owner in owners.values()):
        return []
    arrived = _owners(store, f"{head}..{base}")
    return [commit for commit, owner in owners.items() if not owner.strip() or owner not in arrived]


def picked(store: GitStore, commit: str, onto: str) -> str:
    """The tree of one commit's changes on top of another commit.

    Raises:
        ConflictError: they do not merge.
    """
    # git before 2.40 always merges from the common ancestor of two commits: this commit gives it the right ancestor.
    names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    other = make_commit(store, f"{onto}^{{tree}}", [f"{commit}^"], "onto\n", names, signed=False)
    return combine(store, f"{commit}^", other, commit)


def _owner(store: GitStore, commit: str) -> str:
    return store.text("log", "-1", "--no-walk", f"--format={_OWNER}", commit)


def _owners(store: GitStore, commits: str) -> set[str]:
    return set(lines_of(store.text("log", f"--format={_OWNER}", commits, "--")))
