"""The workspace's own ``.git``, as data: which commits its refs name. git never runs in it.

Everything in it may have been prepared by the task: links, pipes, files without an end. Everything that is not a plain
file in git's format is ignored.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from parallelproject.git.own_git.logs import OwnLogs, read_logs
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.plain_file import files_below, is_plain_folder, names_in, read_plain

_NAME = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_REF_MAX = 4096
_LIST_MAX = 16 * 1024 * 1024
_REFS_MAX = 10_000


@dataclass(slots=True)
class OwnRefs:
    """What the refs of a repository name. It says that all are commits, which is not verified."""

    head: str | None = None
    """What is checked out."""
    named: dict[str, str] = field(default_factory=dict)
    """By a name for people, as in ``branch-x``, ``stash``, ``tag-v1`` or ``worktree-y``."""
    fetched: set[str] = field(default_factory=set)
    """Commits from another repository."""
    worktrees: dict[str, Path] = field(default_factory=dict)
    """By name, the folders of its further work trees."""
    logs: OwnLogs = field(default_factory=OwnLogs)
    """The content of its reflogs."""


def own_directory(workspace: Path) -> Path | None:
    """The workspace's ``.git``; None: it is no longer a folder."""
    own = workspace / ".git"
    return own if is_plain_folder(own) else None


def own_work_trees(workspace: Path) -> list[str]:
    """The paths within the workspace at which its own repository has further work trees."""
    own = own_directory(workspace)
    folders = read_refs(own).worktrees.values() if own else ()
    return [str(folder.relative_to(workspace)) for folder in folders if workspace in folder.parents]


def read_refs(own: Path) -> OwnRefs:
    """Reads all refs of a git directory."""
    found = OwnRefs(read_head(own), logs=read_logs(own))
    for ref, commit in {**_packed(own), **dict(_loose(own))}.items():
        _sort(found, ref, commit)
        if ref == "refs/stash" or (ref.startswith("refs/heads/") and ref not in found.logs.branches):
            found.logs.made.add(commit)  # its origin is unknown: keeping it is safer
    for line in _lines(own / "FETCH_HEAD"):
        if _NAME.fullmatch(line.partition("\t")[0]):
            found.fetched.add(line.partition("\t")[0])
    for number, line in enumerate(reversed(_lines(own / "logs" / "refs" / "stash")[-_REFS_MAX:])):
        fields = line.split(" ")
        if number and len(fields) > 1 and _NAME.fullmatch(fields[1]):
            found.named.setdefault(f"stash-{number}", fields[1])
    if is_plain_folder(own / "worktrees"):
        for entry in names_in(own / "worktrees")[:_REFS_MAX]:
            _worktree(found, own, entry)
    return found


def read_head(own: Path) -> str | None:
    """The commit that is checked out in a git directory; None: unknown."""
    return _resolve(own, own / "HEAD")


def _resolve(own: Path, file: Path) -> str | None:
    output = (read_plain(file, _REF_MAX) or b"").decode(errors="replace").strip()
    if _NAME.fullmatch(output):
        return output
    ref = output.removeprefix("ref:").strip()
    if not output.startswith("ref:") or not ref.startswith("refs/") or ".." in ref or "\0" in ref:
        return None
    at = own
    for part in ref.split("/")[:-1]:
        at = at / part
        if not is_plain_folder(at):
            return _packed(own).get(ref)
    loose = (read_plain(own / ref, _REF_MAX) or b"").decode(errors="replace").strip()
    return loose if _NAME.fullmatch(loose) else _packed(own).get(ref)


def _sort(found: OwnRefs, ref: str, commit: str) -> None:
    kind, _, name = ref.removeprefix("refs/").partition("/")
    match kind:
        case "remotes":
            found.fetched.add(commit)
        case "heads":
            found.named[f"branch-{name}"] = commit
        case "tags":
            found.named[f"tag-{name}"] = commit
        case "stash":
            found.named["stash"] = commit
        case _:
            found.named[f"{kind}-{name}".rstrip("-")] = commit


def _worktree(found: OwnRefs, own: Path, name: str) -> None:
    """One of its further work trees, if its folder points back: no other folder can be read through this."""
    entry = own / "worktrees" / name
    if not is_plain_folder(entry):
        return
    commit = _resolve(own, entry / "HEAD")
    if commit:
        found.named[f"worktree-{name}"] = commit
    output = (read_plain(entry / "gitdir", _REF_MAX) or b"").decode(errors="surrogateescape").strip()
    if output.endswith("/.git") and output.startswith("/") and "\0" not in output:
        folder = Path(output).parent
        back = (read_plain(folder / ".git", _REF_MAX) or b"").decode(errors="surrogateescape").strip()
        is_itself = is_plain_folder(folder) and os.path.realpath(folder) == str(folder)
        if is_itself and os.path.realpath(back.removeprefix("gitdir: ")) == os.path.realpath(entry):
            found.worktrees[name] = folder


def _packed(own: Path) -> dict[str, str]:
    pairs = (line.split(" ") for line in _lines(own / "packed-refs"))
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and _NAME.fullmatch(pair[0])}


def _loose(own: Path) -> Iterator[tuple[str, str]]:
    for path, name in files_below(own / "refs"):
        output = (read_plain(path, _REF_MAX) or b"").decode(errors="replace").strip()
        if _NAME.fullmatch(output):
            yield f"refs/{name}", output


def _lines(file: Path) -> list[str]:
    return lines_of((read_plain(file, _LIST_MAX) or b"").decode(errors="surrogateescape"))
