"""The last lines of a log, fit to be shown: whatever a task writes must not steer the terminal."""

import re
from pathlib import Path

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")
_WINDOW = 8192
_EVENT = '{"type":'
"""What the events of agents begin with, which are for programs."""


def last_lines(log: str, count: int) -> list[str]:
    """Up to ``count`` last lines that say something; none where there is no log."""
    try:
        with Path(log).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _WINDOW))
            data = file.read(_WINDOW)
    except OSError:
        return []
    text = data.decode(errors="replace")
    lines = re.split(r"[\n\r]+", text)
    if size > _WINDOW and len(lines) > 1 and lines[0].endswith("}"):
        del lines[0]  # the end of an event
    shown = [printable(line) for line in lines if not line.startswith(_EVENT)]
    return [line for line in shown if line.strip()][-count:]


def printable(text: str) -> str:
    """The text without control sequences, tabs as spaces."""
    text = _ESCAPES.sub("", text.expandtabs(4))
    return "".join(c for c in text if c.isprintable())
