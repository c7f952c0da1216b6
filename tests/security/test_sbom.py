"""Bills of materials: valid, the same each time, and nothing that is pinned is missing."""

import io
import json
import tarfile
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.component import ComponentType

from sbom.__main__ import PINS, write_bills
from sbom.bill import bill
from sbom.image import parts_of_image
from sbom.part import of_pins, pinned


@pytest.fixture
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return {file.name: json.loads(file.read_text()) for file in write_bills(tmp_path / "sbom")}


def test_every_pinned_requirement_of_the_images_is_named(bills: dict[str, Any]) -> None:
    named = {part["purl"] for part in bills["parallelproject-python.cdx.json"]["components"]}
    pins = [line for line in PINS.read_text().splitlines() if line[:1].isalnum()]
    certain = {_purl(line) for line in pins if ";" not in line}
    assert len(certain) > 40
    assert certain <= named <= {_purl(line) for line in pins}
    elsewhere = {_name(line) for line in pins if "win32" in line}  # what only another system needs
    assert {_name(line) for line in pins} - elsewhere == {part.partition("@")[0] for part in named}


def _purl(pin: str) -> str:
    return f"pkg:pypi/{pin.split(' ')[0].replace('==', '@')}"


def _name(pin: str) -> str:
    return _purl(pin).partition("@")[0]


def test_what_is_installed_here_tells_licenses_and_needs(bills: dict[str, Any]) -> None:
    bill = bills["parallelproject-python.cdx.json"]
    parts = {part["name"]: part for part in bill["components"]}
    assert parts["attrs"]["licenses"] == [{"license": {"id": "MIT"}}]
    needs = {entry["ref"].partition("@")[0]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
    assert any(need.startswith("pkg:pypi/markupsafe@") for need in needs["pkg:pypi/jinja2"])


def test_the_wrapper_needs_the_standard_library_and_nothing_else(bills: dict[str, Any]) -> None:
    parts = [part["purl"].partition("@")[0] for part in bills["pproj-wrap.cdx.json"]["components"]]
    assert sorted(parts) == ["pkg:golang/parallelproject.io/wrapper", "pkg:golang/stdlib"]


def test_a_bill_is_the_same_each_time_and_tells_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    texts = [[file.read_text() for file in write_bills(tmp_path / name)] for name in ("a", "b")]
    assert texts[0] == texts[1]
    assert json.loads(texts[0][0])["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000001")
    assert [file.read_text() for file in write_bills(tmp_path / "c")] != texts[0]


def test_a_line_that_is_no_pin_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pins.txt"
    file.write_text("aiohttp==3.0 ; sys_platform == 'win32' \\\n    --hash=sha256:00\nattrs==1.0\n")
    assert pinned(file) == {"attrs": "1.0"}
    file.write_text("aiohttp>=3.0\n")
    with pytest.raises(ValueError, match="is no pin"):
        pinned(file)


def test_a_version_that_is_not_the_installed_one_has_no_words_of_that() -> None:
    (part,) = of_pins({"jinja2": "0.0.1"}, distributions())
    assert (part.purl.to_string(), part.license, part.needs) == ("pkg:pypi/jinja2@0.0.1", "", ())


def test_an_image_is_billed_by_its_files(tmp_path: Path) -> None:
    status = "Package: git\nVersion: 1:2.39.5-0+deb12u2\nArchitecture: amd64\nDepends: libc6 (>= 2.34), perl | x\n"
    libc = "Package: libc6\nVersion: 2.36\nArchitecture: amd64\n"
    python = "Metadata-Version: 2.4\nName: Jinja2\nVersion: 3.1.6\nLicense-Expression: BSD-3-Clause\n\n# Words\n"
    first = _tar({"./var/lib/dpkg/status.d/git": status, "var/lib/dpkg/status.d/libc6": libc})
    second = _tar({"usr/local/lib/python3.11/dist-packages/jinja2-3.1.6.dist-info/METADATA": python, "etc/x": "x"})
    archive = tmp_path / "image.tar"
    archive.write_bytes(_tar({"manifest.json": '[{"Layers": ["1", "2"]}]', "1": first, "2": second}))
    parts = parts_of_image(archive)
    made = json.loads(bill("x", "1", ComponentType.CONTAINER, parts, 0))
    refs = {part["purl"] for part in made["components"]}
    git = "pkg:deb/debian/git@1:2.39.5-0%2Bdeb12u2?arch=amd64"
    assert refs == {git, "pkg:deb/debian/libc6@2.36?arch=amd64", "pkg:pypi/jinja2@3.1.6"}
    assert {"ref": git, "dependsOn": ["pkg:deb/debian/libc6@2.36?arch=amd64"]} in made["dependencies"]


def _tar(files: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()
