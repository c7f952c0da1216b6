"""``pproj delete``: projects, with all that belongs to them."""

from typing import TYPE_CHECKING, Annotated

import typer

from parallelproject.cli.input.cluster_options import on_cluster
from parallelproject.cli.input.completion import project_names
from parallelproject.cli.output import terminal

if TYPE_CHECKING:
    from parallelproject.cli.cluster.projects import Cluster


@on_cluster
async def run(
    cluster: "Cluster",
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="Names of projects.", autocompletion=project_names, show_default=False),
    ],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until they are gone.")] = False,
) -> None:
    """Delete projects with all that belongs to them.

    Their Jobs and pods go with them, those of running tasks too.
    """
    found = [await cluster.get(name) for name in names]  # all of them are there, or none is deleted
    for project in found:
        name = project["metadata"]["name"]
        await cluster.delete(name, project["metadata"]["uid"])
        if not wait:
            terminal.show(f"{name} deleted")
    if wait:
        for project in found:
            name = project["metadata"]["name"]
            await cluster.until_gone(name, project["metadata"]["uid"])
            terminal.show(f"{name} deleted")
