"""The view for terminals: one picture, redrawn in place, that always fits the window."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.segment import Segment, Segments
from rich.text import Text

from parallelproject.core.times import duration
from parallelproject.model.status import Reason, TaskState
from parallelproject.run.board import Board, Event, Running, What
from parallelproject.run.plain import cause, sentence
from parallelproject.run.tail import last_line

FRAME = 0.1
"""Least seconds between two pictures."""
PULSE = 0.5
"""Seconds after which times and log lines are brought up to date even if nothing has happened."""
_RECENT = 200
_BAR = 24

_LOOKS = {
    What.SUCCEEDED: ("✓", "green"),
    What.FAILED: ("✗", "red"),
    What.STOPPED: ("■", "yellow"),
    What.SKIPPED: ("-", "dim"),
}
_WAITS = {
    Reason.WAITING_FOR_DEPENDENCIES: "for dependencies",
    Reason.WAITING_FOR_LEVEL: "for their level",
    Reason.WAITING_FOR_SLOT: "for a slot",
    Reason.WAITING_FOR_FILES: "for files that others write",
    Reason.WAITING_FOR_ROLE: "for their role",
    Reason.BACKOFF: "to be tried again",
    Reason.SUSPENDED: "because it is suspended",
    Reason.STARTING: "about to start",
}


class LiveView:
    """The header, what is at work, what has lately ended, and what waits for what."""

    def __init__(self, board: Board, out: TextIO, *, no_color: bool = False) -> None:
        self._board = board
        self._console = Console(file=out, no_color=no_color or None, highlight=False, force_terminal=True)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False,
            redirect_stderr=False, vertical_overflow="crop",
        )  # fmt: skip
        self._recent: deque[Event] = deque(maxlen=_RECENT)
        self._size = self._console.size
        self._changed = True
        self._drawn_at = -PULSE
        self._broken = False
        self._live.start()

    def happened(self, events: Sequence[Event]) -> None:
        """Keeps what has ended, to be shown."""
        self._recent.extend(event for event in events if event.what is not What.STARTED)
        self._changed |= bool(events)

    def say(self, notice: str) -> None:
        """The notice is on the board."""
        self._changed = True

    def draw(self) -> float | None:
        """Draws the picture if it is time."""
        if self._broken:
            return None
        due = self._drawn_at + (FRAME if self._changed or self._console.size != self._size else PULSE)
        if time.monotonic() < due:
            return due - time.monotonic()
        self._draw()
        return PULSE

    def close(self) -> None:
        """Takes the picture away."""
        try:
            self._live.stop()
        except (OSError, ValueError):
            self._broken = True

    def _draw(self) -> None:
        self._changed = False
        self._drawn_at = time.monotonic()
        try:
            if self._console.size != self._size:
                # The terminal has moved our lines about; where they are is not known any more.
                self._size = self._console.size
                self._console.control(*Console().control.__defaults__ or ())
            self._live.update(Text("\n").join(self._picture()), refresh=True)
        except (OSError, ValueError):
            self._broken = True  # the terminal is gone: the run goes on all the same
