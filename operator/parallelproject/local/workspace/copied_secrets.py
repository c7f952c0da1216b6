"""Secret values in copied and linked files, such as ``.env``: a task's work that has one of them does not land.

Of a folder, the files that by their names hold settings: in other ones a line that looks so is code. ``secret_forms``
has the forms of a secret. Standard library only, to start fast.
"""

import codecs
import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from parallelproject.local.workspace.secret_forms import FoundSecret, secrets_of
from parallelproject.plain_file import open_plain

_BYTES_MAX = 256 * 1024
_SEEN_MAX = 50_000
"""A folder with more entries, as of packages, is searched no further."""
_OF_OTHERS = frozenset({"node_modules", "site-packages", "vendor", ".git"})
"""Folders with what others have published."""
_SETTINGS = (
    "*.env", ".env*", "*.env.*", "*.local", "*.properties", "*.ini", "*.cfg", "*.conf", "*.toml", "*.yaml", "*.yml",
    "*.json", "*secret*", "*credential*", ".npmrc", ".netrc", "_netrc", ".pypirc", ".pgpass",
)  # fmt: skip
_OF_FOLDER = re.compile(r"(?=.*[0-9])\S+")
"""A value in a file of a folder: ``primary_key: customer_number`` has words of the project."""
_ABOUT = re.compile(r"(?:name|file|path|dir|url|uri|ref|type|class|size|length|algorithm|version)s?$", re.IGNORECASE)
"""The end of a name that says where a secret is, or of what kind: ``secretName``, ``tokenUrl``."""


def secret_values(paths: Iterable[Path]) -> tuple[str, ...]:
    """The secret values in files of variables (``NAME=value``, ``name: value``), also in folders of such files.

    A file that is named is one with secrets. In a folder may be any settings, so there a value has a digit and no
    blanks, and its name must not say that it is a path or an address.
    """
    found: dict[str, None] = {}
    for path in paths:
        for file in _files(path):
            secrets = secrets_of(_text(file))
            found |= dict.fromkeys(secret.value for secret in secrets if file == path or _is_likely(secret))
    return tuple(found)


def _is_likely(secret: FoundSecret) -> bool:
    return bool(_OF_FOLDER.fullmatch(secret.value)) and not _ABOUT.search(secret.name)


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


def _text(path: Path) -> str:
    try:
        file = open_plain(path)
        if file is None:
            return ""
        with open(file, "rb") as opened:  # noqa: PTH123 - a descriptor
            content = opened.read(_BYTES_MAX)
    except OSError:
        return ""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="surrogateescape")
