"""The command line: ``python -m sbom [--images] [FOLDER]``, with ``tools`` on PYTHONPATH."""

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from cyclonedx.model.component import ComponentType

from rig.binaries import find_or_build_wrapper
from rig.errors import RigError
from rig.images import TARGETS, build_images, save_images
from sbom.bill import bill
from sbom.image import parts_of_image
from sbom.part import of_go, of_pins, pinned

ROOT = Path(__file__).parents[2]
PINS = ROOT / "requirements" / "image.txt"
"""Everything that the images' Python needs, traces included."""


def write_bills(folder: Path, *, images: bool = False) -> list[Path]:
    """Write all bills; their files.

    Args:
        folder: Made where it is not there.
        images: Whether the images are built, and billed by what is in them.

    Raises:
        RigError: something could not be built.
        ValueError: a file of pins could not be read.
    """
    version, epoch = _version(), _epoch()
    billed = [
        ("parallelproject-python", ComponentType.APPLICATION, of_pins(pinned(PINS), distributions())),
        ("pproj-wrap", ComponentType.APPLICATION, of_go(find_or_build_wrapper())),
    ]
    if images:
        with tempfile.TemporaryDirectory(prefix="parallelproject-sbom-") as place:
            archives = save_images(build_images(), Path(place))
            for name, archive in zip(TARGETS.values(), archives, strict=True):
                billed.append((name, ComponentType.CONTAINER, parts_of_image(archive)))
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, kind, parts in billed:
        file = folder / f"{name}.cdx.json"
        file.write_text(bill(name, version, kind, parts, epoch), encoding="utf-8")
        files.append(file)
    return files


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def _epoch() -> int:
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bills, and print their files; the exit code."""
    parser = argparse.ArgumentParser(prog="sbom", description="Write bills of materials, as CycloneDX JSON.")
    parser.add_argument(
        "folder", nargs="?", type=Path, default=ROOT / "dist" / "sbom", help="where (default: dist/sbom)"
    )
    parser.add_argument("--images", action="store_true", help="also of the images, which are built for it (as root)")
    chosen = parser.parse_args(arguments)
    try:
        for file in write_bills(chosen.folder, images=chosen.images):
            print(file)  # noqa: T201
    except (RigError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
