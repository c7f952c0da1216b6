"""``pproj list``: the projects, in the columns that ``kubectl get pproj`` has."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from parallelproject.cli.input.arguments import ListOutput
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output import terminal
from parallelproject.cli.output.tables import age, show_table, value_at
from parallelproject.core.report.groups import groups_of
from parallelproject.model.crd import COLUMNS
from parallelproject.model.names import GROUP, SINGULAR
from parallelproject.model.status import TaskState

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader


@on_project
async def run(
    reader: "ProjectReader",
    all_namespaces: Annotated[
        bool, typer.Option("-A", "--all-namespaces", help="List the projects of all namespaces.")
    ] = False,
    groups: Annotated[
        bool, typer.Option("--groups", help="List the groups of the projects' tasks, by their [P:Group-X] markers.")
    ] = False,
    output: Annotated[ListOutput | None, typer.Option("-o", "--output", help="Output format.")] = None,
) -> None:
    """List projects, or the groups of their tasks."""
    found = await reader.list(all_namespaces=all_namespaces)
    if groups:
        _show_groups(found, output, all_namespaces)
        return
    if output is ListOutput.JSON or output is ListOutput.YAML:
        from parallelproject.cli.cluster.projects import without_managed_fields

        terminal.show_data(
            {"apiVersion": "v1", "kind": "List", "items": without_managed_fields(found)}, output is ListOutput.JSON
        )
        return
    if output is ListOutput.NAME:
        for item in found:
            terminal.show(f"{SINGULAR}.{GROUP}/{item['metadata']['name']}")
        return
    if not found:
        terminal.say("no projects found" + ("" if all_namespaces else reader.nothing_found))
        return
    columns = [column for column in COLUMNS if output is ListOutput.WIDE or not column.get("priority")]
    names = ["NAMESPACE"] * all_namespaces + ["NAME"]
    headings = [*names, *(str(column["name"]).upper() for column in columns)]
    show_table(headings, [_row(item, columns, all_namespaces) for item in found])


def _show_groups(found: list[dict[str, Any]], output: ListOutput | None, with_namespace: bool) -> None:
    """A line for each group of each project."""
    each = [(item["metadata"], group) for item in found for group in groups_of(item["spec"], item.get("status") or {})]
    if output in (ListOutput.JSON, ListOutput.YAML):
        data = [
            {
                "project": metadata["name"],
                "group": group.name,
                "state": group.state,
                "phase": group.phase,
                "tasks": list(group.tasks),
            }
            | {state.value.lower(): group.counts[state] for state in TaskState}
            for metadata, group in each
        ]
        terminal.show_data(data, output is ListOutput.JSON)
        return
    if not each:
        terminal.say(
            "no task has a group: a task gets one by a marker [P:Group-X] in its file, or by group in a manifest"
        )
        return
    names = ["NAMESPACE"] * with_namespace + ["NAME", "GROUP", "STATE", "PHASE", "TASKS", "COUNTS"]
    table = []
    for metadata, group in each:
        first = [metadata["namespace"]] if with_namespace else []
        tasks = [str(len(group.tasks)), group.counted]
        table.append([*first, metadata["name"], group.name, group.state, group.phase, *tasks])
    show_table(names, table)


def _row(item: dict[str, Any], columns: list[dict[str, Any]], with_namespace: bool) -> list[str]:
    metadata = item["metadata"]
    row = [metadata["namespace"]] if with_namespace else []
    row.append(metadata["name"])
    for column in columns:
        value = value_at(item, column["jsonPath"])
        row.append(age(value) if column["type"] == "date" else "" if value is None else str(value))
    return row
