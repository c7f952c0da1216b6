"""One run at a time on one state directory.

The lock (flock(2)) belongs to the engine and, by inheritance, to its supervisor: it is free only when both are
gone. So the process that gets it knows that nobody writes the state any more.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from parallelproject.local.errors import RunError
from parallelproject.local.supervisor.process_tree import is_alive, process

PATIENCE = 60.0
"""Longest wait, in seconds, for the supervisor of a run whose engine is gone."""
_POLL = 0.05


def acquire(path: Path, say: Callable[[str], None], patience: float = PATIENCE) -> int:
    """Takes the lock, waiting only for a run that is on its way out.

    Returns:
        The open file, which is the lock.

    Raises:
        RunError: another run has it; the message names its process and its start.
    """
    lock = _open(path)
    deadline = time.monotonic() + patience
    has_said = False
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(lock, path):
                    break
                os.close(lock)  # of a state that was deleted meanwhile: the next process has another file
                lock = _open(path)
                continue
            except BlockingIOError:
                pid, ticks, since = _holder(lock)
            if pid and is_alive(pid, ticks):
                raise RunError(
                    f"{path.parent} is in use by another run: process {pid}, started {since}",
                    "wait for it, stop it, or give another state directory",
                )
            if time.monotonic() > deadline:
                raise RunError(
                    f"{path.parent} is still being cleaned up after process {pid} ended",
                    f"see who holds {path}",
                )
            if not has_said and time.monotonic() > deadline - patience + 0.2:
                say(f"waiting for the tasks of the run that was cut off (process {pid}) to be stopped …")
                has_said = True
            time.sleep(_POLL)
        own = process(os.getpid())
        content = {"pid": os.getpid(), "ticks": own.start if own else None, "since": time.time()}
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps(content).encode(), 0)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _is_at(lock: int, path: Path) -> bool:
    """Whether a file that is open is the one at a path."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False


def is_held(path: Path) -> bool:
    """Whether a run has the lock: only then does anything of it run."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back at once; a run that starts now tries again
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False


def _holder(lock: int) -> tuple[int, int | None, str]:
    """Pid, start in the kernel's count and start for people, as far as they are written down yet."""
    try:
        content = json.loads(os.pread(lock, 4096, 0))
        since = datetime.fromtimestamp(content["since"]).astimezone().isoformat(" ", "seconds")
        return int(content["pid"]), content["ticks"], since
    except (ValueError, KeyError, TypeError):
        return 0, None, ""
