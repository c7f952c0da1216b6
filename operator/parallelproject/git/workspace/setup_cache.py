"""What setup has made, kept in a folder by the content of its key files, and copied for later attempts.

``KEY`` is a folder with the files and the list of their paths. It is written under another name and renamed: what has
the name is complete. Who makes or reads one holds its lock. Standard library only, to start fast.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from parallelproject.folder_removal import remove, try_to_remove
from parallelproject.git.workspace.added import clone, is_free, note_added

_KEPT = 3
"""Keys that are kept: the last ones that were used."""
_FILES, _PATHS = "files", "paths.json"
_NEW, _GONE = ".new", ".gone"
"""Ends of the names of what is being written, and of what is being removed."""
_POLL = 0.05


class SetupCache:
    """The cache of one setup: that of a run on this machine, or one on a volume of pods."""

    def __init__(self, folder: Path) -> None:
        """Describes it; the folder is made."""
        folder.mkdir(exist_ok=True)
        self._folder = folder

    @contextmanager
    def turn(self, key: str, is_over: Callable[[], bool]) -> Iterator[bool]:
        """Waits until nobody else makes or reads this key; False: it was over before.

        Args:
            key: The key.
            is_over: Whether to wait no longer.
        """
        lock = os.open(self._folder / f"{key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while not (is_held := _try_lock(lock)) and not is_over():
                time.sleep(_POLL)
            yield is_held
        finally:
            os.close(lock)

    def restore(self, key: str, private: Path, workspace: Path) -> list[str] | None:
        """Copies what is kept into a workspace, and gives the paths; None: nothing is kept, or it does not fit.

        To be called in ``turn``.

        Raises:
            OSError: it cannot be copied.
        """
        kept = self._folder / key
        try:
            paths = json.loads((kept / _PATHS).read_bytes())
        except (OSError, ValueError):
            return None
        if not all(is_free(workspace, path) for path in paths):
            return None  # the branch has files there now
        note_added(private, workspace, paths)
        for path in paths:
            (workspace / path).parent.mkdir(parents=True, exist_ok=True)
            clone(kept / _FILES / path, workspace / path)
        with suppress(OSError):
            os.utime(kept)
        return [*map(str, paths)]

    def save(self, key: str, workspace: Path, paths: Sequence[str]) -> None:
        """Keeps files of a workspace, and removes what was not used for long. To be called in ``turn``.

        Raises:
            OSError: they cannot be copied.
        """
        new = self._folder / f"{key}{_NEW}"
        remove(new)
        for path in paths:
            target = new / _FILES / path
            target.parent.mkdir(parents=True, exist_ok=True)
            clone(workspace / path, target)
        new.mkdir(exist_ok=True)
        (new / _FILES).mkdir(exist_ok=True)
        (new / _PATHS).write_text(json.dumps(list(paths)), encoding="utf-8")
        self._discard(key)
        new.rename(self._folder / key)
        self._prune(key)

    def _discard(self, key: str) -> None:
        """Removes what is kept of a key, at one stroke: half of it must not be taken for all."""
        gone = self._folder / f"{key}{_GONE}"
        remove(gone)
        try:
            (self._folder / key).rename(gone)
        except FileNotFoundError:
            return
        try_to_remove(gone)

    def _prune(self, key: str) -> None:
        """Removes other keys that were not used for long, and what processes that were killed have left of any."""
        entries = [entry for entry in self._folder.iterdir() if entry.is_dir() and entry.stem != key]
        kept = sorted((entry for entry in entries if not entry.suffix), key=_last_use)
        for entry in [*(entry for entry in entries if entry.suffix), *kept[: -(_KEPT - 1)]]:
            lock = os.open(self._folder / f"{entry.stem}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                if not _try_lock(lock):
                    continue
                if entry.suffix:
                    try_to_remove(entry)
                else:
                    self._discard(entry.name)
            finally:
                os.close(lock)


def key_of(argv: Sequence[str], files: Sequence[tuple[str, str]]) -> str:
    """The key of a setup.

    Args:
        argv: Its command.
        files: The paths of its key files, with the names of their content.
    """
    return hashlib.sha256(json.dumps([list(argv), list(files)]).encode()).hexdigest()[:32]


def _last_use(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:  # another process has removed it
        return 0.0


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
