"""Reads a project from a file or standard input: the only place of this package that does I/O."""

import json
import re
import sys
from pathlib import Path

from parallelproject.model.names import PLURAL
from parallelproject.sources.detect import detect
from parallelproject.sources.folder import is_backlog, is_stories, load_backlog, load_stories
from parallelproject.sources.formats.argo.workflow import read_argo
from parallelproject.sources.formats.beads import read_beads
from parallelproject.sources.formats.features import read_features
from parallelproject.sources.formats.github import read_github
from parallelproject.sources.formats.groups import read_json_list
from parallelproject.sources.formats.manifest import read_manifest
from parallelproject.sources.formats.markdown.file import read_markdown
from parallelproject.sources.formats.taskmaster import read_taskmaster
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.report import Imported
from parallelproject.sources.selection.roles import RoleTable, parse_roles
from parallelproject.sources.text.findings import Findings

BYTES_MAX = 32 * 1024 * 1024
STDIN = "-"

_USUAL = frozenset(
    {
        "", ".beads", ".taskmaster", "beads", "feature-list", "feature_list", "features", "issues", "prd", "stdin",
        "tasks", PLURAL,
    }
)  # fmt: skip
_USUAL_FOLDERS = _USUAL | {".backlog", "backlog", "docs", "implementation-artifacts", "stories"}
_NAME_MAX = 50  # leaves room for a task's id in the names of Jobs
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def load(path: str | Path, *, format: Format | str | None = None, options: Options | None = None) -> Imported:
    """Reads a project from a file of any known format, or a folder that is one; ``-`` is standard input.

    For TaskMaster's file its ``state.json`` is read too, for the current tag.

    Raises:
        ProblemsError: everything wrong with the file, each with its place and the hint; nothing else is
            raised, for any content of the file.
    """
    file = "stdin" if str(path) == STDIN else "".join(c if c.isprintable() else "\ufffd" for c in str(path))
    findings = Findings(file)
    if file != "stdin" and _is_folder(path):
        imported = _load_folder(Path(path), findings, format, options or Options())
        if imported is not None:
            return imported
    text = _decoded(_bytes(path, findings), findings)
    name = "project" if file == "stdin" else default_name(Path(path))
    return read(text, file=file, format=format, options=options, name=name, current_tag=_current_tag(path))


def load_roles(path: str | Path) -> RoleTable:
    """Reads a table of roles that replaces the package's own ``roles.yaml``.

    Raises:
        ProblemsError: everything wrong with the file.
    """
    findings = Findings(str(path))
    return parse_roles(_decoded(_bytes(path, findings), findings), str(path))


def read(
    text: str,
    *,
    file: str = "stdin",
    format: Format | str | None = None,
    options: Options | None = None,
    name: str = "project",
    current_tag: str | None = None,
) -> Imported:
    """Reads a project from a text; pure.

    Args:
        text: The text.
        file: What to call it in messages; its ending helps to tell the format.
        format: The format it must have; by default it is detected from the content.
        options: What is taken.
        name: Name of the project, where neither the options nor a manifest give one.
        current_tag: TaskMaster's current tag.

    Raises:
        ProblemsError: everything wrong with it.
    """
    options = options or Options()
    findings = Findings(file)
    _check(format, options, findings)
    text = text.removeprefix("\ufeff")
    detected = detect(text, findings, None if format is None else Format(format))
    if detected.format is Format.MANIFEST:
        return read_manifest(text, findings, options, name)
    if detected.format is Format.ARGO:
        return read_argo(text, findings, options, name)
    if detected.format is Format.TASKMASTER:
        return read_taskmaster(detected.data, findings, options, name, current_tag)
    if detected.format is Format.FEATURES:
        return read_features(detected.data, findings, options, name)
    if detected.format is Format.GITHUB:
        return read_github(detected.data, findings, options, name)
    if detected.format is Format.BEADS:
        return read_beads(detected.data, findings, options, name)
    if detected.data is None:
        return read_markdown(text, findings, options, name)
    return read_json_list(detected.data, findings, options, name)


def _check(format: Format | str | None, options: Options, findings: Findings) -> None:
    if options.name is not None and not _NAME.fullmatch(options.name):
        hint = "small letters, digits and -, at most 63"
        findings.stop("name", f"{options.name!r:.80} is not a valid name of a project", hint)
    if format is not None and format not in list(Format):
        findings.stop("format", f"{format!r:.80} is not known", f"one of {', '.join(Format)}")


def _load_folder(path: Path, findings: Findings, format: Format | str | None, options: Options) -> Imported | None:
    """The project of a folder; None where it is no task file by itself."""
    _check(format, options, findings)
    if format in (None, Format.BACKLOG) and is_backlog(path):
        return load_backlog(path, findings, options, default_name(path))
    if format in (None, Format.GROUPS) and is_stories(path):
        return load_stories(path, findings, options, default_name(path))
    return None


def _is_folder(path: str | Path) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def default_name(path: Path) -> str:
    """A project's name from its file: the file's own, or for ``tasks.json`` and the like that of the folder."""
    resolved = path.absolute()
    own, usual = (resolved.name, _USUAL_FOLDERS) if _is_folder(resolved) else (resolved.stem, _USUAL)
    for part in (own, *(folder.name for folder in resolved.parents)):
        words = re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")[:_NAME_MAX].strip("-")
        if part.lower() not in usual and words:
            return words
    return "project"


def _bytes(path: str | Path, findings: Findings) -> bytes:
    try:
        if str(path) == STDIN:
            data = sys.stdin.buffer.read(BYTES_MAX + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "is not the name of a file"
        findings.stop(findings.file, f"cannot be read: {reason}", "give a file, or - for standard input")
    if len(data) > BYTES_MAX:
        findings.stop(findings.file, f"is larger than {BYTES_MAX // 1024 // 1024} MiB", "split it")
    return data


def _decoded(data: bytes, findings: Findings) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"is not UTF-8 (byte 0x{data[error.start]:02x} at {error.start})"
        findings.stop(findings.line(line), found, "save it as UTF-8")


def _current_tag(path: str | Path) -> str | None:
    """The current tag by the ``state.json`` of TaskMaster's folder, where the file belongs to one."""
    if str(path) == STDIN:
        return None
    folder = Path(path).absolute().parent
    places = [folder.parent] if folder.parent.name == ".taskmaster" else []
    places += [folder / ".taskmaster", folder.parent / ".taskmaster"]
    for place in places:
        try:
            with (place / "state.json").open("rb") as file:
                state = json.loads(file.read(1024 * 1024))
        except (OSError, ValueError, RecursionError):
            continue
        tag = state.get("currentTag") if isinstance(state, dict) else None
        return tag if isinstance(tag, str) and tag else None
    return None
