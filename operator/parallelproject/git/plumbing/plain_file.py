"""Reads a task's files one by one: plain files only, never through a link, never waiting, with a limit."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from parallelproject.plain_file import open_plain

_FILES_MAX = 10_000
_DEPTH_MAX = 20


def read_plain(path: Path, most: int) -> bytes | None:
    """The content of a plain file; None: it does not exist, or has more than ``most`` bytes.

    Its parent folders must have been checked before: see ``is_plain_folder``.
    """
    try:
        file = open_plain(path)
    except OSError:
        file = None
    if file is None:
        return None
    with os.fdopen(file, "rb") as opened:
        content = opened.read(most + 1) if os.fstat(file).st_size <= most else None
    return content if content is not None and len(content) <= most else None


def is_plain_folder(path: Path) -> bool:
    """Whether a folder exists and is not a link."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def names_in(folder: Path) -> list[str]:
    """The names in a folder, in their order; empty if it cannot be read."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def files_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """The content of a folder and of the plain folders below it, with relative paths; limited to what git itself would
    have in one."""
    waiting, count = [(folder, "", 0)], 0
    while waiting:
        at, above, depth = waiting.pop()
        if not is_plain_folder(at):
            continue
        for entry in names_in(at):
            count += 1
            if count > _FILES_MAX:
                return
            path, name = at / entry, f"{above}{entry}"
            if is_plain_folder(path) and depth < _DEPTH_MAX:
                waiting.append((path, f"{name}/", depth + 1))
            else:
                yield path, name
