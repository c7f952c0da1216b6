"""What others read of a run: the project as it runs, and its status, as the operator keeps them in one object.

Two files, since one is written once a session and may be large. Each is replaced as a whole, so a reader finds the old
one or the new one, and a run that is killed leaves the last. They are for readers only: a run continues from its store.
"""

import json
from pathlib import Path
from typing import Any

from parallelproject.whole_file import write_whole

Json = dict[str, Any]


class Document:
    """The two files below a state directory."""

    def __init__(self, directory: Path) -> None:
        self.project = directory / "project.json"
        self.status = directory / "status.json"

    def write_project(self, project: Json) -> None:
        """Writes the project, without its status.

        Raises:
            OSError: it cannot be written.
        """
        write_whole(self.project, _encoded(project))

    def write_status(self, status: Json) -> None:
        """Writes the status.

        Raises:
            OSError: it cannot be written.
        """
        write_whole(self.status, _encoded(status))

    def read_status(self) -> Json:
        """The status; empty where none can be read."""
        return _read(self.status) or {}

    def read(self) -> Json | None:
        """The whole; None where no project can be read."""
        project = _read(self.project)
        return None if project is None else {**project, "status": self.read_status()}


def _encoded(content: Json) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _read(path: Path) -> Json | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
