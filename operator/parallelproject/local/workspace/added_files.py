"""Files that we put into a workspace before the command: copied or linked, and noted, so that none of them lands.

Nothing is written over a file of the branch, and nothing through a link. The note is written first: whatever happens
then, what is there is known not to be work. Standard library only, to start fast.
"""

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from parallelproject.git.plumbing.plain_file import is_plain_folder
from parallelproject.whole_file import write_whole

_NOTE = "added.json"
_SPECIAL = re.compile(r"([\\*?\[#! ])")


def added(private: Path) -> frozenset[str]:
    """The paths that were put into the workspace of an attempt, relative to it.

    Args:
        private: The private git directory of the attempt.
    """
    try:
        return frozenset(json.loads((private / _NOTE).read_bytes()))
    except (OSError, ValueError):
        return frozenset()


def note_added(private: Path, workspace: Path, paths: Iterable[str]) -> None:
    """Notes paths that will be put there, for us and for the git that the task sees.

    Raises:
        OSError: it cannot be written.
    """
    new = set(paths) - added(private)
    if not new:
        return
    write_whole(private / _NOTE, json.dumps(sorted(added(private) | new)))
    info = workspace / ".git" / "info"
    if not is_plain_folder(info.parent):  # setup has removed it
        return
    info.mkdir(exist_ok=True)
    with (info / "exclude").open("ab") as exclude:
        exclude.write("".join(_rule(path) for path in sorted(new) if "\n" not in path).encode(errors="surrogateescape"))


def add_files(
    checkout: Path, copied: Sequence[str], linked: Sequence[str], private: Path, workspace: Path
) -> Iterator[str]:
    """Puts files of the user's checkout into a workspace, and yields what is skipped, a line each.

    Args:
        checkout: The top of the checkout.
        copied: Paths of files and folders to copy.
        linked: Paths of files and folders to link.
        private: The private git directory of the attempt.
        workspace: The workspace, as it was checked out.

    Raises:
        OSError: a file cannot be read or written.
    """
    for path in [*copied, *linked]:  # a link may be in a folder that is copied
        is_link = path in linked
        found = _obstacle(checkout, workspace, path)
        if found:
            yield f"{path} is not {'linked' if is_link else 'copied'}: {found}"
            continue
        note_added(private, workspace, [path])
        for part in [path] if is_link else without([path], checkout, linked):
            source, target = checkout / part, workspace / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if is_link:
                target.symlink_to(source)
            else:
                clone(source, target)


def without(paths: Iterable[str], top: Path, excluded: Collection[str]) -> list[str]:
    """Paths that are not excluded, sorted; a folder with an excluded path in it is replaced by the rest of it.

    Args:
        paths: The paths, relative to a folder.
        top: That folder.
        excluded: What is excluded, relative to it as well.

    Raises:
        OSError: a folder cannot be read.
    """
    above = {str(folder) for path in excluded for folder in PurePosixPath(path).parents}
    kept, waiting = [], [*paths]
    while waiting:
        path = waiting.pop()
        if path in above and not (top / path).is_symlink():
            waiting += [f"{path}/{name}" for name in os.listdir(top / path)]  # noqa: PTH208 - names
        elif path not in excluded:
            kept.append(path)
    return sorted(kept)


def clone(source: Path, target: Path) -> None:
    """Copies a file or a folder with all of its properties; links stay links. Shares the blocks where the system can.

    Raises:
        OSError: it cannot be copied.
    """
    if not source.is_dir() or source.is_symlink():
        shutil.copy2(source, target, follow_symlinks=False)
        return
    done = subprocess.run(["cp", "-a", "--", str(source), str(target)], capture_output=True)
    if done.returncode:
        raise OSError(f"cannot copy {source}: {done.stderr.decode(errors='replace').strip()}")


def _rule(path: str) -> str:
    """The line of gitignore(5) that names exactly this path."""
    return "/" + _SPECIAL.sub(r"\\\1", path) + "\n"


def _obstacle(checkout: Path, workspace: Path, path: str) -> str | None:
    """Why a path may not be put into the workspace."""
    source = checkout / path
    if Path(os.path.realpath(source.parent)) != Path(os.path.realpath(checkout), path).parent:
        return "it is behind a symbolic link in the checkout"
    try:
        mode = os.lstat(source).st_mode
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if stat.S_ISLNK(mode):
        return "it is a symbolic link in the checkout"
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "it is not a file or a folder"
    if not is_free(workspace, path):
        return "the branch has a file of this name, or no folder above it"
    return None


def is_free(workspace: Path, path: str) -> bool:
    """Whether a path of a workspace can be made: nothing is there, and what is above it are folders, not links."""
    at = workspace / path
    if os.path.lexists(at):
        return False
    while (at := at.parent) != workspace:
        if os.path.lexists(at) and (at.is_symlink() or not at.is_dir()):
            return False
    return True
