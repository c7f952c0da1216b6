"""A Debian to build images from, on a machine that cannot download one as an image: made once by debootstrap."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from rig.cache import Progress, cache_folder, keep
from rig.command import run
from rig.errors import RigError
from rig.packages import find_or_unpack

_SUITE = "bookworm"  # the one whose Python is 3.11
_DOCKERFILE = Path(__file__).parents[2] / "images" / "Dockerfile"


def base_tar(progress: Progress) -> Path:
    """A file with the root of a small Debian that has what ``images/Dockerfile`` wants of its base.

    Raises:
        RigError: It could not be made.
    """
    key = hashlib.sha256(json.dumps([_SUITE, _packages(), os.uname().machine]).encode()).hexdigest()[:16]
    kept = cache_folder() / key / "base.tar"
    keep(kept.parent, "the images' base", kept.exists, lambda out: _make(out / "base.tar", progress), progress)
    return kept


def _packages() -> list[str]:
    """Those that the Dockerfile asks of its base."""
    found = re.search(r'^ARG PACKAGES="([^"]+)"$', _DOCKERFILE.read_text(), re.M)
    if found is None:
        raise RigError(f'{_DOCKERFILE} has no line ARG PACKAGES="…"')
    return found[1].split()


def _make(tar: Path, progress: Progress) -> None:
    unpacked = find_or_unpack("debootstrap", ("debootstrap",), ("debootstrap",), progress=progress)
    progress(f"making a Debian {_SUITE} for images: once, half a minute ...")
    with tempfile.TemporaryDirectory(prefix="parallelproject-base-") as folder:
        root = Path(folder) / "root"
        wanted = ("--variant=minbase", f"--include={','.join(_packages())}", _SUITE, root, _mirror())
        environment = {**unpacked.environment, "DEBOOTSTRAP_DIR": str(unpacked.file("/usr/share/debootstrap"))}
        run([unpacked["debootstrap"], *wanted], environment, what="debootstrap")
        for gone in ("var/cache/apt", "var/lib/apt/lists", "var/log"):
            shutil.rmtree(root / gone, ignore_errors=True)
        with tarfile.open(tar, "w") as archive:
            archive.add(root, ".")


def _mirror() -> str:
    """The server that this machine's apt has the suite from."""
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for line in asked.stdout.splitlines():
        site, *rest = line.split()
        if rest == [_SUITE, "main"]:
            return site
    raise RigError(
        f"apt has no source of Debian {_SUITE}, which images are made from on a machine where docker does not run: "
        "install docker, or add that source"
    )
