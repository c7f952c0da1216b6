"""What a task left in its workspace, as a commit on its base. Nothing in the workspace is trusted.

The workspace's own ``.git`` is never read. git lists what has changed and hashes it, from the private index made
by ``prepare``; it never looks into a repository within the workspace, where a configuration could execute something.
Symbolic links are recorded, never followed.
"""

import os
import re
import shutil
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from parallelproject.git.changes import Change, changes
from parallelproject.git.commit import commit_tree
from parallelproject.git.delivery import Policy
from parallelproject.git.policy import Violation, too_large, violations
from parallelproject.git.store import Store

_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A task's work."""

    commit: str | None
    """None: nothing has changed."""
    base: str
    changed: tuple[Change, ...]
    violations: tuple[Violation, ...]


def snapshot(store: Store, base: str, leave_out: Collection[str] = ()) -> Snapshot:
    """Commits what the workspace holds, ignored files aside, on its base.

    Args:
        store: The private git directory, with the index as ``prepare`` left it.
        base: The commit that was checked out.
        leave_out: Paths to keep as they are in the base.

    Raises:
        GitFailedError: the workspace could not be read.
    """
    delivery, workspace = store.delivery, store.place.workspace
    index = store.git.directory / "snapshot-index"
    # With its time: git takes a file that was changed in the index's own second for changed, and only then looks.
    shutil.copy2(store.git.directory / "index", index)
    found: list[Violation] = []
    where = {"GIT_WORK_TREE": str(workspace), "GIT_INDEX_FILE": str(index)}
    try:
        gone, candidates = _candidates(store, where)
        add: list[str] = []
        remove = [path for path in gone if path not in leave_out]
        for path, tracked in candidates.items():
            if path.rstrip("/") in leave_out:
                continue
            kind = _kind(workspace, path, delivery.policy, tracked)
            if isinstance(kind, Violation):
                found.append(kind)
            else:
                (add if kind else remove).append(path)
        if remove:
            # As "mode name\0path": mode 0 takes the path out, without a look at the work tree.
            lines = [f"0 {'0' * 40}\t{path}" for path in remove]
            store.git.run(
                "update-index", "-z", "--index-info", stdin=_lines(lines), environment=where, folder=workspace
            )
        if add:
            options = ("--add", "--remove", "--replace", "-z", "--stdin")
            store.git.run("update-index", *options, stdin=_lines(add), environment=where, folder=workspace)
        tree = store.git.run("write-tree", environment=where).stdout.decode().strip()
    finally:
        index.unlink(missing_ok=True)
    changed = changes(store.git, f"{base}^{{tree}}", tree)
    found += violations(store.git, changed, delivery.policy, delivery.access.secrets())
    commit = commit_tree(store, tree, base, signed=False, attempt=delivery.attempt) if changed else None
    return Snapshot(commit, base, changed, tuple(found))


def _candidates(store: Store, where: dict[str, str]) -> tuple[list[str], dict[str, bool]]:
    """The paths that are gone; those that look changed (True) or are new (False), a nested repository with ``/``."""
    folder = store.place.workspace
    # "all": a submodule is not asked for its state, since that would run git within it.
    raw = ("diff-files", "-z", "--name-status", "--no-renames", "--ignore-submodules=all")
    fields = _split(store.git.run(*raw, environment=where, folder=folder).stdout)
    changed = list(zip(fields[::2], fields[1::2], strict=True))
    new = _split(
        store.git.run("ls-files", "-z", "--others", "--exclude-standard", environment=where, folder=folder).stdout
    )
    tracked = {path: True for letter, path in changed if letter != "D"}
    # What stands behind a symbolic link counts as gone, so that it is not looked at.
    return [path for letter, path in changed if letter == "D"], dict.fromkeys(new, False) | tracked


def _kind(workspace: Path, path: str, policy: Policy, tracked: bool) -> bool | Violation:
    """True: take it in; False: it is no file; or why it cannot be taken in."""
    if path.endswith("/"):
        return Violation("NestedRepository", path.rstrip("/"), "is a repository of its own", True)
    if any(_passes_for_git(part) for part in path.split("/")):
        return Violation("UnsafePath", path, "has a name that git keeps for itself", True)
    try:
        status = os.lstat(workspace / path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if stat.S_ISDIR(status.st_mode):
        return Violation("NestedRepository", path, "is a repository of its own", True)
    if stat.S_ISREG(status.st_mode):
        if status.st_size > policy.max_file_bytes and not tracked:
            return too_large(path, status.st_size, policy)
        if not os.access(workspace / path, os.R_OK, follow_symlinks=False):
            return Violation("Unreadable", path, "cannot be read", True)
    return stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)


def _passes_for_git(name: str) -> bool:
    """Whether some file system takes the name for ``.git``; git refuses those anywhere."""
    return _IGNORED_BY_HFS.sub("", name).rstrip(" .").split(":")[0].casefold() in (".git", "git~1")


def _split(raw: bytes) -> list[str]:
    return [path for path in raw.decode(errors="surrogateescape").split("\0") if path]


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\0" for line in lines).encode(errors="surrogateescape")
