"""Which files are generated, and from what."""

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from generate.chart_crd import crd_template
from generate.chart_readme import chart_readme
from generate.cli import commands
from generate.config import config
from generate.correctness import correctness
from generate.crd import crd_file
from generate.events import events
from generate.fields import fields
from generate.install import install
from generate.metrics import metrics
from parallelproject.model.names import CRD_NAME

OUTPUTS: dict[str, Callable[[], str]] = {
    f"crds/{CRD_NAME}.yaml": crd_file,
    "charts/parallelproject/README.md": chart_readme,
    "charts/parallelproject/templates/crd.yaml": crd_template,
    "docs/design/correctness.md": correctness,
    "docs/reference/cli.md": commands,
    "docs/reference/config.md": config,
    "docs/reference/events.md": events,
    "docs/reference/fields.md": fields,
    "docs/reference/metrics.md": metrics,
    "manifests/install.yaml": install,
}
"""By path in the repository: a function that gives the file's text, the same at every call."""


def stale(root: Path) -> list[str]:
    """The outputs whose file is missing or has another text."""
    return [path for path in OUTPUTS if _read(root / path) != _text(path)]


def write(root: Path, paths: Iterable[str]) -> None:
    """Writes these outputs."""
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_text(path), encoding="utf-8")


@cache  # some take a second
def _text(path: str) -> str:
    return OUTPUTS[path]()


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None
