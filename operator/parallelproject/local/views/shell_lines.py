"""A command as lines of at most a given width, which a shell reads as the very same command when they are pasted."""

import shlex

_WIDTH_MIN = 20
_DEEPER = "  "
_CONTINUED = "\\"


def shell_lines(command: str, width: int, indent: str) -> list[str]:
    """The command, on one line where it fits, else continued by backslashes.

    A word that is too long for a line is continued at the start of the next one, since blanks would end it.

    Args:
        command: In the words of a POSIX shell.
        width: Cells in a line; at least 20 are used.
        indent: What each line begins with.
    """
    width = max(_WIDTH_MIN, width)
    if len(indent) + len(command) <= width:
        return [indent + command]
    lines: list[str] = []
    line, is_empty = indent, True
    for word in shlex.split(command):
        joined = line + ("" if is_empty else " ") + shlex.quote(word)
        if len(joined) + len(f" {_CONTINUED}") <= width:
            line, is_empty = joined, False
            continue
        if not is_empty:
            lines.append(f"{line} {_CONTINUED}")
            line = indent + _DEEPER
        *pieces, last = _pieces(word, width - len(line), width)
        for piece in pieces:
            lines.append(line + piece + _CONTINUED)
            line = ""
        line, is_empty = line + last, False
    return [*lines, line]


def _pieces(word: str, first: int, other: int) -> list[str]:
    """A word in quoted pieces that fit with a backslash, the first of them with less room."""
    pieces: list[str] = []
    while word or not pieces:
        room = (other if pieces else first) - len(f" {_CONTINUED}")
        end = len(word)
        while end > 1 and len(shlex.quote(word[:end])) > room:
            end -= 1
        pieces.append(shlex.quote(word[:end]))
        word = word[end:]
    return pieces
