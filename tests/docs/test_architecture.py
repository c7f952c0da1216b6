"""docs/design/architecture.md names what there is: every path in it exists, and it names every room."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "parallelproject"
PAGE = ROOT / "docs" / "design" / "architecture.md"
_PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)+|\w+\.(?:py|toml|md))`")
_WORD = re.compile(r"`([\w./-]+)`")


def test_every_path_in_it_exists() -> None:
    named = set(_PATH.findall(PAGE.read_text()))
    assert len(named) > 50
    assert sorted(path for path in named if not any((base / path).exists() for base in (PACKAGE, ROOT))) == []


def test_it_names_every_folder_of_the_package() -> None:
    named = set(_WORD.findall(PAGE.read_text()))
    rooms = {str(file.parent.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py")} - {"."}
    assert len(rooms) > 30
    assert sorted(rooms - named) == []


def test_the_rooms_are_in_the_order_of_the_layers() -> None:
    contract = re.search(
        r'containers = \["parallelproject"\]\nlayers = \[(.*?)\]', (ROOT / "pyproject.toml").read_text()
    )
    assert contract
    layers = re.findall(r"\w+", contract[1])
    rows = re.findall(r"^\| `(\w+)`", PAGE.read_text().split("## Rooms")[1].split("## ")[0], re.MULTILINE)
    assert sorted(rows, key=layers.index) == rows
