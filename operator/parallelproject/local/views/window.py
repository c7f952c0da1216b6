"""How large the terminal is that a view writes to, and whether it can show a picture."""

import os
from typing import TextIO


def window(out: TextIO | None) -> tuple[int, int] | None:
    """Columns and lines, asked again each time; None of what is no terminal."""
    try:
        size = os.get_terminal_size(out.fileno()) if out else None
    except (OSError, ValueError):
        return None
    return (size.columns, size.lines) if size and size.columns else None


def can_redraw(out: TextIO) -> bool:
    """Whether lines that were written can be written over: not in a pipe, nor on a dumb terminal."""
    return out.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
