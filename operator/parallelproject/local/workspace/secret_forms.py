"""The forms in which files have secrets: settings, JSON, headers, logins, addresses. Pure, standard library only.

Only values whose names say that they are secret, and only such that nobody would write by chance.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple


class FoundSecret(NamedTuple):
    """A secret value, and the name before it."""

    name: str
    value: str


_SHORTEST = 12
"""A shorter value may be a word of the project. Of a long one the start is enough: 300 characters."""
_PLACEHOLDERS = 64
"""In how many of the first characters a placeholder is looked for."""
_NAME = re.compile(
    r"""
    (?<![A-Za-z0-9_.-]) ([A-Za-z_][A-Za-z0-9_.-]*)
    (?: \\?["'] [ \t]* (?:=>|[=:]) \s*                    # in quotes, as in JSON, also where that is in quotes itself
      | [ \t]* (?:=>|[=>]) [ \t]*                         # an assignment, an element of XML
      | [ \t]*:[ \t]+ (?:[|>][-+0-9]*[ \t]*\n[ \t]+)?     # YAML, also a block; a header
    )
    | ^[ \t]* ([A-Za-z_][A-Za-z0-9_.-]*):(?=\S)  # without a blank only at the start of a line: images are a:1.2
    """,
    re.VERBOSE | re.MULTILINE,
)
_VALUE = re.compile(
    r"""
      " (?P<double>(?:[^"\\\n]|\\.){1,300})
    | \\" (?P<nested>[^"\\\n]{1,300})  # in JSON that is in quotes itself
    | ' (?P<single>[^'\n]{1,300})
    | (?P<plain>[^\s"'<]{1,300})
    """,
    re.VERBOSE,
)
_SCHEME = re.compile(r"(?:bearer|basic|token|digest|apikey)[ \t]+", re.IGNORECASE)
"""What stands before the value of a header."""
_SECRET = re.compile(r"key(?!word|board)|token|secret|passw|pwd|credential|private|auth(?!or(?!i[sz]))", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"^(?:\$\w+$|\$[{(]|<|[{\[])|example|change.?me|dummy|placeholder|your.?|localhost|x{4}", re.IGNORECASE
)
_LOGINS = re.compile(r"\b(?:machine[ \t]+\S|default[ \t]+login)")
"""What a file of logins (``.netrc``) has."""
_LOGIN = re.compile(r"\b(password)\s+(\S+)")
_ADDRESS = re.compile(r"""://([^\s:/@"'<>]*):([^\s/@"'<>]+)@""")
_PGPASS = re.compile(r"^([^\s:]+):(?:\d+|\*):[^:\n]*:[^:\n]*:(\S+)$", re.MULTILINE)


def secrets_of(text: str) -> Iterator[FoundSecret]:
    """The secret values in a text, some twice: as it is written, and as a program reads it."""
    for found in _all(text):
        if len(found.value) >= _SHORTEST and not _PLACEHOLDER.search(found.value[:_PLACEHOLDERS]):
            yield found


def _all(text: str) -> Iterator[FoundSecret]:
    for found in _NAME.finditer(text):
        name = found[1] or found[2]
        if _SECRET.search(name):
            yield from (FoundSecret(name, value) for value in _values(text, found.end()))
    for form in (_ADDRESS, _PGPASS, *([_LOGIN] if _LOGINS.search(text) else ())):
        for name, value in form.findall(text):
            yield FoundSecret(name, value)
            if "%" in value:
                from urllib.parse import unquote  # here, because hardly any file has one

                yield FoundSecret(name, unquote(value))


def _values(text: str, start: int) -> Iterator[str]:
    """The value that begins here."""
    scheme = _SCHEME.match(text, start)
    found = _VALUE.match(text, scheme.end() if scheme else start)
    if not found:
        return
    if found["plain"]:
        yield found["plain"].rstrip(",;)}]")
        return
    value = found["double"] or found["nested"] or found["single"]
    scheme = _SCHEME.match(value)
    value = value[scheme.end() :] if scheme else value
    yield value
    if "\\" in value:
        try:
            yield str(json.loads(f'"{value}"'))
        except ValueError:
            return
