"""Which files are generated, and from what."""

from collections.abc import Callable, Iterable
from pathlib import Path

import yaml

from generate.cli import commands
from generate.correctness import correctness
from generate.fields import fields
from parallelproject.model.crd import crd
from parallelproject.model.names import CRD_NAME

_HEADER = "# Generated from operator/parallelproject/model by `make generate`; don't edit.\n"


def crd_file() -> str:
    """The CustomResourceDefinition as YAML."""
    return _HEADER + yaml.safe_dump(crd(), sort_keys=False, allow_unicode=True, width=100)


OUTPUTS: dict[str, Callable[[], str]] = {
    f"crds/{CRD_NAME}.yaml": crd_file,
    "docs/design/correctness.md": correctness,
    "docs/reference/cli.md": commands,
    "docs/reference/fields.md": fields,
}
"""By path in the repository: a function that gives the file's text, the same at every call."""


def stale(root: Path) -> list[str]:
    """The outputs whose file is missing or has another text."""
    return [path for path, text in OUTPUTS.items() if _read(root / path) != text()]


def write(root: Path, paths: Iterable[str]) -> None:
    """Writes these outputs."""
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(OUTPUTS[path](), encoding="utf-8")


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None
