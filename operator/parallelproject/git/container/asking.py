"""The verdict on a command that is no agent: its exit code, unless it asks a person."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from parallelproject.agents.attempt_files import question_in
from parallelproject.agents.record import one_line
from parallelproject.git.container.short_text import QUESTION_BYTES, short
from parallelproject.model.names import ASKING_CODES


class EndVerdict(Protocol):
    """What is said of an attempt before its work lands."""

    exit_code: int
    """0 where its work may land."""
    reason: str
    """Why it has failed; empty where its work may land."""

    def note_no_change(self) -> None:
        """Notes that its work has changed nothing."""

    def note_stop(self) -> None:
        """Notes that the pod was being stopped."""

    @property
    def message(self) -> str:
        """One line for people."""

    @property
    def question(self) -> str:
        """What it asks a person; empty if it does not."""

    def result(self) -> Mapping[str, Any]:
        """What the operator gets of it."""


class CommandVerdict:
    """A command that asks a person: its work is kept, and does not land."""

    def __init__(self, question: str, exit_code: int) -> None:
        self.question = question
        self.exit_code = exit_code or 1
        self.reason = "NeedsInput"
        self.message = f"NeedsInput: {one_line(question)}"

    @classmethod
    def of(cls, outputs: Path | None, exit_code: int) -> Self | None:
        """The verdict on a command that has ended; None: it asks nothing, and its exit code is the verdict.

        Args:
            outputs: The folder of its outputs; None: it is not known.
            exit_code: Of the command.
        """
        question = question_in(outputs) if outputs and exit_code in ASKING_CODES else None
        return None if question is None else cls(question, exit_code)

    def note_no_change(self) -> None:
        """Says nothing: what asks does not land."""

    def note_stop(self) -> None:
        """Changes nothing: the command has ended by itself."""

    def result(self) -> Mapping[str, Any]:
        """As that of an agent's verdict."""
        question = short(self.question, QUESTION_BYTES)
        return {"outcome": "NeedsInput", "reason": "NeedsInput", "exit_code": self.exit_code, "question": question}
