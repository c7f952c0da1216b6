"""Where a local run keeps everything: its state, and for each task its logs, task files, workspace and outputs."""

import errno
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from parallelproject.core.planner.outputs import Outputs, outputs_of
from parallelproject.folder_removal import remove
from parallelproject.local.state import workspaces
from parallelproject.local.state.document import Document
from parallelproject.local.state.requests import RunRequests
from parallelproject.output_folder import files_below, read_outputs

_JSON = json.JSONEncoder(ensure_ascii=False)
FOLDER = ".pproj"
"""Below which runs keep their state."""
REVIEW = "review"
"""The folder of the record of feedback on what has landed; it exists once there is some."""


class StateDirectory:
    """The folders and files below one state directory."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._root = str(self.path)
        self._workspaces = f"{self._root}/{workspaces.FOLDER}"
        self.database = self.path / "state.db"
        self.spill = self.path / "state.spill"
        self.lock = self.path / "lock"
        self.errors = self.path / "supervisor.log"
        self.repository_note = self.path / "repository.json"
        """Where the work lands, if it does."""
        self.document = Document(self.path)
        """What others read of the run."""
        self.requests = RunRequests(self.path)
        """What others ask of it."""
        self.output = self.path / "output.log"
        """What a run in the background prints."""

    @classmethod
    def default(cls, project: str, folder: Path | None = None) -> "StateDirectory":
        """``.pproj/NAME`` below a folder, by default the current one."""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", project).strip(".-")[:100]
        return cls((folder or Path.cwd()) / FOLDER / (name or "project"))

    def create(self) -> None:
        """Makes the folders; git does not see them.

        Raises:
            OSError: one cannot be made.
        """
        for folder in ("logs", "tasks", "outputs"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        self._workspaces = str(workspaces.make_root(self.path, self.path.name, os.environ))

    def leave(self) -> None:
        """Removes the folder of the workspaces where that is elsewhere and nothing is left in it."""
        with suppress(OSError):
            workspaces.forget_root(self.path, only_empty=True)

    def create_for_landing(self) -> None:
        """Makes the folders for what lands in a repository."""
        for folder in ("git", "results"):
            (self.path / folder).mkdir(exist_ok=True)

    def claim(self, source: Path) -> Path | None:
        """Notes the file whose tasks these are; or says which other one it is, if that is still there.

        Two files may give their projects the same name, and the same ids to other tasks. A file that was moved
        takes its state along.
        """
        note = self.path / "source"
        with suppress(OSError, ValueError):
            other = Path(note.read_text(encoding="utf-8").rstrip("\n"))
            if other != source and other.is_file() and not (source.is_file() and other.samefile(source)):
                return other
        note.write_text(f"{source}\n", encoding="utf-8")
        return None

    def empty(self) -> None:
        """Removes all but the lock and what a run that starts is printing to, and the workspaces wherever they are.

        Raises:
            OSError: something cannot be removed, since it belongs to another user.
        """
        if self.path.is_dir():
            workspaces.forget_root(self.path)
            for entry in list(self.path.iterdir()):
                if entry != self.lock and not entry.name.startswith(f".{self.output.name}."):
                    remove(entry)

    def remove(self) -> None:
        """Removes all of it. Only to be called with the lock held, by who uses nothing of it any more.

        Raises:
            OSError: something cannot be removed, since it belongs to another user.
        """
        workspaces.forget_root(self.path)
        remove(self.path)

    def log(self, task: str, attempt: int) -> str:
        """The output of one attempt."""
        return f"{self._root}/logs/{task}.{attempt}.log"

    def hook_log(self, step: str, number: int) -> str:
        """The output of one run of a hook."""
        return f"{self._root}/hooks/{step}.{number}.log"

    def task_file(self, task: str, attempt: int) -> str:
        """The task file of one attempt."""
        return f"{self._root}/tasks/{task}.{attempt}.json"

    def prompt_file(self, task: str, attempt: int) -> str:
        """The prompt of one attempt, where an agent makes it."""
        return f"{self._root}/tasks/{task}.{attempt}.md"

    def workspace(self, task: str) -> str:
        """Where a task works, once ``create`` was called: a folder within one that is its own."""
        return f"{self._workspaces}/{task}/{task}"

    def outputs(self, task: str, step: str = "") -> str:
        """Where a task puts what it makes for others; each of its steps has a folder of its own."""
        return f"{self._root}/outputs/{task}" + (f"~{step}" if step else "")  # no id has that character

    def output_files(self, task: str) -> dict[str, str]:
        """By name relative to the outputs, the paths of the files that a task put out, without links."""
        return files_below(self.outputs(task))

    def output_values(self, task: str) -> Outputs:
        """The outputs of a task that may be used as values."""
        with suppress(OSError):
            if found := read_outputs(self.outputs(task)).values:
                return outputs_of(found)
        return ()

    def prepare(self, task: str, attempt: int, document: dict[str, Any], *, folders: bool = True) -> None:
        """Makes an attempt's empty workspace and outputs, and its task file.

        Empty, because that is what a new pod finds: an attempt never sees the remains of the one before. Without
        ``folders`` that is left to the attempt's own process, which knows whether the command is to run at all.
        """
        if folders:
            workspace = self.workspace(task)
            _make_empty(os.path.dirname(workspace))  # noqa: PTH120 - a Path costs as much as the call itself
            os.mkdir(workspace)  # noqa: PTH102
            _make_empty(self.outputs(task))
        data = _JSON.encode(document).encode(errors="replace") + b"\n"
        file = os.open(self.task_file(task, attempt), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            if os.write(file, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.task_file(task, attempt))
        finally:
            os.close(file)


def _make_empty(folder: str) -> None:
    try:
        os.mkdir(folder)  # noqa: PTH102
    except FileExistsError:
        with suppress(PermissionError):  # what belongs to another user is out of the way, under another name
            remove(folder)
        os.mkdir(folder)  # noqa: PTH102
