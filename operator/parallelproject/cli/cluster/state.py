"""What the status of a project says as a whole. Pure."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from parallelproject.core.report.interrupted import is_interrupted
from parallelproject.core.report.status import condition

Json = dict[str, Any]


class ProjectState(Enum):
    """The state of a project, for those who wait for its end."""

    UNSEEN = auto()
    """The operator has not looked at this version of it yet."""
    OPEN = auto()
    REFUSED = auto()
    """Not accepted: nothing starts until the spec is corrected."""
    SUCCEEDED = auto()
    FAILED = auto()
    """Also while it waits for a larger budget: nothing happens any more until a person raises it."""


def standing(project: Mapping[str, Any]) -> ProjectState:
    """The state of a project by its conditions, as far as they are about its present spec."""
    status = project.get("status") or {}
    generation = project["metadata"].get("generation") or 0
    if int(status.get("observedGeneration") or 0) < generation:
        return ProjectState.UNSEEN
    if condition(status, "Accepted").get("status") == "False":
        return ProjectState.REFUSED
    if condition(status, "BudgetExhausted").get("status") == "True":
        return ProjectState.FAILED
    if condition(status, "Completed").get("status") != "True":
        return ProjectState.OPEN
    return ProjectState.SUCCEEDED if condition(status, "Succeeded").get("status") == "True" else ProjectState.FAILED


def has_ended(project: Mapping[str, Any]) -> bool:
    """Whether it has come to its end; a local run that was cut off has not."""
    if standing(project) not in (ProjectState.SUCCEEDED, ProjectState.FAILED):
        return False
    return not is_interrupted(project.get("status") or {})


def result(project: Mapping[str, Any]) -> str:
    """How it ended, in a sentence."""
    status = project.get("status") or {}
    kind = "Accepted" if standing(project) is ProjectState.REFUSED else "Succeeded"
    found = condition(status, kind)
    word = "not accepted" if kind == "Accepted" else str(found.get("reason") or "ended")
    message = found.get("message")
    return f"{project['metadata']['name']}: {word}" + (f": {message}" if message else "")


def rows(project: Mapping[str, Any]) -> list[Json]:
    """The rows of the tasks."""
    found = (project.get("status") or {}).get("tasks")
    return [row for row in found or () if isinstance(row, dict) and isinstance(row.get("id"), str)]
