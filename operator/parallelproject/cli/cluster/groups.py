"""The groups of a project's tasks, as commands name and show them: the same for a file, a run and a cluster."""

from typing import Any

from parallelproject.cli.output.failure import Failure
from parallelproject.core.report.groups import TaskGroup, groups_of
from parallelproject.model.problem import listed
from parallelproject.model.status import TaskState
from parallelproject.model.suggest import did_you_mean

Json = dict[str, Any]

NO_GROUPS = "no task has a group: a task gets one by a marker [P:Group-X] in its file, or by group in a manifest"
_SHOWN = 8
"""Most groups that are named in an error."""


def groups_in(project: Json) -> list[TaskGroup]:
    """The groups of a project, in the order of their first tasks."""
    return groups_of(project["spec"], project.get("status") or {})


def group_named(name: str, project: Json) -> TaskGroup:
    """A group of a project.

    Raises:
        Failure: it has no such group.
    """
    groups = {group.name: group for group in groups_in(project)}
    found = groups.get(name) or groups.get(name.removeprefix("Group-"))  # as the marker has it
    if found is None:
        hint = did_you_mean(name, list(groups)) or f"its groups: {listed(list(groups), _SHOWN) or 'none'}"
        raise Failure(f"{project['metadata']['name']} has no group {name}", hint=hint, code=2)
    return found


def group_data(project: Json, group: TaskGroup) -> Json:
    """A group for programs."""
    about = {"project": project["metadata"]["name"], "group": group.name, "state": group.state, "phase": group.phase}
    return {**about, "tasks": list(group.tasks)} | {state.value.lower(): group.counts[state] for state in TaskState}
