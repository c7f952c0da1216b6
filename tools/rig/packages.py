"""Programs of the operating system that the rig needs and a machine may not have: fetched once, never installed.

Debian packages, with those of their dependencies that this machine has not, are downloaded by apt and unpacked into a
folder of the cache; the programs are run from there. apt works on lists and archives of its own, so that nothing
outside that folder changes, and only what it has verified is unpacked.
"""

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.cache import Progress, cache_folder, keep, say_on_stderr
from rig.command import run
from rig.errors import RigError

_FOLDERS = ("usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
_OS_RELEASE = Path("/etc/os-release")


@dataclass(frozen=True)
class Unpacked:
    """A folder that packages were unpacked into, as if it were the root of a system."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes its programs find each other, and their libraries."""
        here = [str(self.folder / place) for place in _FOLDERS]
        triplet = f"{platform.machine()}-linux-gnu"
        libraries = [str(self.folder / top / "lib" / triplet) for top in ("usr", ".")]
        return {
            "PATH": os.pathsep.join([*here, os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]),
            "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        }

    def find(self, program: str) -> str | None:
        """The path of a program, here or on this machine; None: not found."""
        return shutil.which(program, path=self.environment["PATH"])

    def __getitem__(self, program: str) -> str:
        found = self.find(program)
        if found is None:
            raise RigError(f"there is no {program!r} in {self.folder}, nor on the PATH")
        return found

    def file(self, path: str) -> Path:
        """A file of one of the packages, by its path on an installed system; else the one that this system has."""
        here = self.folder / path.lstrip("/")
        return here if here.exists() else Path(path)


def find_or_unpack(
    what: str, packages: Sequence[str], programs: Sequence[str], *, progress: Progress = say_on_stderr
) -> Unpacked:
    """The folder that has ``packages``; the first time on a machine they are downloaded.

    Args:
        what: They are for, as words in messages.
        packages: Names of Debian packages.
        programs: Those of them that must be found in the end. Where the PATH has them all, nothing is downloaded.
        progress: Called with each step; not called if nothing is done.

    Raises:
        RigError: They cannot be had; the message says how to install them instead.
    """
    given = Unpacked(Path("/"))
    if all(shutil.which(program) for program in programs):
        return given
    made_for = [sorted(packages), sorted(programs), platform.machine(), _OS_RELEASE.read_text(encoding="utf-8")]
    key = hashlib.sha256(json.dumps(made_for).encode()).hexdigest()[:16]
    kept = Unpacked(cache_folder() / key)

    def is_whole() -> bool:
        return kept.folder.is_dir() and all(map(kept.find, programs))

    keep(kept.folder, what, is_whole, lambda out: _unpack(what, packages, out, progress), progress)
    if not is_whole():
        missing = ", ".join(program for program in programs if not kept.find(program))
        raise RigError(f"{what}: {', '.join(packages)} have no {missing}; {_instead(packages)}")
    return kept


def _unpack(what: str, packages: Sequence[str], out: Path, progress: Progress) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise RigError(f"{what} must be downloaded, and this is no Debian: there is no apt-get; {_instead(packages)}")
    progress(f"downloading {what}: {', '.join(packages)} ...")
    with tempfile.TemporaryDirectory(prefix="parallelproject-apt-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)  # apt downloads as a user of its own
        for name in ("lists/partial", "cache/archives/partial"):
            (scratch / name).mkdir(parents=True)
        apt = [
            "apt-get", "-q", "-o", "Debug::NoLocking=1", "-o", f"Dir::State::lists={scratch / 'lists'}",
            "-o", f"Dir::Cache={scratch / 'cache'}",
        ]  # fmt: skip
        _run([*apt, "update"], packages)
        _run([*apt, "install", "--yes", "--no-install-recommends", "--download-only", "--", *packages], packages)
        archives = sorted((scratch / "cache" / "archives").glob("*.deb"))
        for archive in archives:
            _run(["dpkg-deb", "--extract", str(archive), str(out)], packages)
    progress(f"unpacked {len(archives)} packages")


def _run(argv: list[str], packages: Sequence[str]) -> None:
    run(argv, {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}, what=argv[0], hint=_instead(packages))


def _instead(packages: Sequence[str]) -> str:
    return f"what would do as well: apt-get install --no-install-recommends {' '.join(packages)}"
