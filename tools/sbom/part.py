"""One thing that something consists of, and where it is read from: pins, metadata of packages, a program of Go."""

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from importlib.metadata import Distribution
from pathlib import Path

from packageurl import PackageURL
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? *\\?$")
_IMAGE = {
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
}
"""Where the images' Python runs, as environment markers have it."""


@dataclass(frozen=True)
class Part:
    """A package in a version."""

    purl: PackageURL
    license: str = ""
    """As its own metadata have it."""
    needs: tuple[str, ...] = ()
    """Names of parts of its own kind."""

    @property
    def name(self) -> str:
        """Its name, by which others need it."""
        return str(self.purl.name)


def pinned(file: Path) -> dict[str, str]:
    """The requirements that are pinned for the images' Python: versions by name.

    Raises:
        ValueError: a line is neither a pin nor a hash nor a comment.
    """
    found: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line or line.lstrip().startswith(("#", "--hash=")):
            continue
        pin = _PIN.fullmatch(line)
        if pin is None:
            raise ValueError(f"{file}: {line!r} is no pin, as `make lock` writes them")
        if not pin["marker"] or Marker(pin["marker"]).evaluate(_IMAGE):
            found[canonicalize_name(pin["name"])] = pin["version"]
    return found


def of_distribution(metadata: Message) -> Part:
    """A Python package, by its metadata."""
    name = canonicalize_name(metadata["Name"])
    needs = (Requirement(text) for text in metadata.get_all("Requires-Dist", ()))
    wanted = {
        canonicalize_name(need.name)
        for need in needs
        if not need.marker or need.marker.evaluate(_IMAGE | {"extra": ""})
    }
    purl = PackageURL("pypi", name=name, version=metadata["Version"])
    return Part(purl, _license(metadata), tuple(sorted(wanted)))


def of_pins(pins: dict[str, str], installed: Iterable[Distribution]) -> list[Part]:
    """The pinned packages; their licenses and needs are known where they are installed here in that version."""
    here = {canonicalize_name(found.metadata["Name"]): found for found in installed}
    parts = []
    for name, version in sorted(pins.items()):
        found = here.get(canonicalize_name(name))
        if found is not None and found.version == version:
            parts.append(of_distribution(Parser().parsestr(found.read_text("METADATA") or "")))
        else:
            parts.append(Part(PackageURL("pypi", name=name, version=version)))
    return parts


def of_debian(status: str) -> Part:
    """A Debian package, by its entry in the status of dpkg."""
    fields = Parser().parsestr(status)
    needs = {re.sub(r"[\s(:|].*", "", need.strip()) for need in (fields["Depends"] or "").split(",")} - {""}
    purl = PackageURL("deb", "debian", fields["Package"], fields["Version"], {"arch": fields["Architecture"]})
    return Part(purl, needs=tuple(sorted(needs)))


def of_go(program: Path) -> list[Part]:
    """A program of Go: its module, the modules that it was built from, and the standard library."""
    info = json.loads(subprocess.run(
        ["go", "version", "-m", "-json", str(program)], capture_output=True, text=True, check=True,
    ).stdout)  # fmt: skip
    modules = [(module["Path"], module.get("Version", "")) for module in info.get("Deps") or ()]
    modules.append(("stdlib", info["GoVersion"].removeprefix("go")))
    needs = tuple(sorted(path.rpartition("/")[2] for path, _ in modules))
    own = Part(_golang(info["Main"]["Path"], ""), "Apache-2.0", needs)
    return [
        own,
        *(Part(_golang(path, version), "BSD-3-Clause" if path == "stdlib" else "") for path, version in modules),
    ]


def _golang(path: str, version: str) -> PackageURL:
    folder, _, name = path.rpartition("/")
    return PackageURL("golang", folder or None, name, version or None)


def _license(metadata: Message) -> str:
    """An expression where there is one, else the words of its classifiers."""
    said = metadata["License-Expression"] or metadata["License"] or ""
    if said and "\n" not in said and len(said) < 100:
        return str(said)
    kinds = [c.rpartition(" :: ")[2] for c in metadata.get_all("Classifier", ()) if c.startswith("License :: ")]
    return " OR ".join(kinds)
