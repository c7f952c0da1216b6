"""Finding and stopping processes that nobody named to us: strays of a task, and what a lost run left behind.

All of it reads /proc; where it is missing (not Linux) nothing is found, and only process groups are stopped.
"""

import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PR_SET_CHILD_SUBREAPER = 36


class Process(NamedTuple):
    """A process as /proc/PID/stat shows it."""

    pid: int
    state: str
    parent: int
    session: int
    start: int
    """When it began, in clock ticks since the machine started."""


def adopt_orphans() -> None:
    """Makes us the parent of descendants whose own parent has ended, so that they stay findable (prctl(2))."""
    if sys.platform == "linux":
        import ctypes  # here, because it is slow to load

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def process(pid: int) -> Process | None:
    """What is known of a process; None when no process has this id."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs as much as the call
            stat = file.read()
    except OSError:
        return None
    # The name is in parentheses and may hold anything; what follows the last one is regular.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return Process(pid, fields[0].decode(), int(fields[1]), int(fields[3]), int(fields[19]))


def is_alive(pid: int, start: int | None) -> bool:
    """Whether this very process is there and not only a zombie."""
    found = process(pid)
    if found is None:
        return False
    return found.state not in "ZX" and (start is None or found.start == start)


def everything() -> list[Process]:
    """All processes that we may look at."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names only
    except OSError:
        return []
    return [found for pid in pids if (found := process(pid))]


def descendants(pid: int) -> list[Process]:
    """All processes below one, without zombies."""
    below: dict[int, list[Process]] = defaultdict(list)
    for found in everything():
        below[found.parent].append(found)
    tree = list(below[pid])
    for found in tree:
        tree += below[found.pid]
    return [found for found in tree if found.state not in "ZX"]


def environment(pid: int) -> Mapping[bytes, bytes]:
    """The environment that a process was started with; empty when it may not be read."""
    try:
        data = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    return dict(pair.partition(b"=")[::2] for pair in data.split(b"\0") if b"=" in pair)


def marked(variable: str, value: str) -> list[Process]:
    """All processes that carry a variable with this value in their environment."""
    entry = f"{variable}={value}".encode()
    found = []
    for candidate in everything():
        with suppress(OSError):
            if entry in Path(f"/proc/{candidate.pid}/environ").read_bytes().split(b"\0"):
                found.append(candidate)
    return found


def signal_group(leader: int, number: int) -> None:
    """Signals a process group; nothing happens when it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def kill(processes: Iterable[Process]) -> None:
    """Kills processes."""
    for found in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(found.pid, signal.SIGKILL)


def kill_all(find: Callable[[], Collection[Process]], patience: float = 5.0) -> Collection[Process]:
    """Kills what ``find`` finds until it finds nothing, for their children come to light only afterwards.

    Returns:
        What is still there after ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    while found := find():
        if time.monotonic() > deadline:
            break
        kill(found)
        time.sleep(0.01)
    return found
