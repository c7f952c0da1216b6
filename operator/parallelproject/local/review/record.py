"""The record of the feedback on a run's pull request, and what its tasks get of it."""

import json
from collections.abc import Callable
from pathlib import Path

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.review.state import FeedbackRepair, FeedbackState
from parallelproject.executors.base.task_file import review_feedback
from parallelproject.local.delivery.attempts import end_of_file
from parallelproject.local.delivery.target import LandingTarget
from parallelproject.local.errors import RunError
from parallelproject.local.review.branch import ReviewedBranch
from parallelproject.local.state.directory import REVIEW, StateDirectory
from parallelproject.whole_file import write_whole

_STATE = "state.json"


class LocalFeedback:
    """The feedback on one run's work. Only who holds the lock of the state writes it."""

    def __init__(self, directory: StateDirectory) -> None:
        """Reads what is recorded.

        Raises:
            RunError: the record cannot be read.
        """
        self._directory = directory
        self._file = directory.path / REVIEW / _STATE
        try:
            self.state = FeedbackState.from_json(json.loads(self._file.read_bytes()))
        except FileNotFoundError:
            self.state = FeedbackState()
        except ValueError as error:
            raise RunError(f"{self._file} cannot be read: {error}", "--fresh starts over") from None

    def write(self, state: FeedbackState) -> None:
        """Records another state.

        Raises:
            OSError: it cannot be written; nothing has changed.
        """
        if state == self.state:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._file, json.dumps(state.to_json()), is_synced=True)
        self.state = state

    def graph(self, graph: CompiledGraph) -> CompiledGraph:
        """The graph in which tasks run again because of feedback."""
        return graph.with_reruns(self.state.floors)

    def begin(self, target: LandingTarget, say: Callable[[str], None]) -> None:
        """Has the branch contain what the tasks work on top of: what people have pushed, and what it conflicts with.

        Raises:
            RunError: the branch cannot be moved.
        """
        branch = ReviewedBranch(target)
        for incoming in self.state.incoming:
            if branch.bring_in(incoming.commit, incoming.name, conflicts=bool(incoming.paths)):
                say(f"{incoming.name} is merged into {target.branch}")

    def feedback(self, task: str, number: int, repair: FeedbackRepair, show: str, failed: str | None) -> str:
        """The file that says to a task what to act on.

        Args:
            task: Its id.
            number: Of the attempt before.
            repair: The repair.
            show: A command that shows the landed work; may be empty.
            failed: The file that says why the attempt before failed to act on it, if one did.

        Raises:
            OSError: it cannot be written.
        """
        file = self._directory.path / "tasks" / f"{task}.{number}.review.feedback"
        text = review_feedback([finding.text for finding in repair.findings], show)
        if failed:
            text += f"\nAttempt {number} was to act on it and failed:\n\n{end_of_file(Path(failed))}"
        try:
            found = text.encode(errors="surrogateescape")  # a path has the bytes that it has on the disk
        except UnicodeEncodeError:
            found = text.encode(errors="replace")
        file.write_bytes(found)
        return str(file)
