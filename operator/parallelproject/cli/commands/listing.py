"""``pproj list``: the projects, in the columns that ``kubectl get pproj`` has."""

import functools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parallelproject.cli.cluster.groups import NO_GROUPS, group_data, groups_in
from parallelproject.cli.input.arguments import Dangling, ListOutput
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.cli.output.tables import age, show_table, value_at
from parallelproject.model.crd import COLUMNS
from parallelproject.model.names import GROUP, SINGULAR

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader


def _or_of_file(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """The same command, which shows the groups of a FILE without any place of projects."""

    @functools.wraps(command)
    def either(**values: Any) -> int | None:
        file: Path | None = values["file"]
        if file is None:
            return command(**values)
        if not values["groups"] or values["all_namespaces"]:
            hint = f"{typed()} plan {shlex.quote(str(file))} shows its tasks"
            raise Failure("FILE is only for --groups, without -A", hint=hint, code=2)
        _show_groups([_project_of(file)], values["output"], False)
        return None

    del either.__wrapped__  # its signature is that of the command
    return either


@_or_of_file
@on_project
async def run(
    reader: "ProjectReader",
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="With --groups: list the groups of this task file.", show_default=False),
    ] = None,
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
    each = [(item, group) for item in found for group in groups_in(item)]
    if output in (ListOutput.JSON, ListOutput.YAML):
        data = [group_data(item, group) for item, group in each]
        terminal.show_data(data, output is ListOutput.JSON)
        return
    if output is ListOutput.NAME:
        for _, group in each:
            terminal.show(group.name)
        return
    if not each:
        terminal.say(NO_GROUPS)
        return
    names = ["NAMESPACE"] * with_namespace + ["NAME", "GROUP", "STATE", "PHASE", "TASKS", "COUNTS"]
    table = []
    for item, group in each:
        metadata = item["metadata"]
        first = [metadata["namespace"]] if with_namespace else []
        tasks = [str(len(group.tasks)), group.counted]
        table.append([*first, metadata["name"], group.name, group.state, group.phase, *tasks])
    show_table(names, table)


def _project_of(file: Path) -> dict[str, Any]:
    """The project of a task file, with the status of its run below this folder, if there is one."""
    from parallelproject.cli.input.task_file import located, read_file, tell_warnings  # here: it loads all formats
    from parallelproject.local.read import read_run, run_named

    imported = read_file(located(file, "list --groups"), None, None, Dangling.WARN, False)
    tell_warnings(imported)
    project = imported.project
    directory = run_named(project.name, Path.cwd())
    known = read_run(directory) if directory else None
    tasks = [{"id": task.id, "group": task.group} for task in project.spec.tasks]
    return {"metadata": {"name": project.name}, "spec": {"tasks": tasks}, "status": (known or {}).get("status") or {}}


def _row(item: dict[str, Any], columns: list[dict[str, Any]], with_namespace: bool) -> list[str]:
    metadata = item["metadata"]
    row = [metadata["namespace"]] if with_namespace else []
    row.append(metadata["name"])
    for column in columns:
        value = value_at(item, column["jsonPath"])
        row.append(age(value) if column["type"] == "date" else "" if value is None else str(value))
    return row
