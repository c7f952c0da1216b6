"""Lines that are printed once and stay: wrapped at the width of a terminal, whole in a pipe."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple, TextIO

from parallelproject.local.views.shell_lines import shell_lines
from parallelproject.local.views.window import window

_INDENT = "  "
_PIPE = 1_000_000
"""Cells in a line of a pipe."""


class PageLine(NamedTuple):
    """A line and how it looks in colour."""

    text: str
    style: str = ""
    is_whole: bool = False
    """Whether it is never wrapped: a path is there to be copied."""


class NextStep(NamedTuple):
    """A command that a person may type next, and what it does."""

    what: str
    command: str


def show(lines: Sequence[PageLine | NextStep], out: TextIO, *, no_color: bool) -> None:
    """Prints lines; nothing fails where nobody reads any more."""
    try:
        width = width_of(out)
        laid = [part for line in lines for part in _laid(line, width)]
        if out.isatty() and not no_color:
            from rich.console import Console  # here, because rich is slow to load
            from rich.text import Text

            console = Console(file=out, highlight=False)
            for part in laid:
                console.print(Text(part.text, part.style), soft_wrap=True)
        else:
            out.write("\n".join(part.text for part in laid) + "\n")
        out.flush()
    except (OSError, ValueError):
        return


def width_of(out: TextIO) -> int:
    """Cells in a line."""
    size = window(out) if out.isatty() else None
    return size[0] if size else _PIPE


def _laid(line: PageLine | NextStep, width: int) -> list[PageLine]:
    if isinstance(line, NextStep):
        commands = shell_lines(line.command, width, 2 * _INDENT)
        return [*_laid(PageLine(f"{_INDENT}{line.what}:"), width), *(PageLine(text, "cyan") for text in commands)]
    if line.is_whole or len(line.text) <= width:
        return [line]
    indent = line.text[: len(line.text) - len(line.text.lstrip())]
    wrapped = textwrap.wrap(
        line.text, width, subsequent_indent=indent + _INDENT, break_long_words=False, break_on_hyphens=False
    )
    return [line._replace(text=text) for text in wrapped]
