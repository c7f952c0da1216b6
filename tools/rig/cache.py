"""Where what takes long to make is kept: a folder for each state of what it is made from, whole or not at all.

It is ``$PPROJ_TOOLS_CACHE``, else ``$XDG_CACHE_HOME/parallelproject/tools``, else ``~/.cache/parallelproject/tools``.
"""

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

Progress = Callable[[str], None]


def say_on_stderr(line: str) -> None:
    """Tell a person who waits."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def cache_folder() -> Path:
    """The folder that all else is in; it may not be there yet."""
    if own := os.environ.get("PPROJ_TOOLS_CACHE"):
        return Path(own).absolute()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home).absolute() / "parallelproject" / "tools"


def keep(
    folder: Path, what: str, is_whole: Callable[[], bool], make: Callable[[Path], None], progress: Progress
) -> None:
    """Make ``folder`` unless it is whole. Of several processes one makes it, the others wait.

    Args:
        folder: In the cache.
        what: It is, as words in the message to those who wait.
        is_whole: Whether it has all that is wanted.
        make: Is given a new folder to fill, which takes the place of ``folder`` once it returns.
        progress: Called when it waits for another process.
    """
    if is_whole():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock"), what, progress):
        if is_whole():
            return
        prefix = f".build-{folder.name}-"
        for orphan in folder.parent.glob(f"{prefix}*"):  # of a build that was killed; we hold the lock
            shutil.rmtree(orphan)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as scratch:
            out = Path(scratch) / "out"
            out.mkdir()
            make(out)
            if folder.exists():  # incomplete: something else was there
                shutil.rmtree(folder)
            out.rename(folder)


@contextlib.contextmanager
def _locked(file: Path, what: str, progress: Progress) -> Iterator[None]:
    with file.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another process that builds {what} ({file}) ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
