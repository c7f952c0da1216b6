"""The messages of events, in one place, for everything that shows them as text. Pure."""

from collections.abc import Sequence

from parallelproject.core.report.changes import Event, What


def message(event: Event) -> str:
    """An event as a sentence; empty for events without a message."""
    task, commit = event.task, event.commit
    match event.what:
        case What.STARTED:
            return f"{task}: attempt {event.number} started"
        case What.SUCCEEDED:
            return f"{task}: attempt {event.number} succeeded"
        case What.STOPPED:
            return f"{task}: attempt {event.number} was stopped"
        case What.FAILED | What.TASK_FAILED:
            code = "" if event.exit_code is None else f" {event.exit_code}"
            return f"{task}: {event.reason}{code} in attempt {event.number}"
        case What.LANDED:
            return f"{task}: landed as {commit}"
        case What.SKIPPED:
            return f"{task}: skipped ({event.reason})"
        case What.JOB_SUSPENDED:
            return f"{task}: its Job {event.job} is suspended; it keeps its slot and its files"
        case What.JOB_RESUMED:
            return f"{task}: its Job {event.job} is no longer suspended"
        case What.UNDECLARED:
            return f"{task}: {event.amount} not in the files that it declares, in {commit}"
        case What.SHARED:
            return f"{task}: {event.amount} also changed by other tasks while it ran, in {commit}; it merged"
        case What.KEPT:
            kept = "outside of its files: kept, not landed; see the log of its container git"
            return f"{task}: {event.amount} {kept}"
        case What.LEVEL_COMPLETED:
            return levels_message([event])
    return event.message


def levels_message(events: Sequence[Event]) -> str:
    """The message of levels that ended together: a chain of short tasks ends several per second."""
    names = ("level " if len(events) == 1 else "levels ") + ", ".join(str((event.level or 0) + 1) for event in events)
    return f"{names}: {sum(event.amount for event in events)} of {sum(event.total for event in events)}"
