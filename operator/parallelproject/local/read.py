"""The runs of a folder as others read them: by their documents, and by whether anything of them runs."""

from pathlib import Path
from typing import Any

from parallelproject.core.report.interrupted import interrupted, is_open
from parallelproject.local.engine.lock import is_held
from parallelproject.local.errors import RunError
from parallelproject.local.state.directory import FOLDER, StateDirectory
from parallelproject.local.views.status_file import COMMAND, REQUESTS

Json = dict[str, Any]


def is_run(path: Path) -> bool:
    """Whether a folder is the state of a run."""
    return (path / "state.db").is_file() or StateDirectory(path).document.project.is_file()


def runs_below(folder: Path) -> list[Path]:
    """The state directories that runs in this folder have by default, by name."""
    try:
        found = sorted(path for path in (folder / FOLDER).iterdir() if path.is_dir())
    except OSError:
        return []
    return [path for path in found if is_run(path)]


def run_named(name: str, folder: Path) -> Path | None:
    """The state directory that the project of this name has in a folder; None where it does not exist."""
    path = StateDirectory.default(name, folder).path
    return path if is_run(path) else None


def command_of(project: Json) -> str:
    """The command line that a run was started by; empty where it is not known."""
    return str((project["metadata"].get("annotations") or {}).get(COMMAND) or "")


def read_run(path: Path) -> Json | None:
    """The project with its status; None where nothing can be read, as of a run by an older version.

    A run that has not ended and of which nothing runs is shown as interrupted.
    """
    state = StateDirectory(path)
    is_running = is_held(state.lock)  # before the document: it may end in between, and has written the end by then
    found = state.document.read()
    if found is None:
        return None
    _with_requests(found, state, is_running)
    if not is_running and is_open(found["status"]):
        found["status"] = interrupted(found["status"], command_of(found))
    return found


def is_active(path: Path) -> bool:
    """Whether anything of a run is running."""
    return is_held(StateDirectory(path).lock)


def _with_requests(found: Json, state: StateDirectory, is_running: bool) -> None:
    """Puts what was asked of a run since its session began into its spec.

    Its generation counts the requests, and its status says up to which it has seen them, as in a cluster. Where nothing
    runs, nobody is going to see them for now.
    """
    try:
        asked = state.requests.read()
    except RunError:
        return
    metadata = found["metadata"]
    started_with = int((metadata.get("annotations") or {}).get(REQUESTS) or 0)
    found["spec"] = asked.over(found["spec"])
    metadata["generation"] = int(metadata.get("generation") or 0) + max(0, asked.version - started_with)
    if not is_running and found["status"]:
        found["status"]["observedGeneration"] = metadata["generation"]


def version_of(path: Path) -> tuple[object, ...]:
    """What is another when ``read_run`` would give something else."""
    state = StateDirectory(path)
    stats = []
    for file in (state.document.project, state.document.status, state.requests.path):
        try:
            found = file.stat()
            stats.append((found.st_mtime_ns, found.st_ino))
        except OSError:
            stats.append((0, 0))
    return (is_held(state.lock), *stats)
