"""What happened to a task's work in the repository, as text."""

from parallelproject.core.planner.attempt import Record
from parallelproject.model.status import AGENT_REASONS, Reason

BEHIND: dict[str | None, str] = {
    Reason.CONFLICT: "its work conflicts with work that landed since it started; it is kept in the repository",
    Reason.BRANCH_REWRITTEN: (
        "the branch no longer contains the commit that its work is based on: it was force-pushed or deleted, "
        "or the ref that held its work between two steps was removed"
    ),
    Reason.POLICY: "its work, or the request, is not allowed to land; the allowed part of it is kept in the repository",
    Reason.AUTH_OR_PROTECTED: "the repository refused the push: the credentials are wrong, or the branch is protected",
    Reason.EXHAUSTED: "the branch moved at every try; the work is kept in the repository, and only has to land",
    Reason.TRANSIENT: "the repository could not be reached for a long time, or the container git was interrupted",
}
"""What lies behind a failure to land."""
_WITH_LOGS = frozenset({Reason.EXIT_CODE, Reason.POD_FAILED, Reason.GATE_FAILED})
"""Failures whose pod is still there. The Job controller deletes the pods of a Job that it ends."""


def look_of(record: Record) -> str:
    """What there is to look at after a failure: ``logs``, or the ``job`` where its pod is gone."""
    return "logs" if record.reason in BEHIND or record.reason in _WITH_LOGS | AGENT_REASONS else "job"


def conflicts(record: Record) -> list[str]:
    """States that it was rerun after conflicts."""
    if not record.conflicts:
        return []
    return [f"its work was in conflict {times(record.conflicts)}, and it was rerun on the new state of the branch"]


def remarkable(record: Record) -> list[str]:
    """States what its work changed without declaring it."""
    undeclared, shared, kept = record.notes
    found = []
    if undeclared:
        found.append(f"it changed {_paths(undeclared)} that it does not declare in files")
    if shared:
        found.append(
            f"it changed {_paths(shared)} that another task also changed while it ran: that merged, but only "
            "declared files are kept apart"
        )
    if kept:
        pieces = "a piece of work" if kept == 1 else f"{kept} pieces of work"
        found.append(f"it left {pieces} outside of its files, such as on another branch: kept, not landed")
    return found


def times(count: int) -> str:
    """``once``, ``twice``, ``3 times``."""
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def _paths(count: int) -> str:
    return "a path" if count == 1 else f"{count} paths"
