"""``pproj wait``: ends when the project does, or a group of its tasks, with its result."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parallelproject.cli.cluster.groups import group_named
from parallelproject.cli.cluster.state import ProjectState
from parallelproject.cli.cluster.wait_for_end import (
    EXIT_FAILED,
    EXIT_SUCCEEDED,
    LastSeen,
    exit_code_of,
    tell_result,
    until_end,
)
from parallelproject.cli.input.arguments import NameOrOnly, Timeout
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.input.typed_times import seconds
from parallelproject.cli.output import terminal

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader

Json = dict[str, Any]


@on_project
async def run(
    reader: "ProjectReader",
    name: NameOrOnly = "",
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="GROUP", help="Wait only for the tasks of this group ([P:Group-X])."),
    ] = None,
    limit: Timeout = None,
) -> int:
    """Wait for the end of a project or a group; the exit code is its result.

    Exit code: 0 when all tasks succeeded, 1 when some did not or the project was not accepted, 2 after --timeout.
    """
    last = LastSeen()
    if group is None:
        code = await until_end(reader, name, last, seconds(limit))
        tell_result(last.project)
        return code
    code = await until_end(reader, name, last, seconds(limit), _of_group(group))
    found = group_named(group, last.project or {})
    text = f"{name}: group {found.name}: {found.state}: {found.counted}"
    (terminal.show if code == EXIT_SUCCEEDED else terminal.error)(text)
    return code


def _of_group(name: str) -> Callable[[Json, ProjectState], int | None]:
    def verdict(project: Json, standing: ProjectState) -> int | None:
        group = group_named(name, project)  # a name that is wrong is said at once
        if standing is ProjectState.UNSEEN:
            return None
        if group.has_ended:
            return EXIT_SUCCEEDED if group.is_done else EXIT_FAILED
        return exit_code_of(project, standing)

    return verdict
