"""The view for other processes: the same status document as the operator writes, in the state directory.

Every view and ``pproj why`` works on it. It is written at most once a second, and less often where that takes long, so
that it costs a run next to nothing.
"""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.plan import plan
from parallelproject.core.report.changes import Event
from parallelproject.core.report.status import render_status
from parallelproject.core.times import iso
from parallelproject.local.engine.board import Board
from parallelproject.local.state.document import Document
from parallelproject.model.names import API_VERSION, KIND

SPACING_SECONDS = 1.0
"""Least time between two writes."""
_SHARE = 50
"""A write that takes longer than a fiftieth of that has the next one come later by as much."""
COMMAND = "parallelproject.io/command"
"""The annotation that says by which command line the run was started."""
SKIPPED = "parallelproject.io/skipped-by-options"
"""The annotation with the tasks that only this session skips, by its options, as a list in JSON."""
REQUESTS = "parallelproject.io/requests"
"""The annotation that says how many requests (``local.state.requests``) are counted in the generation."""


class StatusFile:
    """Keeps it up to date while it runs. A disk that is full costs the document, not the run."""

    def __init__(self, board: Board, document: Document, session: int) -> None:
        """Prepares it; ``begin`` writes the first one.

        Args:
            board: The run.
            document: Where it is written.
            session: The number of the session: the file of tasks may have changed since the last.
        """
        self._board = board
        self._document = document
        self._session = session
        self._status: dict[str, Any] = {}
        self._changed = False
        self._next_write = 0.0

    @property
    def _generation(self) -> int:
        """Another number for each session and for each request: a reader knows what the run has seen."""
        return self._session + self._board.requests

    def begin(self, uid: str, created: float, command: str, skipped: Sequence[str] = ()) -> None:
        """Writes the project as it runs now, and its state.

        Args:
            uid: What distinguishes this run from one that was forgotten.
            created: When it was first started, in seconds since the epoch.
            command: By which command line.
            skipped: The tasks that only this session skips.
        """
        board = self._board
        metadata = {
            "name": board.name,
            "uid": uid,
            "generation": self._generation,
            "creationTimestamp": iso(int(created)),
            "annotations": {COMMAND: command, REQUESTS: str(board.requests), SKIPPED: json.dumps(list(skipped))},
        }
        spec = board.spec.model_dump(by_alias=True, exclude_defaults=True, mode="json")
        self._status = self._document.read_status()
        with suppress(OSError):
            self._document.write_project({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec})
        self._write()

    def take(self, project: Board, events: Sequence[Event]) -> None:
        """Something is different."""
        self._changed = True

    def say(self, notice: str) -> None:
        """A status has no place for it."""

    def draw(self) -> float | None:
        """Writes if it is time; returns the seconds until then."""
        if not self._changed or self._board.interrupted:
            return None
        left = self._next_write - time.monotonic()
        if left > 0:
            return left
        self._write()
        return None

    def close(self) -> None:
        """Writes how the session has ended: what an interruption has stopped is not over, and waits."""
        self._write()

    def _write(self) -> None:
        began = time.monotonic()
        board, last = self._board, self._board.plan
        if last is None:
            return
        self._changed = False
        now = board.clock.now()
        # The engine's last plan knows neither of what it has launched itself, nor that an interruption is not the end.
        ledger = replace(last.ledger, completion_time=None) if board.interrupted else last.ledger
        running = {
            task: (Attempt(found.number, Phase.ACTIVE, running=True, started=found.started),)
            for task, found in board.running.items()
        }
        decided = plan(board.graph, board.planned_spec, ledger, running, now)
        self._status = render_status(
            board.graph,
            board.spec,
            decided,
            self._status,
            self._generation,
            now,
            verified=board.verified,
            name=board.name,
            hooks=board.hooks,
        )
        self._status["metrics"] = board.metrics(decided.ledger)
        with suppress(OSError):
            self._document.write_status({key: value for key, value in self._status.items() if value is not None})
        ended = time.monotonic()
        self._next_write = ended + max(SPACING_SECONDS, _SHARE * (ended - began))
