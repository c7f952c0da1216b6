"""Where a local run keeps everything: its state, and for each task its logs, task files, workspace and outputs."""

import json
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any


class StateDirectory:
    """The folders and files below one state directory."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.database = self.path / "state.db"
        self.spill = self.path / "state.spill"
        self.lock = self.path / "lock"
        self.errors = self.path / "supervisor.log"

    @classmethod
    def default(cls, project: str) -> "StateDirectory":
        """``.pproj/NAME`` below the current directory."""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", project).strip(".-")[:100]
        return cls(Path.cwd() / ".pproj" / (name or "project"))

    def create(self) -> None:
        """Makes the folders; git does not see them."""
        for folder in ("logs", "tasks", "work", "outputs"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def empty(self) -> None:
        """Removes all but the lock."""
        if self.path.is_dir():
            for entry in self.path.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                elif entry != self.lock:
                    entry.unlink()

    def log(self, task: str, attempt: int) -> Path:
        """The output of one attempt."""
        return self.path / "logs" / f"{task}.{attempt}.log"

    def task_file(self, task: str, attempt: int) -> Path:
        """What one attempt is told."""
        return self.path / "tasks" / f"{task}.{attempt}.json"

    def workspace(self, task: str) -> Path:
        """Where a task works."""
        return self.path / "work" / task

    def outputs(self, task: str) -> Path:
        """Where a task puts what it makes for others."""
        return self.path / "outputs" / task

    def output_files(self, task: str) -> dict[str, str]:
        """By name relative to the outputs, the path of every file that a task put out."""
        root = self.outputs(task)
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): str(path) for path in files}

    def prepare(self, task: str, attempt: int, document: dict[str, Any]) -> None:
        """Makes an attempt's empty workspace and outputs, and its task file.

        Empty, because that is what a new pod finds: an attempt never sees the remains of the one before.
        """
        for folder in (self.workspace(task), self.outputs(task)):
            try:
                folder.mkdir()
            except FileExistsError:
                _remove(folder)
                folder.mkdir()
        self.task_file(task, attempt).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def _remove(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()  # the usual case: nothing in it
        return
    shutil.rmtree(folder)
