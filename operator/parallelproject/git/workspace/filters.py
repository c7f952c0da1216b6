"""Paths that a filter of git changes between the repository and the work tree, as git-lfs and git-crypt do.

No filter of a repository runs here, so such a file is checked out raw. Its changed form must not be
committed raw either: a large file in place of its pointer, or a secret in place of its encrypted form.
"""

from collections.abc import Sequence
from pathlib import Path

from parallelproject.git.plumbing.changes import PathChange
from parallelproject.git.plumbing.command import lines
from parallelproject.git.plumbing.merge import attributes_folder
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.policy.violation import Violation
from parallelproject.git.workspace.lfs import NAME as LFS_NAME

_ALWAYS = frozenset({LFS_NAME, "git-crypt"})
"""Filters for which a rule of the task also counts: raw content under such a rule is never intended."""


def filters_of(store: GitStore, commit: str, paths: Sequence[str]) -> dict[str, str]:
    """By path, its filter by the attributes of a commit; without paths that have none."""
    if not paths:
        return {}
    folder = attributes_folder(store, commit)
    return _check(store, folder, paths)


def filtered(store: GitStore, base: str, changed: Sequence[PathChange]) -> list[Violation]:
    """The changes of files that a filter should have converted first."""
    paths = [change.path for change in changed if change.new]
    found = filters_of(store, base, paths)
    if any(change.path.endswith(".gitattributes") for change in changed):
        own = _check(store, store.place.workspace, paths)
        found = {path: name for path, name in own.items() if name in _ALWAYS} | found
    text = "is converted by a git filter"
    return [
        Violation("Filtered", path, f'{text}, "{name}", which did not run', "crypt" in name)
        for path, name in found.items()
        if not (name == LFS_NAME and store.delivery.lfs)
    ]


def _check(store: GitStore, folder: Path, paths: Sequence[str]) -> dict[str, str]:
    where = {"GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(store.git.home / "no-index")}
    output = store.git.run(
        "check-attr", "-z", "--stdin", "filter",
        stdin=lines(paths), environment=where, config=[("core.bare", "false")], folder=folder,
    ).stdout  # fmt: skip
    fields = output.decode(errors="surrogateescape").split("\0")
    triples = zip(fields[::3], fields[1::3], fields[2::3], strict=False)
    return {path: value for path, _, value in triples if value not in ("unspecified", "unset", "set")}
