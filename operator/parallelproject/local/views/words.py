"""How attempts have ended, in words."""

from parallelproject.core.planner.attempt import NEW
from parallelproject.core.report.changes import Event, What
from parallelproject.core.report.step_words import rejection_words
from parallelproject.core.times import duration
from parallelproject.local.engine.board import Board
from parallelproject.model.names import EX_TEMPFAIL
from parallelproject.model.status import Reason

_SOON = 0.1
"""Seconds that are not worth to be named."""


def cause(reason: str | None, exit_code: int | None) -> str:
    """Why an attempt failed; reasons are called as in the status and in the docs."""
    if reason == Reason.EXIT_CODE:
        return f"exit code {exit_code}" + (": later, costs no attempt" if exit_code == EX_TEMPFAIL else "")
    if reason == Reason.GATE_FAILED:
        return f"the check failed with exit code {exit_code}"
    return reason or "unknown"


def step_passed(event: Event) -> str:
    """That a step has passed, and what follows."""
    return f"{event.step} passed" if event.step else "done, and held for the next step"


def step_rejected(event: Event, board: Board) -> str:
    """That a gate has rejected the work, and what follows."""
    record = board.plan.ledger.records.get(event.task, NEW) if board.plan else NEW
    took = f" after {duration(event.took)}" if event.took is not None else ""
    words = rejection_words(board.graph, board.graph.index[event.task], record, took)
    return words or f"{event.step} rejected it{took}"


def at_step(step: str) -> str:
    """The step of an attempt, in front of what is said of it; empty for the task's own work."""
    return f"{step}  " if step else ""


def follow_up(event: Event, board: Board) -> str:
    """What comes after an attempt that failed."""
    if event.again_in is None:
        return "the run is being stopped" if board.interrupted else "no attempts left"
    attempt = f"attempt {event.number + 1}"
    if event.reason == Reason.CONFLICT:
        return f"{attempt} starts from what has landed"
    return f"{attempt} follows" if event.again_in < _SOON else f"{attempt} in {duration(event.again_in)}"


def has_not_started(event: Event) -> bool:
    """Whether a task has failed for lack of an output that it takes: no other event says so."""
    return event.what is What.TASK_FAILED and event.reason == Reason.OUTPUT_MISSING


def landed(event: Event) -> str:
    """What became of the work of an attempt that succeeded; empty without a repository."""
    if event.commit:
        return f"landed as {event.commit}"
    return "changed nothing" if event.changed_nothing else ""
