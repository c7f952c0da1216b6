"""A workspace beyond its checkout: files that are added to it, its setup, and the commands that run in it.

The same for the attempt of a task and for a check of what has landed. Standard library only, to start fast.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.outcome import TransientError
from parallelproject.git.workspace.work_tree import check_workspace
from parallelproject.local.delivery.command import Runner
from parallelproject.local.delivery.result import FAILED, DeliveryResult
from parallelproject.local.delivery.setup import Say, SetupStep
from parallelproject.local.workspace.added_files import add_files

OVERDUE = "DeadlineExceeded"
"""A reason, as in ``model.status``, which would be slow to load."""


class ReadyWorkspace:
    """One workspace that is checked out."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        delivery: Delivery,
        place: Place,
        environment: Mapping[str, str],
        runner: Runner,
        say: Say,
    ) -> None:
        """Describes it.

        Args:
            settings: ``state``, ``grace``, ``sandbox`` and ``workspace``, as ``program.instruction`` has them.
            delivery: Whose workspace it is.
            place: Where it is.
            environment: All of the environment of commands.
            runner: Runs them.
            say: Writes a line to the log.
        """
        self._settings, self._delivery, self._place = settings, delivery, place
        self._environment, self._runner, self._say = environment, runner, say

    def add_files(self) -> None:
        """Copies and links files of the user's checkout.

        Raises:
            TransientError: one cannot be copied.
        """
        asked = self._settings["workspace"]
        if not asked.get("checkout"):
            return
        where = self._place.private, self._place.workspace
        try:
            for line in add_files(Path(asked["checkout"]), asked["copied"], asked["linked"], *where):
                self._say(line)
        except OSError as error:
            raise TransientError("WorkspaceFiles", f"files of the checkout cannot be copied: {error}") from None

    @property
    def needs_setup(self) -> bool:
        """Whether it has a setup."""
        return bool(self._settings["workspace"].get("setup"))

    def set_up(self, deadline: float | None) -> DeliveryResult | None:
        """Runs the setup, or copies what it made before; how that failed, if it did."""
        asked, state = self._settings["workspace"], Path(self._settings["state"])
        step = SetupStep(asked, state, self._delivery, self._place, lambda: self._runner.is_stopping)
        return step.run(self.run, deadline, self._say)

    def run(self, argv: Sequence[str], deadline: float | None) -> DeliveryResult | None:
        """Runs a command in it; how it failed, if it did.

        Args:
            argv: The command.
            deadline: Seconds that it may take.

        Raises:
            PolicyError: the workspace was removed or replaced.
        """
        words = [*self._settings["sandbox"], *argv]
        ended = self._runner.run(words, self._place.workspace, self._environment, deadline, self._settings["grace"])
        check_workspace(self._place.workspace)
        code = 124 if ended.overdue and not ended.code else ended.code
        return DeliveryResult(FAILED, OVERDUE if ended.overdue else "ExitCode", exit_code=code) if code else None
