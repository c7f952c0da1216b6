"""What the kernel says of a process that may end at any moment, also while one asks."""

import os
from pathlib import Path

_GONE = (FileNotFoundError, ProcessLookupError)


def state_of(pid: int) -> str:
    """The letter of its state, as in proc(5); "X": it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except _GONE:
        return "X"


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP holds it."""
    return state_of(pid) == "T"


def has_ended(pid: int) -> bool:
    """Whether it runs no longer; its parent may not have noticed."""
    return state_of(pid) in "ZX"


def has_open(pid: int, file: Path) -> bool:
    """Whether it has a file open."""
    try:
        with os.scandir(f"/proc/{pid}/fd") as found:
            return any(_target(each.path) == str(file) for each in found)
    except _GONE:
        return False


def _target(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - the target may be no path
    except _GONE:
        return ""  # closed since it was listed
