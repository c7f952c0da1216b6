"""The messages of events, in one place: what happened, and what comes next. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from parallelproject.core.report.changes import Event, What
from parallelproject.model.names import level_name
from parallelproject.model.problem import listed
from parallelproject.model.status import GroupPhase, Reason

_LEVELS_SHOWN = 10
_NEXT_PHASE = {str(phase): str(after) for phase, after in pairwise(GroupPhase)}


def message(event: Event) -> str:
    """What happened, as a sentence; empty for events without a message."""
    task, commit = event.task, event.commit
    match event.what:
        case What.STARTED:
            return f"{task}: attempt {event.number} started"
        case What.SUCCEEDED:
            return f"{task}: attempt {event.number} succeeded"
        case What.STOPPED:
            return f"{task}: attempt {event.number} was stopped, which is no failure"
        case What.STEP_PASSED if event.step:
            return f"{task}: step {event.step} passed with attempt {event.number}"
        case What.STEP_PASSED:
            return f"{task}: its work of attempt {event.number} is held for its next step"
        case What.STEP_REJECTED:
            return f"{task}: {event.step} rejected the work, with attempt {event.number}"
        case What.FAILED if event.reason == Reason.CONFLICT:
            return f"{task}: attempt {event.number} did not merge with what landed while it ran (Conflict)"
        case What.FAILED if event.reason == Reason.NEEDS_INPUT:
            return f"{task}: attempt {event.number} ended with a question to a person"
        case What.FAILED:
            return f"{task}: attempt {event.number} failed{_cause(event)}"
        case What.TASK_FAILED if event.reason == Reason.OUTPUT_MISSING:
            why = "an output that it takes does not exist, or was too large"
            return f"{task}: failed before it started: {why} ({event.reason})"
        case What.TASK_FAILED:
            return f"{task}: failed for good with attempt {event.number}{_cause(event)}"
        case What.LANDED:
            return f"{task}: landed as {commit}"
        case What.SKIPPED:
            return f"{task}: skipped ({event.reason})"
        case What.NEEDS_APPROVAL:
            return f"{task}: waits for approval"
        case What.NEEDS_INPUT:
            return f"{task}: attempt {event.number} asks: {event.message}"
        case What.JOB_SUSPENDED:
            return f"{task}: attempt {event.number} ({event.job}) is suspended; it keeps its slot and its files"
        case What.JOB_RESUMED:
            return f"{task}: attempt {event.number} ({event.job}) is no longer suspended"
        case What.UNDECLARED:
            return f"{task}: commit {commit} changed {_paths(event)} that its files do not declare"
        case What.SHARED:
            return f"{task}: commit {commit} changed {_paths(event)} that others changed while it ran; it merged"
        case What.KEPT:
            pieces = "1 piece of work was" if event.amount == 1 else f"{event.amount} pieces of work were"
            return f"{task}: {pieces} not in its workspace; that is kept, and has not landed"
        case What.SUSPENDED:
            return f"{event.message or 'suspended: no new task starts'}; running tasks finish"
        case What.RESUMED:
            return "no longer suspended"
        case What.HOOK_STARTED:
            return f"hook {hook_words(event)} started"
        case What.HOOK_SUCCEEDED:
            return f"hook {hook_words(event)} succeeded"
        case What.HOOK_FAILED:
            return f"hook {hook_words(event)} failed{_cause(event)}"
        case What.GROUP_PHASE:
            return f"group {event.group} is in phase {event.phase}"
        case What.LEVEL_COMPLETED:
            return levels_message([event])
    return event.message


def levels_message(events: Sequence[Event]) -> str:
    """The message of levels that ended together: a chain of short tasks ends several per second."""
    names = listed([level_name(event.level or 0) for event in events], _LEVELS_SHOWN)
    good, total = sum(event.amount for event in events), sum(event.total for event in events)
    return f"{names} done: {good} of {total} task{'' if total == 1 else 's'} succeeded"


def next_step(event: Event, project: str) -> str:
    """What comes next, or what a person can do; empty where nothing does.

    Args:
        event: What happened.
        project: The name that commands are given.
    """
    task = event.task
    match event.what:
        case What.ACCEPTED:
            return "tasks without dependencies start"
        case What.REJECTED:
            return "fix the spec and apply it again; pproj lint FILE checks it before"
        case What.SUSPENDED if event.reason == "Requested":
            return f"pproj resume {project}"
        case What.SUSPENDED:
            return "it resumes by itself"
        case What.RESUMED:
            return "ready tasks start"
        case What.NEEDS_APPROVAL:
            return f"pproj approve {project} {task}"
        case What.NEEDS_INPUT:
            return f"pproj answer {project} {task} TEXT"
        case What.FAILED:
            return f"attempt {event.number + 1}"
        case What.TASK_FAILED:
            return f"pproj why {project} {task} explains it; pproj retry {project} {task} runs it again"
        case What.JOB_SUSPENDED:
            return f"pproj why {project} {task} has the command that resumes it"
        case What.JOB_RESUMED:
            return "it runs"
        case What.UNDECLARED | What.SHARED:
            return "declare them in the files of the task, so that writers of the same file take turns"
        case What.KEPT:
            return "the log of its container git names the ref that has it"
        case What.HOOK_FAILED:
            return f"the condition HooksSucceeded of pproj get {project} says whether the project continues"
        case What.GROUP_PHASE if event.phase == GroupPhase.DONE:
            return "nothing of it is left to run"
        case What.GROUP_PHASE:
            return _NEXT_PHASE.get(event.phase, "")
        case What.LEVEL_COMPLETED:
            return level_name((event.level or 0) + 1)
        case What.COMPLETED if not event.warning:
            return "nothing is left to run"
        case What.COMPLETED if event.reason == "TasksFailed":
            return f"pproj why {project} TASK explains a failure; pproj retry {project} runs what failed again"
        case What.COMPLETED:
            return f"pproj get {project} shows what has not run"
    return ""


def hook_words(event: Event) -> str:
    """Which hook an event is about: ``beforeLevel of L0``."""
    return f"{event.hook} of {event.group or level_name(event.level or 0)}"


def _cause(event: Event) -> str:
    """The reason in brackets; a status that was written after the next attempt has ended does not have it."""
    found = event.reason if event.exit_code is None else f"{event.reason} {event.exit_code}".lstrip()
    return f" ({found})" if found else ""


def _paths(event: Event) -> str:
    return "1 path" if event.amount == 1 else f"{event.amount} paths"
