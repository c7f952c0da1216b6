"""The index of the workspace's own ``.git``, as data: which paths a sparse checkout has removed from the folder."""

import os
from collections.abc import Collection
from pathlib import Path

from parallelproject.git.own_git.refs import own_directory
from parallelproject.git.plumbing.command import split
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.plain_file import read_plain
from parallelproject.git.plumbing.store import GitStore

_MOST = 256 * 1024 * 1024


def skipped(store: GitStore, gone: Collection[str]) -> frozenset[str]:
    """The paths that are not in the folder and were not deleted.

    A sparse checkout (``git sparse-checkout``, ``--skip-worktree``) marks them in the index. The index of the
    task is used only for this: such a path does not count as deleted.
    """
    own = own_directory(store.place.workspace) if gone else None
    if own is None:
        return frozenset()
    copied = copy_index(own / "index", store.git.home / "own-index")
    if copied is None:
        return frozenset()
    try:
        output = store.git.run("ls-files", "-t", "-z", environment={"GIT_INDEX_FILE": str(copied)}).stdout
    except GitFailedError:
        return frozenset()  # not an index
    marked = {line[2:] for line in split(output) if line.startswith("S ")}
    return frozenset(marked.intersection(gone))


def copy_index(index: Path, to: Path) -> Path | None:
    """A copy of an index that the task may have written; None: it does not exist.

    The copy is dated before all files: git then compares the content even if size and time are equal to the index, as
    after a change in the same second (racy-git).
    """
    content = read_plain(index, _MOST)
    if content is None:
        return None
    to.write_bytes(content)
    os.utime(to, (1, 1))  # 0 would mean that git need not compare
    return to
