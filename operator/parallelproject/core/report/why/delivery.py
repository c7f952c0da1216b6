"""What became of a task's work in the repository, in words."""

from parallelproject.core.planner.attempt import Record
from parallelproject.model.status import Reason

BEHIND: dict[str | None, str] = {
    Reason.CONFLICT: "its work does not fit on what has landed since it began; it is kept in the repository",
    Reason.BRANCH_REWRITTEN: (
        "the branch no longer contains the commit that its work is based on: somebody has pushed by force or deleted it"
    ),
    Reason.POLICY: "its work, or what was asked for, may not land; what may be kept of it is in the repository",
    Reason.AUTH_OR_PROTECTED: "the repository refuses us: the credentials are wrong, or the branch is protected",
    Reason.EXHAUSTED: "the branch moved at every try; the work is safe in the repository, and only has to land",
    Reason.TRANSIENT: "the repository could not be reached for long, or the container that lands was cut off",
}
"""What lies behind a failure to land."""
_WITH_LOGS = frozenset({Reason.EXIT_CODE, Reason.POD_FAILED, Reason.GATE_FAILED})
"""Failures whose pod is still there. The Job controller deletes the pods of a Job that it ends."""


def look_of(record: Record) -> str:
    """What there is to look at after a failure: ``logs``, or the ``job`` where its pod is gone."""
    return "logs" if record.reason in BEHIND or record.reason in _WITH_LOGS else "job"


def conflicts(record: Record) -> list[str]:
    """That it was run again after conflicts."""
    if not record.conflicts:
        return []
    return [f"its work did not fit on what had landed {times(record.conflicts)}, and it was run again on that"]


def remarkable(record: Record) -> list[str]:
    """What its work changed that nothing had announced."""
    undeclared, shared, kept = record.notes
    found = []
    if undeclared:
        found.append(f"it changed {_paths(undeclared)} besides the files that it declares")
    if shared:
        found.append(
            f"it changed {_paths(shared)} that other work changed while it ran: that merged, but only declared files "
            "are kept apart"
        )
    if kept:
        pieces = "a piece of work" if kept == 1 else f"{kept} pieces of work"
        found.append(f"it left {pieces} elsewhere than in its files, as on a branch of its own: kept, not landed")
    return found


def times(count: int) -> str:
    """``once``, ``twice``, ``3 times``."""
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def _paths(count: int) -> str:
    return "a path" if count == 1 else f"{count} paths"
