"""Rules of git that ignore paths: those of the base, which apply even if a task changes them, and those of the task.

What they ignore does not land. Where the task has changed them, it is reported.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from parallelproject.folder_removal import try_to_remove
from parallelproject.git.plumbing.changes import PathChange, contents
from parallelproject.git.plumbing.command import split
from parallelproject.git.plumbing.plain_file import read_plain
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.workspace.work_tree import WorkTree

_RULES = ".gitignore"
_RULES_MAX = 1024 * 1024


_ALL = frozenset((b"*", b"**", b"/*", b".*", b"/.*", b".gitignore", b"/.gitignore"))
"""Rules by which a ``.gitignore`` itself is not a change. Tools often add such a file to their folder."""


def newly_hidden(store: GitStore, work: WorkTree, base: str, changed: Sequence[PathChange]) -> tuple[str, ...]:
    """The ignored paths that the rules of the base would not have ignored; a folder with ``/`` at its end.

    Args:
        store: The private git directory.
        work: The workspace, with an index that has the task's work.
        base: The commit that was checked out.
        changed: What the task has changed.
    """
    if not any(PurePosixPath(change.path).name == _RULES for change in changed) and not _hides_itself(work):
        return ()
    listed = split(work.run("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"))
    hidden = [path for path in listed if not work.policy.is_added(path)]
    if not hidden:
        return ()
    before = hidden_by_base(store, work, base, hidden)
    return tuple(path for path in hidden if path not in before)


def hidden_by_base(store: GitStore, work: WorkTree, base: str, paths: Iterable[str]) -> set[str]:
    """The paths that the user or the base ignores, even if the task has replaced those rules."""
    return WorkTree(work.git, _base_rules(store, base), work.index, work.policy).hidden(paths)


def _base_rules(store: GitStore, base: str) -> Path:
    """A folder with the base's files of rules and nothing else."""
    folder, new = store.git.home / f"rules-{base}", store.git.home / f"new-rules-{base}"
    if folder.is_dir():
        return folder
    try_to_remove(new)
    new.mkdir()
    listed = split(store.git.run("ls-tree", "-r", "-z", base).stdout)
    entries = [(line.partition("\t")[0].split(" "), line.partition("\t")[2]) for line in listed]
    rules = {path: entry[2] for entry, path in entries if PurePosixPath(path).name == _RULES and entry[0] != "120000"}
    content = dict(contents(store.git, rules.values()))
    for path, blob in rules.items():
        if not {"..", ".git", "."} & set(path.split("/")):
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            (new / path).write_bytes(content[blob])
    new.rename(folder)
    return folder


def _hides_itself(work: WorkTree) -> bool:
    rules = read_plain(work.folder / _RULES, _RULES_MAX) or b""
    return not _ALL.isdisjoint(line.strip() for line in rules.splitlines())
