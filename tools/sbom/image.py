"""What is in an image, as its own files tell: Debian packages, Python packages, the wrapper."""

import json
import re
import tarfile
import tempfile
from email.parser import Parser
from pathlib import Path

from sbom.part import Part, of_debian, of_distribution, of_go

_DEBIAN = re.compile(r"var/lib/dpkg/status\.d/[^/]+")
_PYTHON = re.compile(r"usr/local/lib/python3[^/]*/dist-packages/[^/]+\.dist-info/METADATA")
_WRAPPER = "usr/local/bin/pproj-wrap"


def parts_of_image(archive: Path) -> list[Part]:
    """The parts of an image.

    Args:
        archive: As ``docker save`` writes it.
    """
    found: list[Part] = []
    with tarfile.open(archive) as whole:
        for name in json.loads(_read(whole, "manifest.json"))[0]["Layers"]:
            with tarfile.open(fileobj=whole.extractfile(name)) as layer:
                for member in layer.getmembers():
                    path = member.name.removeprefix("./")
                    if not member.isfile():
                        continue
                    if _DEBIAN.fullmatch(path):
                        found.append(of_debian(_read(layer, member.name).decode()))
                    elif _PYTHON.fullmatch(path):
                        found.append(of_distribution(Parser().parsestr(_read(layer, member.name).decode())))
                    elif path == _WRAPPER:
                        with tempfile.NamedTemporaryFile() as program:
                            program.write(_read(layer, member.name))
                            program.flush()
                            found += of_go(Path(program.name))
    return found


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None, f"{name} is no file"
    return file.read()
