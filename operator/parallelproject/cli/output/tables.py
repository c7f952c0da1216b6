"""Tables as kubectl prints them: columns of text, the last ones given up first where a terminal is narrow."""

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from parallelproject.cli.output import terminal
from parallelproject.core.times import epoch

_STYLES = {
    "True": "green",
    "Succeeded": "green",
    "AllSucceeded": "green",
    "Running": "cyan",
    "Failed": "red",
    "TasksFailed": "red",
    "Skipped": "dim",
    "Pending": "",
    "Unknown": "",
    "Suspended": "yellow",
    "Backoff": "yellow",
}
_GAP = "   "
_CONDITION = re.compile(r'\.status\.conditions\[\?\(@\.type=="(\w+)"\)\]\.(\w+)$')


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Prints a table. On a terminal lines are cut at its width; in a pipe they are whole."""
    cells = [list(headings), *([terminal.one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    stream = sys.stdout
    colored = terminal.color_allowed(stream)
    room = terminal.width(stream)
    for number, row in enumerate(cells):
        left = room - len(indent)
        line = indent
        for i, cell in enumerate(row):
            last = i == len(row) - 1
            text = cell if last else cell.ljust(widths[i]) + _GAP
            if len(text.rstrip()) > left:
                text = text[: max(0, left - 1)].rstrip() + "…" if left > 0 else ""
            left -= len(text)
            style = _STYLES.get(cell, "") if colored and number and i else ""  # the first column has names
            line += terminal.paint(text, style)
        stream.write(line.rstrip() + "\n")


def value_at(obj: Mapping[str, Any], path: str) -> Any:
    """The value of a printer column's JSONPath: ``.a.b`` or that of a condition; None where it is missing."""
    found = _CONDITION.match(path)
    if found:
        conditions = (obj.get("status") or {}).get("conditions") or []
        entry: Mapping[str, Any] = next((c for c in conditions if c.get("type") == found[1]), {})
        return entry.get(found[2])
    value: Any = obj
    for key in path.lstrip(".").split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def age(timestamp: object, now: float | None = None) -> str:
    """How long ago a time was, in kubectl's way: ``45s``, ``3m20s``, ``5h``, ``12d``."""
    then = epoch(timestamp if isinstance(timestamp, str) else None)
    if then is None:
        return "<unknown>"
    return span((datetime.now(UTC).timestamp() if now is None else now) - then)


def span(seconds: float) -> str:
    """A length of time in kubectl's way."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole}s"
    if whole < 600:
        return f"{whole // 60}m{whole % 60}s" if whole % 60 else f"{whole // 60}m"
    if whole < 3 * 3600:
        return f"{whole // 60}m"
    if whole < 48 * 3600:
        return f"{whole // 3600}h"
    return f"{whole // 86400}d"
