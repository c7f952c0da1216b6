"""How much of what a check has printed is read: the end, where tools print their summary. Pure.

The operator reads it between two events of its loop, so what is read is bounded.
"""

PRINTED_MAX = 65_536
"""Maximum bytes, or characters, of an output that are read."""
LINES_MAX = 4_000
LINE_MAX = 500
"""Maximum characters of a line."""


def last_lines(printed: str) -> list[str]:
    """The lines at the end of an output, long ones cut."""
    return [line[:LINE_MAX] for line in printed[-PRINTED_MAX:].split("\n")[-LINES_MAX:]]
