"""``pproj list``: the projects, in the columns that ``kubectl get pproj`` has."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from parallelproject.cli.input.arguments import ListOutput
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output import terminal
from parallelproject.cli.output.tables import age, show_table, value_at
from parallelproject.model.crd import COLUMNS
from parallelproject.model.names import GROUP, SINGULAR

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader


@on_project
async def run(
    reader: "ProjectReader",
    all_namespaces: Annotated[
        bool, typer.Option("-A", "--all-namespaces", help="List the projects of all namespaces.")
    ] = False,
    output: Annotated[ListOutput | None, typer.Option("-o", "--output", help="Output format.")] = None,
) -> None:
    """List projects."""
    found = await reader.list(all_namespaces=all_namespaces)
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


def _row(item: dict[str, Any], columns: list[dict[str, Any]], with_namespace: bool) -> list[str]:
    metadata = item["metadata"]
    row = [metadata["namespace"]] if with_namespace else []
    row.append(metadata["name"])
    for column in columns:
        value = value_at(item, column["jsonPath"])
        row.append(age(value) if column["type"] == "date" else "" if value is None else str(value))
    return row
