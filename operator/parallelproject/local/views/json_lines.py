"""The view for programs: an event a line, as JSON, and a last line that says how it ended."""

import json
from collections.abc import Sequence
from typing import Any, TextIO

from parallelproject.core.planner.plan import Ledger
from parallelproject.core.report.changes import Event
from parallelproject.core.report.event_document import ENDED, NOTICE, document, line
from parallelproject.local.engine.board import Board
from parallelproject.model.status import TaskState


class JsonView:
    """Writes each event as soon as it is known."""

    def __init__(self, board: Board, out: TextIO) -> None:
        self._board = board
        self._out: TextIO | None = out

    def take(self, project: Board, events: Sequence[Event]) -> None:
        """One line each."""
        now = project.clock.now()
        self._write([document(project.name, event, now) for event in events])

    def say(self, notice: str) -> None:
        """A line of its own."""
        self._write([line(self._board.name, NOTICE, self._board.clock.now(), message=notice)])

    def draw(self) -> None:
        """There is no picture."""

    def close(self) -> None:
        """There is nothing to undo."""

    def ended(self, reason: str, ledger: Ledger, notes: Sequence[str]) -> None:
        """The last line.

        Args:
            reason: Why it ended, as a word.
            ledger: What is known of the tasks.
            notes: What else the end says.
        """
        board, now = self._board, self._board.clock.now()
        counts = {"total": len(board.graph.ids)} | {s.value.lower(): board.states[s] for s in TaskState}
        figures = board.metrics(ledger)
        self._write([line(board.name, ENDED, now, reason=reason, counts=counts, metrics=figures, notes=list(notes))])

    def _write(self, lines: Sequence[dict[str, Any]]) -> None:
        if not (self._out and lines):
            return
        try:
            self._out.write("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines))
            self._out.flush()
        except (OSError, ValueError):
            self._out = None  # nobody reads any more: the run continues all the same
