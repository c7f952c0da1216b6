"""A folder whose files together are one task file: finds and reads its files, without parsing their content."""

from pathlib import Path

from parallelproject.sources.formats.backlog import STATUSES, File, front_matter, read_backlog, statuses_of
from parallelproject.sources.formats.markdown.stories import is_story, read_stories, sprint_states
from parallelproject.sources.selection.options import Options
from parallelproject.sources.selection.report import Imported
from parallelproject.sources.text.findings import Findings

_KINDS = {"tasks": "tasks", "completed": "completed", "drafts": "drafts", "archive/tasks": "archive"}
_CONFIGS = ("config.yml", "config.yaml")
_FILE_BYTES_MAX = 1024 * 1024
_FILES_MAX = 20_000
_LOOKED_AT = 50


def is_backlog(folder: Path) -> bool:
    """Whether a folder belongs to Backlog.md: its ``tasks/`` has Markdown, with a configuration or an id."""
    try:
        if not (folder / "tasks").is_dir():
            return False
        if any((folder / name).is_file() for name in _CONFIGS):
            return True
        return any((front := front_matter(_text(path))) and "id:" in front for path in _files(folder / "tasks")[:5])
    except (OSError, ValueError):
        return False


def done_status(folder: Path) -> str:
    """The state of a task that is done, by a Backlog.md folder's configuration.

    Raises:
        OSError: the configuration cannot be read.
        ProblemsError: it is not YAML.
        ValueError: it is not text.
    """
    for config in _CONFIGS:
        if (folder / config).is_file():
            return statuses_of(_text(folder / config), Findings(str(folder / config)))[-1]
    return STATUSES[-1]


def load_backlog(folder: Path, findings: Findings, options: Options, name: str) -> Imported:
    """Reads Backlog.md's folder.

    Raises:
        ProblemsError: every problem of its files.
    """
    statuses: tuple[str, ...] = STATUSES
    for config in _CONFIGS:
        if (folder / config).is_file():
            text = _readable(folder / config, findings)
            statuses = statuses_of(text, findings.of_file(str(folder / config))) if text is not None else STATUSES
            break
    files = []
    for below, kind in _KINDS.items():
        for path in _files(folder / below):
            text = _readable(path, findings)
            if text is not None:
                files.append(File(str(path), text, kind))
    if not files:
        findings.stop(str(folder), "contains no tasks", "Backlog.md keeps them in backlog/tasks")
    return read_backlog(files, statuses, findings, options, name)


def is_stories(folder: Path) -> bool:
    """Whether a folder is that of BMAD's stories: one of its files is a story."""
    try:
        return any(is_story(_text(path)) for path in _files(folder)[:_LOOKED_AT])
    except (OSError, ValueError):
        return False


def load_stories(folder: Path, findings: Findings, options: Options, name: str) -> Imported:
    """Reads BMAD's stories in a folder, with the sprint's states if they exist.

    Raises:
        ProblemsError: every problem of its files.
    """
    states = None
    for place in (folder, folder.parent):
        if (sprint := place / "sprint-status.yaml").is_file():
            states = sprint_states(_readable(sprint, findings) or "", findings.of_file(str(sprint)))
            break
    texts = {str(path): text for path in _files(folder) if (text := _readable(path, findings)) is not None}
    stories = {path: text for path, text in texts.items() if is_story(text)}
    findings.stop_if_errors()
    return read_stories(stories, states, findings, options, name)


def _readable(path: Path, findings: Findings) -> str | None:
    """A file's text; None if it cannot be read, which is noted."""
    try:
        return _text(path)
    except OSError as error:
        findings.error(str(path), f"cannot be read: {error.strerror}")
    except ValueError as error:
        findings.error(str(path), str(error), "save it as UTF-8, or split it")
    return None


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
