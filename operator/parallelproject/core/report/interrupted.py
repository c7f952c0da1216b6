"""The status of an interrupted local run: no process of it runs, and it has not ended. Pure.

The interrupted process could not record that. The reader of the document knows it, and shows it.
"""

from collections.abc import Mapping
from typing import Any

from parallelproject.core.report.status import condition
from parallelproject.model.status import PEOPLE_REASONS, ConditionType, Reason, TaskState

Json = dict[str, Any]

INTERRUPTED = "Interrupted"
"""Reason of such a run, and of its unfinished tasks."""
_EXHAUSTED = ConditionType.BUDGET_EXHAUSTED.value
_NOT_OVER = (INTERRUPTED, Reason.SUSPENDED.value, _EXHAUSTED)
_PENDING, _RUNNING = TaskState.PENDING.value, TaskState.RUNNING.value


def is_open(status: Mapping[str, Any]) -> bool:
    """Whether a status says that its project has not ended."""
    return condition(status, ConditionType.COMPLETED).get("status") == "False"


def is_interrupted(status: Mapping[str, Any]) -> bool:
    """Whether a status is a result of ``interrupted``."""
    found = condition(status, ConditionType.COMPLETED)
    return found.get("status") == "True" and found.get("reason") in _NOT_OVER


def interrupted(status: Mapping[str, Any], resume_command: str) -> Json:
    """The status of a run whose processes have ended: running tasks wait, and the project has ended for now.

    Args:
        status: The last written status.
        resume_command: The command that resumes the run; empty if it is not known.
    """
    is_suspended = condition(status, ConditionType.SUSPENDED).get("status") == "True"
    exhausted = condition(status, _EXHAUSTED)
    is_exhausted = exhausted.get("status") == "True"
    reason = Reason.SUSPENDED.value if is_suspended else _EXHAUSTED if is_exhausted else INTERRUPTED
    done = f"{status.get('progress')} tasks succeeded; nothing runs"
    message = f"{done} ({resume_command} resumes it)" if resume_command else done
    if is_exhausted:
        message = str(exhausted.get("message"))
    verdicts = {ConditionType.COMPLETED: "True", ConditionType.SUCCEEDED: "False", ConditionType.READY: "False"}
    conditions = [
        {**entry, "status": verdicts[entry["type"]], "reason": reason, "message": message}
        if entry.get("type") in verdicts
        else entry
        for entry in status.get("conditions") or ()
    ]
    counts = dict(status.get("counts") or {})
    running = counts.get("running", 0)
    counts |= {"running": 0, "pending": counts.get("pending", 0) + running}
    levels = [{**level, "running": 0} for level in status.get("levels") or ()]
    rows = status.get("tasks") or ()
    if not is_exhausted:  # then nothing was running, and the reasons stay
        rows = [_waiting(row, reason) for row in rows]
    return {**status, "conditions": conditions, "counts": counts, "levels": levels, "tasks": rows}


def _waiting(row: Json, reason: str) -> Json:
    if row.get("state") not in (_PENDING, _RUNNING):
        return row
    if row["state"] == _PENDING and row.get("reason") in PEOPLE_REASONS:
        return row  # a person can do that now
    kept = {key: value for key, value in row.items() if key != "startTime" or row["state"] == _PENDING}
    return kept | {"state": _PENDING, "reason": reason}
