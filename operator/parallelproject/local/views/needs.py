"""What a run waits for a person for, as its views show it."""

from dataclasses import replace

from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.attention import PersonNeed, need_of_verification, needs_of_plan
from parallelproject.core.report.changes import Event
from parallelproject.local.engine.board import Board
from parallelproject.model.status import Reason, TaskState


def needs_now(board: Board) -> list[PersonNeed]:
    """What waits now, while the run is running."""
    return [*_of_verification(board), *(needs_of_plan(board.graph, board.plan) if board.plan else [])]


def needs_at_end(board: Board, ledger: Ledger) -> list[PersonNeed]:
    """What waits when the session has ended: an interruption has stopped it, and people can act meanwhile."""
    if not board.interrupted:
        return needs_now(board)
    decided = plan(board.graph, board.planned_spec, replace(ledger, completion_time=None), {}, board.clock.now())
    return [*_of_verification(board), *needs_of_plan(board.graph, decided)]


def _of_verification(board: Board) -> list[PersonNeed]:
    broken = need_of_verification(board.verified)
    return [broken] if broken else []


def command_for(need: PersonNeed, board: Board) -> str:
    """The command line that does what is needed."""
    return need.command(board.name, board.place)


def is_question(event: Event, board: Board) -> bool:
    """Whether the attempt of an event has not failed, but asks a person."""
    if event.reason != Reason.NEEDS_INPUT or board.plan is None:
        return False
    return board.plan.states[board.graph.index[event.task]] is TaskState.PENDING
