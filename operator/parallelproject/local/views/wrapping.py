"""Wraps a line for people between words, and never within a command that can be copied."""

import re
import textwrap

_COMMAND = re.compile(r"\b(?:kubectl pproj|pproj|kubectl|git) [a-z](?:(?<=[ =])'[^']*'|[^;,()'])*[^;,() ]")
_BLANK, _GLUE = " ", "\x00"


def wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    """A line as lines of at most ``width`` characters, the further ones with an indentation of their own.

    A command in it stays on one line where it fits on one, or where it has quotes: a line end in these would change it.
    A word that is too long for a line stays whole.

    Args:
        text: One line.
        width: Characters in a line.
        indent: What the further lines have in front, in addition to the indentation of the first.
    """
    if len(text) <= width:
        return [text]
    further = text[: len(text) - len(text.lstrip())] + indent

    def glued(found: re.Match[str]) -> str:
        fits = len(further) + len(found[0]) < width  # with one sign of punctuation
        return found[0].replace(_BLANK, _GLUE) if fits or "'" in found[0] else found[0]

    lines = textwrap.wrap(
        _COMMAND.sub(glued, text), width, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(_GLUE, _BLANK) for line in lines]
