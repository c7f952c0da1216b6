"""Attempts that ended with a question to a person: how they count, and what their successors read."""

from contextlib import suppress
from pathlib import Path

from parallelproject.executors.base.answers import answers_feedback, answers_to
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.questions import question_of, take_question
from parallelproject.local.state.store import FAILED, STOPPED, SUCCEEDED, AttemptRow
from parallelproject.model.names import EX_TEMPFAIL
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason


class AskedQuestions:
    """The questions of the attempts of one run."""

    def __init__(self, directory: StateDirectory, *, are_taken_before: bool) -> None:
        """Describes them.

        Args:
            directory: The state.
            are_taken_before: Whether an attempt's own process keeps its question, before its work would land.
        """
        self._directory = directory
        self._are_taken_before = are_taken_before
        self._unwritten: dict[tuple[str, int], str] = {}  # questions that could not be written

    def reported(self, row: AttemptRow, *, is_last: bool = True) -> AttemptRow:
        """How an attempt ended, where it asks.

        Args:
            row: The attempt, as its agent reports its end.
            is_last: Whether no other attempt of its task has started since: the outputs are its own.
        """
        if self._are_taken_before or not _may_ask(row):
            return row
        task, number = row.key.task, row.key.attempt
        found = question_of(self._directory.path, task, number)
        if found is None and is_last:
            found = self._taken(task, number)
        if found is None:
            return row
        return row._replace(phase=FAILED, reason=Reason.NEEDS_INPUT.value, exit_code=row.exit_code or 1)

    def text(self, row: AttemptRow) -> str:
        """What an attempt asks; empty if it does not, or wrote nothing into its file."""
        if row.phase != FAILED or row.reason != Reason.NEEDS_INPUT:
            return ""
        key = (row.key.task, row.key.attempt)
        return self._unwritten.get(key) or question_of(self._directory.path, *key) or ""

    def feedback(
        self, spec: Spec, task: str, number: int, before: str | None, after: int = 0, kept: str = ""
    ) -> str | None:
        """The file with all that an attempt is to read of those before; None: nothing.

        Args:
            spec: The spec, with the answers.
            task: The task.
            number: Of the attempt.
            before: The file that says how the attempt before ended, if any.
            after: Only answers to attempts with a number higher than this: the attempt knows the others.
            kept: Where the work of the attempt before is kept, in words.

        Raises:
            OSError: it cannot be written.
        """
        given = answers_feedback(answers_to(spec, task, after, number))
        if not given:
            return before
        if before and Path(before).parent == self._directory.path / "logs":  # of a command; it may be long
            said = "\n".join(filter(None, (f"The output of the attempt before is in {before}", kept))) + "\n"
        else:
            said = Path(before).read_text(encoding="utf-8", errors="replace") if before else ""
        file = self._directory.path / "tasks" / f"{task}.{number}.answers"
        file.write_text(f"{said}\n{given}" if said else given, errors="replace", encoding="utf-8")
        return str(file)

    def _taken(self, task: str, number: int) -> str | None:
        outputs = Path(self._directory.outputs(task))
        try:
            return take_question(self._directory.path, task, number, outputs)
        except OSError:  # the disk is full: this session knows it all the same
            from parallelproject.agents.attempt_files import question_in

            found = None
            with suppress(OSError):
                found = question_in(outputs)
            if found is not None:
                self._unwritten[task, number] = found
            return found


def _may_ask(row: AttemptRow) -> bool:
    if row.phase == SUCCEEDED:
        return True
    if row.exit_code == EX_TEMPFAIL:  # a stop has its own reason; the command has ended by itself all the same
        return row.phase == STOPPED or (row.phase == FAILED and row.reason == Reason.EXIT_CODE)
    return row.phase == FAILED and row.reason == Reason.NEEDS_INPUT
