"""Untrusted text in Markdown: it is shown literally, and has no effect. Pure.

It cannot end a table's cell, be HTML, a link, an image or a heading; it mentions no user, refers to no issue or merge
request, closes none ("fixes #1"), and is not a quick action of GitLab ("/merge").
"""

import re
import unicodedata

_GAP = "\N{ZERO WIDTH SPACE}"
"""Between a sign and its reference. An entity does not work: forges search for mentions after decoding."""
# Of GitHub: @user, #1, GH-1. Of GitLab also !1, $1, ~label, %milestone, &epic, ^alert, [vulnerability:1].
_SIGN = re.compile(r"([@#!$~%&^])(?=\w)|(\bGH)(?=-\d)", re.IGNORECASE)
_SCHEME = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*:)(?=//)|(\bwww)(?=\.)", re.IGNORECASE)
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+!|~^$:=-])")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_IN_CODE = str.maketrans("`|", "'\N{BROKEN BAR}")
_SPACES = re.compile(r"\s+")


def plain(text: object, longest: int = 0) -> str:
    """Text as one line that can be shown, for a title: it refers to nothing.

    Args:
        text: Anything.
        longest: In UTF-16 units; 0: unlimited.
    """
    line = _line(text)
    return cut(_SCHEME.sub(_apart, _SIGN.sub(_apart, line)), longest) if line else ""


def escape(text: object) -> str:
    """Text as one line of Markdown, inside or outside of a table."""
    line = _line(text)
    line = _PUNCTUATION.sub(r"\\\1", _SCHEME.sub(_apart, _SIGN.sub(_apart, line)))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A quick action is at the start of a line, a list starts with a number and a dot.
    return re.sub(r"^(\d+(?=[.])|(?=/))", rf"\1{_GAP}", line)


def code(text: object) -> str:
    """Text as code: a path, a ref, a commit. Also in a table."""
    line = _line(text)
    # A pipe ends a table's cell even within code; a backtick would end the code.
    return f"`{line.translate(_IN_CODE)}`" if line else ""


def commit(text: str | None) -> str:
    """A commit's short hash; any other text is not shown."""
    return f"`{text[:12]}`" if text and _COMMIT.fullmatch(text) else ""


def cut(text: str, longest: int) -> str:
    """The first UTF-16 units, with a sign that something is missing; 0: all of it."""
    if not longest or length(text) <= longest:
        return text
    kept, room = [], longest - 1
    for character in text:
        room -= length(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


def length(text: str) -> int:
    """In UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def _line(text: object) -> str:
    return _SPACES.sub(" ", "".join(map(_shown, str(text)))).strip()


def _shown(character: str) -> str:
    """The character, or a replacement for one that is invisible or changes the text direction."""
    category = unicodedata.category(character)
    if character.isspace() or category == "Zl":
        return " "
    return "" if category == "Cf" and character != "\u200d" else "\ufffd" if category in ("Cc", "Cs") else character


def _apart(found: re.Match[str]) -> str:
    return f"{found[0]}{_GAP}"
