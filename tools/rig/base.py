"""A Debian to build images from, on a machine that cannot download one as an image: made once by debootstrap."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from rig.cache import Progress, cache_folder, keep
from rig.errors import RigError
from rig.packages import find_or_unpack

_SUITE = "bookworm"  # the one whose Python is 3.11
_PACKAGES = ("python3", "ca-certificates", "git", "openssh-client", "libnss-wrapper")


def base_tar(progress: Progress) -> Path:
    """A file with the root of a small Debian that has what ``images/Dockerfile`` wants of its base.

    Raises:
        RigError: It could not be made.
    """
    key = hashlib.sha256(json.dumps([_SUITE, _PACKAGES, os.uname().machine]).encode()).hexdigest()[:16]
    kept = cache_folder() / key / "base.tar"
    keep(kept.parent, "the images' base", kept.exists, lambda out: _make(out / "base.tar", progress), progress)
    return kept


def _make(tar: Path, progress: Progress) -> None:
    unpacked = find_or_unpack("debootstrap", ("debootstrap",), ("debootstrap",), progress=progress)
    progress(f"making a Debian {_SUITE} for images: once, half a minute ...")
    with tempfile.TemporaryDirectory(prefix="parallelproject-base-") as folder:
        root = Path(folder) / "root"
        done = subprocess.run(
            [
                unpacked["debootstrap"], "--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, str(root),
                _mirror(),
            ],
            env={
                **os.environ, **unpacked.environment,
                "DEBOOTSTRAP_DIR": str(unpacked.file("/usr/share/debootstrap")),
            },
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RigError(f"debootstrap failed\n{done.stdout[-3000:]}")
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
