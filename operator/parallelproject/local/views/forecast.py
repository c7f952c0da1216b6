"""When a run will end, thought over as seldom as it takes for that to cost next to nothing."""

import time

from parallelproject.core.planner.plan import Plan
from parallelproject.core.report.attention import waits_only_for_people
from parallelproject.core.report.eta import seconds_left
from parallelproject.local.engine.board import Board

_SPACING = 1.0
"""Least seconds between two forecasts."""
_SHARE = 100
"""A forecast that takes longer than a hundredth of that has the next one come later by as much."""


class Forecast:
    """Of one run. Between two forecasts the end stays where it was, so that the time left counts down."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._plan: Plan | None = None
        self._ends_at: float | None = None
        self._next = 0.0

    def ends_at(self) -> float | None:
        """When it is expected to end, by the clock of the board; None where nobody can know."""
        board, plan, began = self._board, self._board.plan, time.monotonic()
        if board.interrupted or plan is None or waits_only_for_people(plan):
            return None
        now = board.clock.now()
        is_past = self._ends_at is not None and self._ends_at < now
        if (plan is self._plan and not is_past) or began < self._next:
            return self._ends_at
        running = {task: running.started for task, running in board.running.items()}
        left = seconds_left(board.graph, board.spec, plan, running, now)
        self._plan, self._ends_at = plan, None if left is None else now + left
        ended = time.monotonic()
        self._next = ended + max(_SPACING, _SHARE * (ended - began))
        return self._ends_at
