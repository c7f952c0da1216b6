"""Merging in the private git directory alone: no work tree, no index, nothing that a task could have prepared."""

from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from parallelproject.git.plumbing.changes import changes, contents
from parallelproject.git.plumbing.command import GitCommand
from parallelproject.git.plumbing.delivery import LandPolicy
from parallelproject.git.plumbing.outcome import ConflictError
from parallelproject.git.plumbing.store import GitStore

_ATTRIBUTES = ".gitattributes"


def combine(store: GitStore, base: str, tip: str, work: str, policy: LandPolicy = LandPolicy.MERGE) -> str:
    """The tree of ``work``'s changes since ``base`` on top of ``tip``, by the rules of landing.

    Raises:
        ConflictError: with the conflicting paths.
    """
    ours = {change.path: change for change in changes(store.git, base, work)}
    theirs = {change.path: change for change in changes(store.git, base, tip)}
    both = sorted(ours.keys() & theirs.keys())
    if both and policy is LandPolicy.DISJOINT:
        raise ConflictError("ChangedSinceBase", "work that landed since changed the same files", both)
    # git's merge treats a deleted file as renamed if a similar one was added, and moves the other edit there.
    half_deleted = [path for path in both if (ours[path].new is None) != (theirs[path].new is None)]
    if half_deleted:
        raise ConflictError("MergeConflict", "one side deleted what the other changed", half_deleted)
    return merge(store, base, tip, work)


def merge(store: GitStore, base: str, tip: str, work: str) -> str:
    """The tree of ``work``'s changes since ``base`` on top of ``tip``.

    Renames are followed by git before 2.50 whatever is asked (its ``ort`` strategy ignored ``merge.renames``),
    so no path may be deleted on one side and changed on the other: see ``combine``.

    The attributes that decide how a file is merged (``-merge``, ``merge=union``) are those of the base, not of the
    work.

    Raises:
        ConflictError: with the paths that both have changed.
    """
    folder = attributes_folder(store, base)
    done = store.git.run(
        "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", tip, work,
        environment={"GIT_WORK_TREE": str(folder)},
        config=[("core.bare", "false")],
        folder=folder,
        codes=(0, 1),
    )  # fmt: skip
    tree, *paths = done.stdout.decode(errors="surrogateescape").rstrip("\0").split("\0")
    if done.returncode == 0:
        return tree
    raise ConflictError("MergeConflict", "this task and work that landed since changed the same lines", paths)


def merged_with_markers(git: GitCommand, tip: str, commit: str) -> tuple[str, tuple[str, ...]]:
    """The tree of a merge as git makes it, and the paths in conflict, which have conflict markers in it. No attributes
    of the repository decide how a file is merged.

    Raises:
        GitFailedError: git refuses, such as to merge branches without a common history.
    """
    done = git.run(
        "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", tip, commit,
        environment={"GIT_WORK_TREE": str(git.home)}, config=[("core.bare", "false")], folder=git.home, codes=(0, 1),
    )  # fmt: skip
    tree, *paths = done.stdout.decode(errors="surrogateescape").rstrip("\0").split("\0")
    return tree, tuple(paths)


MARKER = "^<<<<<<< "
"""How a conflict marker starts, for ``git grep``."""


def with_marker(git: GitCommand, tree: str, paths: Iterable[str]) -> list[str]:
    """The files among some that have conflict markers in a tree or commit.

    Raises:
        GitFailedError: git failed.
    """
    asked = [f":(literal){path}" for path in paths]
    if not asked:
        return []
    done = git.run("grep", "-l", "-z", "-e", MARKER, tree, "--", *asked, codes=(0, 1))
    found = done.stdout.decode(errors="surrogateescape").split("\0")
    return [name.partition(":")[2] for name in found if name]


def with_paths_of(store: GitStore, tree: str, commit: str, paths: Collection[str]) -> str:
    """The tree that has some paths as another commit has them; a path that it does not have is removed.

    Raises:
        GitFailedError: git failed.
    """
    if not paths:
        return tree
    index = {"GIT_INDEX_FILE": str(store.git.directory / "merge-index")}
    store.git.run("read-tree", tree, environment=index)
    nothing = "0" * store.git.name_length
    rows = dict.fromkeys(paths, f"0 {nothing}")
    listed = store.git.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths).stdout
    for line in listed.decode(errors="surrogateescape").split("\0"):
        entry, _, path = line.partition("\t")
        if path in rows:
            mode, _, name = entry.split(" ")
            rows[path] = f"{mode} {name}"
    changed = "".join(f"{entry}\t{path}\0" for path, entry in rows.items()).encode(errors="surrogateescape")
    store.git.run("update-index", "-z", "--index-info", stdin=changed, environment=index)
    return store.git.run("write-tree", environment=index).stdout.decode().strip()


def attributes_folder(store: GitStore, base: str) -> Path:
    """A folder with the base's attribute files and nothing else."""
    folder = store.git.home / f"attributes-{base}"
    if folder.is_dir():
        return folder
    new = store.git.home / f"new-attributes-{base}"
    new.mkdir(exist_ok=True)
    listed = store.git.run("ls-tree", "-r", "-z", base).stdout.decode(errors="surrogateescape").split("\0")
    entries = [(*line.partition("\t")[0].split(" "), line.partition("\t")[2]) for line in listed if line]
    blobs: dict[str, list[str]] = {}
    for mode, _, blob, path in entries:
        inside = not {"..", ".", "", ".git"} & set(path.split("/"))
        if PurePosixPath(path).name == _ATTRIBUTES and mode in ("100644", "100755") and inside:
            blobs.setdefault(blob, []).append(path)
    for blob, content in contents(store.git, blobs):
        for path in blobs[blob]:
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            (new / path).write_bytes(content)
    new.rename(folder)
    return folder
