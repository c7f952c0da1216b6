"""Finds task files in the places where tools keep them. Reads only the start of a file to identify it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from parallelproject.model.names import KIND
from parallelproject.sources.detect import PROJECT_LINE
from parallelproject.sources.folder import is_backlog, is_stories

_HEAD_BYTES = 64 * 1024
_ENTRIES_MAX = 20_000
_DEPTH_MAX = 6
_NOT_LOOKED_INTO = frozenset({".git", "node_modules", ".venv", "__pycache__"})

PLACES = (
    ("TaskMaster", ".taskmaster/tasks/tasks.json"),
    ("TaskMaster", "tasks/tasks.json"),
    ("TaskMaster", "tasks.json"),
    ("Spec Kit", "specs/*/tasks.md"),
    ("Spec Kit", ".specify/specs/*/tasks.md"),
    ("Kiro", ".kiro/specs/*/tasks.md"),
    ("OpenSpec", "openspec/changes/*/tasks.md"),
    ("BMAD", "docs/stories"),
    ("BMAD", "_bmad-output/implementation-artifacts"),
    ("BMAD", "_bmad*/stories"),
    ("Beads", ".beads/issues.jsonl"),
    ("Beads", ".beads/beads.jsonl"),
    ("Backlog.md", "backlog"),
    ("Backlog.md", ".backlog"),
    ("a PRD", "prd.json"),
    ("a PRD", "scripts/ralph/prd.json"),
    ("a feature list", "feature_list.json"),
    ("a feature list", "feature-list.json"),
    ("a plan", "docs/**/plans/*.md"),
    ("a list of tasks", "tasks.md"),
    ("a list of tasks", "issues.jsonl"),
    (f"a {KIND}", "*.yaml"),
    (f"a {KIND}", "*.yml"),
)
"""The kinds of task files, and their places relative to the given folder."""
_EITHER = (".beads/issues.jsonl", ".beads/beads.jsonl"), (".taskmaster/tasks/tasks.json", "tasks/tasks.json")
"""Of these places the first one counts: the second is that of older versions."""


@dataclass(frozen=True, order=True)
class Found:
    """A task file, or a folder that counts as one."""

    path: Path
    what: str
    """Its kind, as in ``TaskMaster``."""


def discover(folder: Path) -> list[Found]:
    """The task files of a folder, in the order of ``PLACES``; each once.

    A folder that is itself one of a known kind (``backlog``, ``.taskmaster``) is found as that.
    """
    if is_backlog(folder):
        return [Found(folder, "Backlog.md")]
    if is_stories(folder):
        return [Found(folder, "BMAD")]
    found: dict[Path, Found] = {}
    places: dict[str, Path] = {}
    for what, pattern in PLACES:
        for path in _matching(folder, pattern):
            if _is_it(path, what, pattern):
                found.setdefault(path, Found(path, what))
                places[pattern] = path
    for first, second in _EITHER:
        if first in places and second in places:
            del found[places[second]]
    return list(found.values())


def _is_it(path: Path, what: str, pattern: str) -> bool:
    """Whether the content of a place has the expected kind, judged by its start."""
    try:
        if pattern in ("backlog", ".backlog"):
            return is_backlog(path)
        if what == "BMAD":
            return is_stories(path)
        if not path.is_file() or path.parent.name == "archive":
            return False
        if what == f"a {KIND}":
            return PROJECT_LINE.search(_head(path)) is not None
        return what != "a plan" or "- [" in _head(path)
    except OSError:
        return False


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES).decode("utf-8-sig", errors="replace")


def _matching(folder: Path, pattern: str) -> Iterator[Path]:
    """The paths that fit; below ``**`` with a limited depth and number."""
    try:
        if "**" not in pattern:
            yield from sorted(folder.glob(pattern))[:_ENTRIES_MAX] if "*" in pattern else _existing(folder / pattern)
            return
        start, _, rest = pattern.partition("**/")
        parent, _, name = rest.rpartition("/")
        for place in _folders(folder / start):
            if place.name == parent:
                yield from sorted(place.glob(name))[:_ENTRIES_MAX]
    except OSError:
        return


def _existing(path: Path) -> list[Path]:
    return [path] if path.exists() else []


def _folders(root: Path) -> Iterator[Path]:
    seen = 0
    for at, names, files in os.walk(root):
        seen += 1 + len(names) + len(files)
        depth = len(Path(at).parts) - len(root.parts)
        names[:] = sorted(name for name in names if name not in _NOT_LOOKED_INTO) if depth < _DEPTH_MAX else []
        if seen > _ENTRIES_MAX:
            return
        yield Path(at)
