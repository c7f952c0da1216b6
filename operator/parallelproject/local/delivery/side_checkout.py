"""A checkout of which nothing lands: a run of a check or of a hook makes it, runs one command in it, and removes it.

Such a run changes nothing in the repository, so its process may be killed at any moment. Standard library only, to
start fast.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parallelproject.folder_removal import try_to_remove
from parallelproject.git.plumbing.delivery import Place
from parallelproject.local.delivery.command import Runner
from parallelproject.local.delivery.program import delivery_of
from parallelproject.local.delivery.ready_workspace import ReadyWorkspace
from parallelproject.local.state.workspaces import make_around, root_of


class SideCheckout:
    """One of them, in its own process."""

    def __init__(self, settings: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        """Describes it.

        Args:
            settings: The fields of ``instruction``.
            environment: All of the environment of its commands.
        """
        os.environ["PATH"] = settings["path"]
        self.delivery = delivery_of(settings["delivery"])
        self.place = Place(Path(settings["folder"]), Path(settings["private"]))
        self.runner = Runner()
        self.workspace = ReadyWorkspace(settings, self.delivery, self.place, environment, self.runner, say)

    def make_room(self) -> None:
        """Removes what a run of the same number has left that was killed, and makes the folder around the checkout."""
        self.clear()
        make_around(self.place.workspace)

    def clear(self) -> None:
        """Removes it."""
        for folder in (self.place.workspace.parent, self.place.private):
            if kept := try_to_remove(folder):
                say(f"cannot remove {kept}")


def say(line: str) -> None:
    """Writes a line to the log of the run."""
    print(f"pproj: {line}", flush=True)  # noqa: T201


def folder_of(state: Path, name: str, step: str) -> Path:
    """The folder of a checkout.

    Args:
        state: The state directory.
        name: Of the run; no id of a task starts with its ``~``.
        step: The check or the hook.
    """
    return root_of(state) / name / step


def instruction(
    state: Path,
    name: str,
    folder: Path,
    task: str,
    common: Mapping[str, Any],
    settings: Mapping[str, Any],
    argv: Sequence[str],
    sandbox: Sequence[str],
    grace: float,
) -> dict[str, Any]:
    """What the process of a run is given.

    Args:
        state: The state directory.
        name: Of the run.
        folder: See ``folder_of``.
        task: In the place of a task's id; no ref has it, since nothing is pushed.
        common: The fields of a delivery that all attempts share.
        settings: Those of workspaces.
        argv: The command.
        sandbox: The words before it, and before the setup, by which they run in a sandbox.
        grace: Seconds that it has after it was asked to end.
    """
    return {
        "state": str(state),
        "delivery": {**common, "task": task},
        # No task may start from its commit, so that its setup fails says nothing of theirs.
        "workspace": {**settings, "reports_failure": False},
        "sandbox": list(sandbox),
        "argv": list(argv),
        "grace": grace,
        "path": os.environ.get("PATH", os.defpath),
        "folder": str(folder),
        "private": str(state / "git" / name),
    }
