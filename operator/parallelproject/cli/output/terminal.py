"""How things are printed: colour only on a terminal, nothing from a file steers it, and a pipe gets whole lines."""

import json
import os
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 100_000
_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class _Choice:
    """What was asked for on the command line."""

    no_color = False


def forbid_color() -> None:
    """``--no-color`` was given."""
    _Choice.no_color = True


def color_allowed(stream: TextIO) -> bool:
    """Whether a stream is a terminal that may get colours (https://no-color.org)."""
    forbidden = _Choice.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not forbidden


def console(stream: TextIO | None = None) -> "Console":
    """A rich console for a stream (stdout): without markup, and in a pipe as wide as its lines are."""
    from rich.console import Console  # here, because rich is slow to load

    stream = stream or sys.stdout
    colored = color_allowed(stream)
    return Console(
        file=stream,
        color_system="auto" if colored else None,
        force_terminal=stream.isatty(),
        width=width(stream),
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=not stream.isatty(),
    )


def width(stream: TextIO) -> int:
    """Characters in a line of a terminal; a pipe has no end."""
    return shutil.get_terminal_size().columns if stream.isatty() or "COLUMNS" in os.environ else _WIDE


def show(text: str) -> None:
    """Prints a text as it is; a line end is added where it has none."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def show_next(commands: Iterable[str]) -> None:
    """Prints the commands that a person may type next, one below the other."""
    for number, command in enumerate(commands):
        show(f"{'      ' if number else 'next: '}{command}")


def say(text: str, style: str = "") -> None:
    """Prints a line on stderr, for people."""
    sys.stderr.write(_on_stderr(printable(text), style) + "\n")


def error(text: str) -> None:
    """Prints ``error: …`` on stderr."""
    sys.stderr.write(f"{_on_stderr('error:', 'red')} {printable(text)}\n")


def warning(text: str) -> None:
    """Prints ``warning: …`` on stderr."""
    sys.stderr.write(f"{_on_stderr('warning:', 'yellow')} {printable(text)}\n")


def paint(text: str, style: str) -> str:
    """The text in a colour, for a terminal that may get one."""
    return f"\x1b[{_SGR[style]}m{text}\x1b[0m" if style else text


def _on_stderr(text: str, style: str) -> str:
    return paint(text, style) if color_allowed(sys.stderr) else text


def printable(text: str) -> str:
    """The text without characters that could steer a terminal; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def one_line(text: object) -> str:
    """A value as one printable line."""
    return printable(" ".join(str(text).split()))


def show_data(data: object, as_json: bool) -> None:
    """Prints plain data as JSON or YAML."""
    if as_json:
        show(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        from parallelproject.cli.output.yamldump import as_yaml

        show(as_yaml(data))
