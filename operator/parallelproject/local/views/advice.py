"""What the end of a run says of settings that would have helped, with the figure; nothing where none would."""

from parallelproject.core.planner.plan import Ledger
from parallelproject.core.report.advice import could_have_run, saved_by_graph
from parallelproject.core.times import duration
from parallelproject.local.engine.board import Board


def advice(board: Board, ledger: Ledger) -> list[str]:
    """A line for each setting that would have helped."""
    lines = []
    skipped = could_have_run(board.spec, board.plan) if board.plan else 0
    if skipped:
        tasks = "1 skipped task depends" if skipped == 1 else f"{skipped} skipped tasks depend"
        lines.append(f"hint: {tasks} on no failed task; --keep-going would have run {'it' if skipped == 1 else 'them'}")
    saved = saved_by_graph(board.graph, board.spec, ledger)
    if saved:
        lines.append(f"hint: --scheduling Graph would have saved about {duration(saved)}, by the times of this run")
    return lines
