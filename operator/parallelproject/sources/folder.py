"""A folder whose files are one task file together: finds and reads its files. Tells nothing of what is in them."""

from pathlib import Path

from parallelproject.sources.backlog import STATUSES, File, front_matter, read_backlog, statuses_of
from parallelproject.sources.findings import Findings
from parallelproject.sources.options import Options
from parallelproject.sources.report import Imported

_KINDS = {"tasks": "tasks", "completed": "completed", "drafts": "drafts", "archive/tasks": "archive"}
_CONFIGS = ("config.yml", "config.yaml")
_FILE_BYTES_MAX = 1024 * 1024
_FILES_MAX = 20_000


def is_backlog(folder: Path) -> bool:
    """Whether a folder is that of Backlog.md: ``tasks/`` in it has Markdown, with a configuration or an id in it."""
    try:
        if not (folder / "tasks").is_dir():
            return False
        if any((folder / name).is_file() for name in _CONFIGS):
            return True
        return any((front := front_matter(_text(path))) and "id:" in front for path in _files(folder / "tasks")[:5])
    except (OSError, ValueError):
        return False


def load_backlog(folder: Path, findings: Findings, options: Options, name: str) -> Imported:
    """Reads Backlog.md's folder.

    Raises:
        ProblemsError: everything wrong with its files.
    """
    statuses: tuple[str, ...] = STATUSES
    for config in _CONFIGS:
        if (folder / config).is_file():
            statuses = statuses_of(_text(folder / config), Findings(str(folder / config)))
            break
    files = []
    for below, kind in _KINDS.items():
        for path in _files(folder / below):
            try:
                files.append(File(str(path), _text(path), kind))
            except OSError as error:
                findings.error(str(path), f"cannot be read: {error.strerror}")
            except ValueError as error:
                findings.error(str(path), str(error), "save it as UTF-8")
    if not files:
        findings.stop(str(folder), "holds no tasks", "Backlog.md keeps them in backlog/tasks")
    return read_backlog(files, statuses, findings, options, name)


def _files(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("*.md") if path.name.lower() != "readme.md"] if folder.is_dir() else []
    return sorted(found, key=lambda path: path.name)[:_FILES_MAX]


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_FILE_BYTES_MAX + 1)
    if len(data) > _FILE_BYTES_MAX:
        raise ValueError(f"is larger than {_FILE_BYTES_MAX // 1024 // 1024} MiB")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
