"""A disk of our own that is small, and can be filled to the last byte and the last file."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILLER = "filler"


def can_mount() -> bool:
    """Only root can make a small disk, and not everywhere."""
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return os.geteuid() == 0 and subprocess.run(probe, capture_output=True).returncode == 0


@contextmanager
def small_disk(folder: Path, size: str = "2m", files: int = 400) -> Iterator[Path]:
    """A folder that is a disk in memory, while this is entered."""
    folder.mkdir()
    options = f"size={size},nr_inodes={files}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Leaves room for nothing: no byte, no file, no folder."""
    try:
        (disk / _FILLER).mkdir()
        with (disk / _FILLER / "bytes").open("wb", buffering=0) as out:
            while out.write(bytes(4096)) == 4096:
                pass
        count = 0
        while True:
            (disk / _FILLER / str(count)).touch(exist_ok=False)
            count += 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def make_room(disk: Path) -> None:
    """Undoes ``fill``."""
    shutil.rmtree(disk / _FILLER, ignore_errors=True)
