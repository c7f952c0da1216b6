"""``pproj delete``: projects, with all that belongs to them."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from parallelproject.cli.input.completion import readable_names
from parallelproject.cli.input.project_options import on_projects
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectKeeper


@on_projects
async def run(
    keeper: "ProjectKeeper",
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Names of projects; by default the only local run of this folder.",
            autocompletion=readable_names,
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask before a local run is deleted.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the projects are deleted.")] = False,
) -> None:
    """Delete projects with all that belongs to them.

    In a cluster, this also deletes their Jobs and pods, even of running tasks. A local run cannot be deleted while it
    is running; its state, logs, workspaces and refs are removed. Branches are kept.
    """
    found = [await keeper.get(name) for name in names or ()]  # all of them are there, or none is deleted
    for project in found:
        if question := keeper.question_before_deletion(project):
            _confirm(question, yes)
    for project in found:
        name = project["metadata"]["name"]
        await keeper.delete(name, project["metadata"]["uid"])
        if not wait:
            terminal.show(f"{name} deleted")
    if wait:
        for project in found:
            name = project["metadata"]["name"]
            await keeper.until_gone(name, project["metadata"]["uid"])
            terminal.show(f"{name} deleted")


def _confirm(question: str, yes: bool) -> None:
    """Continues where the user agrees.

    Raises:
        Failure: nobody can be asked.
        Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure(
            f"{question} Cannot ask: standard input is not a terminal", hint="--yes deletes it without asking", code=2
        )
    typer.confirm(question, abort=True, err=True)
