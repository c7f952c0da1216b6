"""Lays out lines for people: headings, columns, texts cut or wrapped at the width of the terminal. Prints nothing."""

import textwrap
from collections.abc import Sequence

from parallelproject.cli.output.terminal import one_line, paint
from parallelproject.local.views.shell_lines import shell_lines

INDENT = "  "
_GAP = "  "
_CONTINUED = " \\"


class Page:
    """Lines that fit into ``width`` characters."""

    def __init__(self, width: int, colored: bool) -> None:
        self.width = width
        self.lines: list[str] = []
        self._colored = colored

    def text(self) -> str:
        """All lines."""
        return "\n".join(line.rstrip() for line in self.lines)

    def add(self, text: str = "", style: str = "") -> None:
        """A line, wrapped between words."""
        indent = text[: len(text) - len(text.lstrip())]
        wrapped = textwrap.wrap(
            text, self.width, subsequent_indent=indent + INDENT, break_long_words=False, break_on_hyphens=False
        )
        self.lines += [self._paint(line, style) for line in wrapped or [""]]

    def as_is(self, text: str) -> None:
        """A line that is for copying, and so never wrapped."""
        self.lines.append(text)

    def command(self, text: str, then: str = "") -> None:
        """A command, continued by backslashes where it is longer than a line.

        Args:
            text: In the words of a shell, without operators.
            then: What follows it, from an operator on; it stays on one line.
        """
        whole = f"{INDENT}{text} {then}".rstrip()
        if len(whole) <= self.width or not then:
            self.lines += [whole] if then else shell_lines(text, self.width, INDENT)
            return
        *lines, last = shell_lines(text, self.width - len(_CONTINUED), INDENT)
        self.lines += [*lines, last + _CONTINUED, 2 * INDENT + then]

    def heading(self, title: str, note: str = "") -> None:
        """The start of a part, and a remark about it."""
        self.lines.append("")
        start = self._paint(title, "bold")
        if len(title) + len(note) + 2 <= self.width:
            self.lines.append(start + (_GAP + self._paint(note, "dim") if note else ""))
        else:
            self.lines.append(start)
            self.add(INDENT + note, "dim")

    def table(self, rows: Sequence[Sequence[str]], right: Sequence[int] = (), styles: Sequence[str] = ()) -> None:
        """Columns; the last one is cut at the end of the line, and the one before it where it takes over half.

        Args:
            rows: The cells.
            right: Columns that are aligned to the right.
            styles: A style for each column.
        """
        if not rows:
            return
        cells = [[one_line(cell) for cell in row] for row in rows]
        last = max(map(len, cells)) - 1
        widths = [max(len(row[i]) for row in cells if i < len(row)) for i in range(last + 1)]
        if last:
            widths[last - 1] = min(widths[last - 1], max(20, self.width // 2))
        widths[last] = max(8, self.width - len(INDENT) - sum(widths[:last]) - len(_GAP) * last)
        for row in cells:
            line = INDENT
            for i, cell in enumerate(row):
                text = cut(cell, widths[i])
                text = text.rjust(widths[i]) if i in right else text.ljust(widths[i]) if i < last else text
                line += self._paint(text, styles[i] if i < len(styles) else "") + (_GAP if i < last else "")
            self.lines.append(line)

    def room(self, *before: int) -> int:
        """What is left of a line for the last column, after columns of these widths."""
        return self.width - len(INDENT) - sum(before) - len(_GAP) * len(before)

    def _paint(self, text: str, style: str) -> str:
        return paint(text, style) if self._colored else text


def cut(text: str, room: int) -> str:
    """The text, its end replaced by … where there is no room for it."""
    return text if len(text) <= room else text[: room - 1] + "…"


def listed(ids: Sequence[str], room: int) -> str:
    """As many ids as there is room for, and how many more there are: ``a, b, c … +12``."""
    whole = ", ".join(ids)
    if len(whole) <= room:
        return whole
    shown, length = 0, 0
    for number, id in enumerate(ids):
        end = f" … +{len(ids) - number - 1}"
        length += len(id) + (2 if number else 0)
        if length + len(end) > room:
            break
        shown = number + 1
    return f"{', '.join(ids[:shown])} … +{len(ids) - shown}" if shown else cut(whole, max(room, 8))


def count(number: int, what: str) -> str:
    """``1 task``, ``2,000 tasks``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
