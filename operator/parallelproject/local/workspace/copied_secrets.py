"""Secret values in copied files, such as ``.env``: a task's work that has one of them does not land.

Only values of variables whose names say that they are secret, and only such that nobody would write by chance.
Standard library only, to start fast.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from parallelproject.plain_file import open_plain

_BYTES_MAX = 256 * 1024
_SHORTEST = 12
"""A shorter value may be a word of the project."""
_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*[=:][ \t]*["']?([^\s"'#]+)""", re.MULTILINE
)
_SECRET = re.compile(r"key|token|secret|passw|pwd|credential|private|auth", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"^[$<{]|example|change.?me|dummy|placeholder|your.?|localhost|x{4}", re.IGNORECASE)


def secret_values(files: Iterable[Path]) -> tuple[str, ...]:
    """The secret values in files of variables (``NAME=value``, ``name: value``)."""
    return tuple(dict.fromkeys(value for file in files for value in _values(_text(file))))


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
