"""What the spec of a project says about its tasks. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from parallelproject.cli.output.failure import Failure
from parallelproject.core.graph.approvals import approved_tasks
from parallelproject.model.suggest import did_you_mean

Json = dict[str, Any]


def ids_of(project: Mapping[str, Any]) -> list[str]:
    """The ids of the tasks, in spec order."""
    return [task["id"] for task in project["spec"].get("tasks") or ()]


def unknown_tasks(project: Mapping[str, Any], wanted: Sequence[str]) -> list[str]:
    """A line for each id that is not in the spec."""
    known = ids_of(project)
    lines = []
    for task in wanted:
        if task not in known:
            close = did_you_mean(task, known)
            lines.append(f"{project['metadata']['name']} has no task {task}" + (f" ({close})" if close else ""))
    return lines


def refuse_unknown(project: Mapping[str, Any], wanted: Sequence[str], look: str) -> None:
    """Refuses ids that are not in the spec.

    Args:
        project: The project.
        wanted: The ids.
        look: The command that shows the tasks.

    Raises:
        Failure: one of them is not.
    """
    if wrong := unknown_tasks(project, wanted):
        raise Failure(*wrong, hint=f"{look} shows all")


def spec_patch(project: Mapping[str, Any], fields: Mapping[str, Any]) -> Json:
    """A merge patch of the spec, for the project exactly as it was read."""
    return {"metadata": {"resourceVersion": project["metadata"].get("resourceVersion")}, "spec": dict(fields)}


def floors_of(project: Mapping[str, Any]) -> dict[str, int]:
    """By task that runs again from the start, the number of its last attempt that counts no more."""
    return {entry["id"]: int(entry.get("rerunAfter") or 0) for entry in project["spec"].get("retries") or ()}


def approved_in(project: Mapping[str, Any]) -> frozenset[str]:
    """The tasks that people have approved."""
    given = ((entry["id"], int(entry.get("after") or 0)) for entry in project["spec"].get("approvals") or ())
    return approved_tasks(given, floors_of(project).items())


def retries_with(project: Mapping[str, Any], changed: Mapping[str, Json]) -> list[Json]:
    """``spec.retries`` with the fields of these entries set, by task; without tasks that are no longer in the spec."""
    return entries_with(project, "retries", changed)


def entries_with(project: Mapping[str, Any], field: str, changed: Mapping[str, Json]) -> list[Json]:
    """A list of the spec whose entries have the id of a task, with the fields of these entries set.

    Args:
        project: The project.
        field: Name of the list. Entries of tasks that are no longer in the spec are removed.
        changed: By task, the fields.
    """
    entries = {entry["id"]: entry for entry in project["spec"].get(field) or ()}
    for id, entry in changed.items():
        entries[id] = {**entries.get(id, {}), **entry}
    known = set(ids_of(project))
    return [entry for id, entry in entries.items() if id in known]
