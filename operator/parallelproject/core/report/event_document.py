"""An event as an object for programs, as ``pproj run -o json`` prints one a line. Pure."""

from datetime import UTC, datetime
from typing import Any

from parallelproject.core.report.changes import Event, What
from parallelproject.core.report.event_words import message

FIELDS: dict[str, str] = {
    "time": "When it was observed: RFC 3339 with milliseconds, in UTC.",
    "project": "Name of the project.",
    "event": "What happened; see below.",
    "task": "Id of the task, if the event is about one.",
    "attempt": "Number of the attempt, from 1. Of a hook: number of its run for this level or group.",
    "step": "The step that the attempt was at; absent for the task's own work.",
    "level": "Number of the level, from 0.",
    "group": "Name of the group.",
    "hook": "Kind of the hook: `beforeLevel`, `afterLevel`, `beforeGroup` or `afterGroup`.",
    "phase": "Phase of the group: `PreExecution`, `Execution`, `Coordination`, `Validation` or `Done`.",
    "reason": "Why, as a word for programs: `ExitCode`, `DeadlineExceeded`, `GateFailed`, `DependencyFailed`, …",
    "exitCode": "Exit code of a failed attempt.",
    "seconds": "How long an attempt took.",
    "retryInSeconds": "After a failure: when the next attempt starts; absent if no attempt follows.",
    "commit": "Short name of the commit that the work landed as.",
    "changedNothing": "`true` where an attempt succeeded and left nothing to land.",
    "amount": "Of a level: its tasks that succeeded. Of work: paths, or pieces of work.",
    "total": "Of a level: its tasks.",
    "notes": "What else an attempt left, and where that is kept: a list of sentences.",
    "log": "File with the output of the attempt or of the hook.",
    "message": "A sentence for people.",
    "counts": "Of `Ended`: `total`, `pending`, `running`, `succeeded`, `failed` and `skipped` tasks.",
    "metrics": "Of `Ended`: the figures, as in `status.metrics`.",
}
"""By field, its meaning. One that is empty or not known is absent; others may be added."""

NOTICE, ENDED = "Notice", "Ended"
"""Events that only a run has: a line about the run as a whole, and the last line."""

MEANINGS: dict[str, str] = {
    What.FOUND: "The run starts or resumes. Nothing has happened yet.",
    What.STARTED: "An attempt started.",
    What.SUCCEEDED: "An attempt succeeded; with a repository its work has landed.",
    What.FAILED: "An attempt failed. Another one may follow: see `retryInSeconds`.",
    What.STOPPED: "The run stopped an attempt; this is not a failure of its task.",
    What.STEP_PASSED: "The work of a step is held, or a gate has accepted it. The next step follows.",
    What.STEP_REJECTED: "A gate has rejected the work of a task. The step that made it runs again, or the task fails.",
    What.LANDED: "The work of a task is a commit on the branch.",
    What.TASK_FAILED: "A task failed for good.",
    What.SKIPPED: "A task does not run.",
    What.NEEDS_APPROVAL: "A person has to approve a task before it starts.",
    What.NEEDS_INPUT: "An attempt ended with a question to a person. `message` has its first lines.",
    What.CHANGED: "A task is in another state, and no other event says so.",
    What.HOOK_STARTED: "A hook of a level or of a group started.",
    What.HOOK_SUCCEEDED: "A hook succeeded.",
    What.HOOK_FAILED: "A hook failed. The run continues, unless the hook has `onFailure: Stop`.",
    What.GROUP_PHASE: "A group is in another phase.",
    What.LEVEL_COMPLETED: "All tasks of a level have ended.",
    What.COMPLETED: "No further task can run.",
    NOTICE: "A line about the run as a whole.",
    ENDED: "The last line. `reason` is `Completed`, `Interrupted`, `Suspended`, `Exhausted` (the rest waits for a "
    "larger budget) or `Trouble`.",
}
"""By event that a run prints, what it means."""


def document(project: str, event: Event, now: float) -> dict[str, Any]:
    """An event of a run.

    Args:
        project: The project's name.
        event: The event.
        now: Seconds since the epoch.
    """
    fields: dict[str, Any] = {
        "task": event.task,
        "attempt": event.number or None,
        "step": event.step,
        "level": event.level,
        "group": event.group,
        "hook": str(event.hook),
        "phase": event.phase,
        "reason": event.reason,
        "exitCode": event.exit_code,
        "seconds": None if event.took is None else round(event.took, 3),
        "retryInSeconds": None if event.again_in is None else round(event.again_in, 3),
        "commit": event.commit,
        "changedNothing": event.changed_nothing or None,
        "amount": event.amount if event.total else event.amount or None,
        "total": event.total or None,
        "notes": list(event.notes),
        "log": event.log,
        "message": message(event),
    }
    return line(project, event.what, now, **fields)


def line(project: str, what: str, now: float, **fields: Any) -> dict[str, Any]:
    """A line of a run, without the fields that say nothing."""
    time = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    known = {key: value for key, value in fields.items() if value not in (None, "", [])}
    return {"time": time, "project": project, "event": str(what), **known}
