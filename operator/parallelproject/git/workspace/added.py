"""What is put into a workspace and is no work: copied and linked files, what setup has made. All of it is noted.

The note is written first: whatever happens then, what is there is known not to be work. Standard library only, to start
fast.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.plain_file import is_plain_folder, read_plain
from parallelproject.git.workspace.beyond_branch import put_back, untracked
from parallelproject.whole_file import write_whole

UNDONE = "setup changed files of the branch, which is undone"
"""Said of paths that ``note_made`` has put back."""
_NOTE = "added.json"
_EXCLUDE_MAX = 1 << 20
"""Maximum bytes of rules of a task's own that are kept."""
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
    rules = "".join(_rule(path) for path in sorted(new) if "\n" not in path)
    _exclude(workspace / ".git", rules.encode(errors="surrogateescape"))


def with_added(delivery: Delivery, place: Place) -> Delivery:
    """The delivery, with what was noted so far: that does not land."""
    return replace(delivery, policy=replace(delivery.policy, added=added(place.private)))


def note_made(delivery: Delivery, place: Place) -> tuple[list[str], list[str]]:
    """Takes a workspace as it is for what setup has left: files of the branch are put back, all else is noted.

    Returns:
        The paths that were put back, and those that setup has made.

    Raises:
        DeliveryError: the workspace cannot be read or written.
        OSError: the note cannot be written.
    """
    changed = put_back(delivery, place)  # first: what is ignored is what the branch ignores
    earlier, before = added(place.private), with_added(delivery, place).policy
    found = [path for path in untracked(delivery, place) if not before.is_added(path)]
    made = without(found, place.workspace, earlier)
    note_added(place.private, place.workspace, made)
    return changed, made


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
    try:
        done = subprocess.run(["cp", "-a", "--", str(source), str(target)], capture_output=True)
    except FileNotFoundError:  # in the image of the container
        shutil.copytree(source, target, symlinks=True)
        return
    if done.returncode:
        raise OSError(f"cannot copy {source}: {done.stderr.decode(errors='replace').strip()}")


def is_free(workspace: Path, path: str) -> bool:
    """Whether a path of a workspace can be made: nothing is there, and what is above it are folders, not links."""
    at = workspace / path
    if os.path.lexists(at):
        return False
    while (at := at.parent) != workspace:
        if os.path.lexists(at) and (at.is_symlink() or not at.is_dir()):
            return False
    return True


def _exclude(folder: Path, rules: bytes) -> None:
    """Adds rules for the git that the task sees.

    Setup may have removed what is there, or put links in its place, to a file of the branch or to our note. So a new
    file replaces it, and where that cannot be done without following a link, there are no rules.
    """
    info = folder / "info"
    if not is_plain_folder(folder):
        return
    if not os.path.lexists(info):
        info.mkdir()
    if not is_plain_folder(info) or is_plain_folder(info / "exclude"):
        return
    before = read_plain(info / "exclude", _EXCLUDE_MAX) or b""
    (info / "exclude").unlink(missing_ok=True)
    with (info / "exclude").open("xb") as file:  # which follows no link
        file.write(before + rules)


def _rule(path: str) -> str:
    """The line of gitignore(5) that names exactly this path."""
    return "/" + _SPECIAL.sub(r"\\\1", path) + "\n"
