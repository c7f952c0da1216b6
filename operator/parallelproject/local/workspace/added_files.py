"""Files of the user's checkout that we put into a workspace before the command: copied or linked, and noted.

Nothing is written over a file of the branch, and nothing through a link. Standard library only, to start fast.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from parallelproject.git.workspace.added import clone, is_free, note_added, without


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
