"""How things are printed: colour only on a terminal, nothing from a file steers it, and a pipe gets whole lines."""

import json
import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 100_000
_NEXT = "next: "
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


def show_wrapped(text: str) -> None:
    """Prints a line for people, wrapped at the width of the terminal."""
    show("\n".join(_fitting(printable(text), sys.stdout)))


def show_next(commands: Iterable[str]) -> None:
    """Prints the commands that a person may type next, one below the other.

    Args:
        commands: Each with what it does, after two blanks and ``#``: that is omitted where there is no room for it.
    """
    for number, text in enumerate(commands):
        show("\n".join(_command_lines(" " * len(_NEXT) if number else _NEXT, text, width(sys.stdout))))


def say_command(label: str, command: str) -> None:
    """Prints ``label: command`` on stderr, so that it can be copied."""
    _note("\n".join(_command_lines(f"{label}: ", printable(command), width(sys.stderr))) + "\n")


def _command_lines(label: str, text: str, room: int) -> list[str]:
    """A command behind a label, continued by backslashes where it is longer than a line."""
    if len(label) + len(text) <= room:
        return [label + text]
    from parallelproject.local.views.shell_lines import shell_lines  # here, because few lines are too long

    indent = " " * len(label)
    first, *further = shell_lines(text.partition("  # ")[0], room, indent)
    return [label + first.removeprefix(indent), *further]


def say(text: str, style: str = "") -> None:
    """Prints a line on stderr, for people."""
    _note("".join(_on_stderr(line, style) + "\n" for line in _fitting(printable(text), sys.stderr)))


def error(text: str) -> None:
    """Prints ``error: …`` on stderr."""
    _headed("error:", "red", text)


def warning(text: str) -> None:
    """Prints ``warning: …`` on stderr."""
    _headed("warning:", "yellow", text)


def _note(text: str) -> None:
    """Writes on stderr; a command works all the same where that takes no more."""
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _headed(word: str, style: str, text: str) -> None:
    first, *further = _fitting(f"{word} {printable(text)}", sys.stderr)
    _note("\n".join([_on_stderr(word, style) + first.removeprefix(word), *further]) + "\n")


def _fitting(text: str, stream: TextIO) -> list[str]:
    """The lines of a text; on a terminal they are wrapped at its width."""
    room = width(stream) if stream.isatty() else _WIDE
    if all(len(line) <= room for line in text.split("\n")):
        return text.split("\n")
    from parallelproject.local.views.wrapping import wrapped  # here, because few lines are too long

    return [part for line in text.split("\n") for part in wrapped(line, room)]


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
