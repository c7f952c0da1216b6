"""The view for terminals: one picture, redrawn in place.

rich styles the lines; they are placed by ourselves, because its own live display loses count of them when the
window is resized. The cursor stays visible and the main screen is used, so that a run that is killed leaves
the terminal usable.
"""

import time
from collections import deque
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from parallelproject.core.report.changes import Event, What
from parallelproject.local.engine.board import Board
from parallelproject.local.views.forecast import Forecast
from parallelproject.local.views.needs import is_question
from parallelproject.local.views.picture import Scene, picture
from parallelproject.local.views.plain import SHOWN
from parallelproject.local.views.window import window
from parallelproject.local.views.words import has_not_started

FRAME = 0.1
"""Least seconds between two pictures."""
_SHARE = 40
"""A picture that takes longer than a fortieth of that has the next one come later by as much: on a machine that is busy
with tasks, showing them must not cost them time."""
PULSE = 0.5
"""Seconds after which times and log lines are brought up to date even if nothing has happened."""
_RECENT = 50

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"  # synchronized output: the terminal shows all of it at once
_TO_LINE_END, _TO_SCREEN_END = "\x1b[K", "\x1b[J"


class LiveView:
    """The header, what failed for good, what is running, what has lately ended, and what waits for what."""

    def __init__(self, board: Board, out: TextIO, *, no_color: bool = False) -> None:
        self._board = board
        self._out: TextIO | None = out
        self._console = Console(file=out, no_color=no_color or None, highlight=False)
        self._recent: deque[Event] = deque(maxlen=_RECENT)
        self._failures: dict[str, Event] = {}
        """By task that failed for good, its last attempt: these stay in sight."""
        self._forecast = Forecast(board)
        self._shown: list[int] = []
        """By line of the picture on the screen, its length in cells."""
        self._size = self._window()
        self._changed = True
        self._drawn_at = -PULSE
        self._spacing = 0.0

    def take(self, project: Board, events: Sequence[Event]) -> None:
        """Keeps what has ended, to be shown."""
        for event in events:
            if event.what is What.STARTED:
                self._failures.pop(event.task, None)
            elif is_question(event, project):
                continue  # it stays in sight as what waits for a person
            elif event.what is What.FAILED and event.again_in is None:
                self._failures[event.task] = event
                kept = [each for each in self._recent if each.task != event.task]
                self._recent = deque(kept, maxlen=_RECENT)
            elif event.what in SHOWN or event.what is What.HOOK_FAILED or has_not_started(event):
                self._recent.append(event)
        self._changed |= bool(events)

    def say(self, notice: str) -> None:
        """Shows the notice, which is on the board, soon."""
        self._changed = True

    def draw(self) -> float | None:
        """Draws the picture if it is time."""
        if self._out is None:
            return None
        resized = self._window() != self._size
        due = self._drawn_at + max(self._spacing, FRAME if self._changed or resized else PULSE)
        left = due - time.monotonic()
        if left > 0:
            return left
        self._changed = False
        self._drawn_at = time.monotonic()
        self._size = self._window()
        width, height = self._size
        scene = Scene(self._board, self._recent, self._failures, self._forecast.ends_at())
        self._place(picture(scene, width - 1, height - 1))
        self._spacing = _SHARE * (time.monotonic() - self._drawn_at)
        return PULSE

    def close(self) -> None:
        """Takes the picture away."""
        self._place([])

    def _window(self) -> tuple[int, int]:
        """Columns and lines, asked again each time."""
        columns, lines = window(self._out) or (80, 24)
        return max(20, columns), max(4, lines)

    def _place(self, lines: Sequence[Text]) -> None:
        """Puts lines where the last ones are."""
        if self._out is None:
            return
        width, height = self._size
        # Lines that are longer than a window that has become narrower take more than one row now.
        rows = sum(max(1, -(-cells // width)) for cells in self._shown)
        text = [_BEGIN, "\r", f"\x1b[{min(rows, height)}A" if rows else ""]
        for line in lines:
            text += [self._styled(line), _TO_LINE_END, "\n"]
        text += [_TO_SCREEN_END, _END]
        self._shown = [line.cell_len for line in lines]
        try:
            self._out.write("".join(text))
            self._out.flush()
        except (OSError, ValueError):
            self._out = None  # the terminal is gone: the run continues all the same

    def _styled(self, line: Text) -> str:
        with self._console.capture() as captured:
            self._console.print(line, end="", soft_wrap=True)
        return captured.get()
