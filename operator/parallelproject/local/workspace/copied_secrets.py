"""Secret values in copied and linked files, such as ``.env``: a task's work that has one of them does not land.

Of a folder, the files that by their names hold settings: in other ones a line that looks so is code. Only values of
variables whose names say that they are secret, and only such that nobody would write by chance. Standard library only,
to start fast.
"""

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from parallelproject.plain_file import open_plain

_BYTES_MAX = 256 * 1024
_SHORTEST = 12
"""A shorter value may be a word of the project."""
_SEEN_MAX = 50_000
"""A folder with more entries, as of packages, is searched no further."""
_OF_OTHERS = frozenset({"node_modules", "site-packages", "vendor", ".git"})
"""Folders with what others have published."""
_SETTINGS = (
    "*.env", ".env*", "*.env.*", "*.local", "*.properties", "*.ini", "*.cfg", "*.conf", "*.toml", "*.yaml", "*.yml",
    "*.json", "*secret*", "*credential*", ".npmrc", ".netrc", ".pypirc",
)  # fmt: skip
_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?["']?([A-Za-z_][A-Za-z0-9_.-]*)["']?[ \t]*[=:][ \t]*["']?([^\s"'#]+)""", re.MULTILINE
)
_SECRET = re.compile(r"key(?!word|board)|token|secret|passw|pwd|credential|private|auth(?!or)", re.IGNORECASE)
_DIGIT = re.compile(r"[0-9]")
_PLACEHOLDER = re.compile(r"^[$<{]|example|change.?me|dummy|placeholder|your.?|localhost|x{4}", re.IGNORECASE)


def secret_values(paths: Iterable[Path]) -> tuple[str, ...]:
    """The secret values in files of variables (``NAME=value``, ``name: value``), also in folders of such files.

    A file that is named is one with secrets. In a folder may be any settings, so there a value needs a digit: in
    ``primary_key: customer_number`` is a word of the project.
    """
    found: dict[str, None] = {}
    for path in paths:
        for file in _files(path):
            values = _values(_text(file))
            found |= dict.fromkeys(value for value in values if file == path or _DIGIT.search(value))
    return tuple(found)


def _files(path: Path) -> Iterator[Path]:
    """A file itself, or the files with settings in a folder, a bounded number of them."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    seen = 0
    for folder, folders, names in os.walk(path) if path.name not in _OF_OTHERS else ():
        # Sorted: the same ones each time, where there are too many.
        folders[:] = sorted(name for name in folders if name not in _OF_OTHERS)
        for name in sorted(names):
            if any(fnmatch(name.lower(), pattern) for pattern in _SETTINGS):
                yield Path(folder, name)
        seen += len(names) + len(folders)
        if seen > _SEEN_MAX:
            return


def _values(text: str) -> Iterator[str]:
    for name, value in _LINE.findall(text):
        if len(value) >= _SHORTEST and _SECRET.search(name) and not _PLACEHOLDER.search(value):
            yield value


def _text(path: Path) -> str:
    try:
        file = open_plain(path)
        if file is None:
            return ""
        with open(file, "rb") as opened:  # noqa: PTH123 - a descriptor
            return opened.read(_BYTES_MAX).decode(errors="surrogateescape")
    except OSError:
        return ""
