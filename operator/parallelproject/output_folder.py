"""Reading the outputs of an attempt from the folder PPROJ_OUTPUTS. Its content is the task's: no link is followed,
nothing is waited for, and neither the size of a file nor their number costs anything."""

import os
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from parallelproject.model.names import REJECTED, RESERVED_OUTPUTS
from parallelproject.model.output_values import OUTPUT_MAX, is_output, value_of
from parallelproject.model.problem import quoted
from parallelproject.plain_file import open_plain

ENTRIES_MAX = 1000
"""Maximum number of files in the folder. With more, none is an output: which ones would be up to the file system."""
_SEEN_MAX = 10_000
"""Entries of the folder and of folders in it that are looked at, for the paths of files."""

_REJECTION_MAX = 64 * 1024
"""Bytes that are read of the report of a gate."""


class OutputsFound(NamedTuple):
    """What is in the folder."""

    values: dict[str, str]
    """By name, the outputs that may be used as values."""
    ignored: tuple[str, ...] = ()
    """What is no such output, and why."""


def read_outputs(folder: str) -> OutputsFound:
    """The outputs in a folder; nothing where it does not exist or is no folder.

    Raises:
        OSError: this machine fails.
    """
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return OutputsFound({})
    except OSError:
        with suppress(OSError):
            if os.path.islink(folder):  # noqa: PTH114 - also one in a circle
                return OutputsFound({})
        raise
    try:
        with os.scandir(opened) as entries:
            names = [entry.name for entry in islice(entries, ENTRIES_MAX + 1)]
        if len(names) > ENTRIES_MAX:
            return OutputsFound({}, (f"more than {ENTRIES_MAX:,} files",))
        values, ignored = {}, []
        for name in sorted(names):
            if name in RESERVED_OUTPUTS:
                continue
            found = _read(name, opened)
            if isinstance(found, str):
                values[name] = found
            else:
                ignored.append(f"{quoted(name)} ({found[0]})")
        return OutputsFound(values, tuple(ignored))
    finally:
        os.close(opened)


def read_rejection(folder: str) -> str | None:
    """The text by which a gate rejects the work, by the folder of its outputs; None where no such plain file is."""
    file = open_plain(os.path.join(folder, REJECTED))  # noqa: PTH118 - a Path costs as much
    if file is None:
        return None
    with os.fdopen(file, "rb") as found:
        return found.read(_REJECTION_MAX).decode(errors="replace")


def files_below(folder: str) -> dict[str, str]:
    """By path relative to a folder, in order, the absolute paths of its files and of those in its folders, without
    links: at most ENTRIES_MAX."""
    found: dict[str, str] = {}
    waiting, left = [] if os.path.islink(folder) else [folder], _SEEN_MAX  # noqa: PTH114 - a Path costs as much
    while waiting and left > 0 and len(found) < ENTRIES_MAX:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in islice(entries, left):
                left -= 1
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif not entry.is_symlink() and len(found) < ENTRIES_MAX:
                    found[entry.path[len(folder) + 1 :]] = entry.path
    return dict(sorted(found.items()))


def _read(name: str, folder: int) -> str | tuple[str]:
    """The value of an output; in a tuple: why it has none."""
    if not is_output(name):
        return ("its name is not that of an output",)
    file = open_plain(name, folder)
    if file is None:
        return ("no plain file",)
    try:
        content = os.read(file, OUTPUT_MAX + 3)
    finally:
        os.close(file)
    if len(content) > OUTPUT_MAX + 2:
        return (f"more than {OUTPUT_MAX:,} bytes",)
    value = value_of(content)
    return (f"no text of at most {OUTPUT_MAX:,} bytes",) if value is None else value
