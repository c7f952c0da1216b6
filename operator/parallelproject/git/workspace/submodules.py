"""What a task has changed below a submodule of its base. The repositories there are read as data."""

import posixpath
from collections.abc import Iterator
from pathlib import Path

from parallelproject.git.own_git.index import copy_index
from parallelproject.git.own_git.refs import read_head
from parallelproject.git.plumbing.changes import GITLINK
from parallelproject.git.plumbing.command import split
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.plain_file import is_plain_folder, read_plain
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.policy.violation import Violation
from parallelproject.git.workspace.work_tree import WorkTree

_LINK_MAX = 4096


def gitlinks(store: GitStore) -> dict[str, str]:
    """By path, the commit of a submodule of the base."""
    listed = split(store.git.run("ls-files", "-s", "-z").stdout)
    entries = (line.partition("\t") for line in listed if line.startswith(f"{GITLINK} "))
    return {path: entry.split(" ")[1] for entry, _, path in entries}


def changed_below(store: GitStore, work: WorkTree) -> tuple[list[str], list[Violation]]:
    """The files to keep, and why their submodules prevent the work from landing."""
    files, found = list[str](), list[Violation]()
    for path, commit in gitlinks(store).items():
        folder = work.folder / path
        if not is_plain_folder(folder) or not _is_within(work.folder, path):
            continue
        below = sorted(set(_changed(store, work, path, commit)))
        if below:
            files += below
            text = f"is a submodule, and {len(below)} files in it changed, first {below[0]!r}"
            found.append(Violation("Submodule", path, text, False))
    return files, found


def module_directory(workspace: Path, path: str) -> Path | None:
    """The git directory of a submodule: its own, or the one below the workspace's that its ``.git`` names."""
    own = workspace / path / ".git"
    if is_plain_folder(own):
        return own
    output = read_plain(own, _LINK_MAX)
    if output is None or not output.startswith(b"gitdir:"):
        return None
    target = output.removeprefix(b"gitdir:").strip().decode(errors="surrogateescape")
    full = posixpath.normpath(posixpath.join(str(workspace / path), target))
    inside = f"{workspace}/"
    if not full.startswith(inside) or "\0" in full or not _is_within(workspace, full.removeprefix(inside)):
        return None
    return Path(full)


def _changed(store: GitStore, work: WorkTree, path: str, commit: str) -> Iterator[str]:
    directory = module_directory(work.folder, path)
    index = copy_index(directory / "index", store.git.home / "module-index") if directory else None
    if directory is None or index is None or read_head(directory) != commit:
        # Another commit than that of the base, or none: it is unknown which of its files are the task's.
        yield from work.inside(path)
        return
    module = WorkTree(store.git, work.folder / path, index, work.policy)
    try:
        gone, changed = module.changed()
        names = [*changed, *module.new()]
    except GitFailedError:  # not an index
        yield from work.inside(path)
        return
    for name in (*names, *gone):
        if name.endswith("/"):
            yield from work.inside(f"{path}/{name.rstrip('/')}")
        else:
            yield f"{path}/{name}"


def _is_within(workspace: Path, path: str) -> bool:
    """Whether no folder of the path is a link."""
    at = workspace
    for part in path.split("/"):
        at = at / part
        if not is_plain_folder(at):
            return False
    return True
