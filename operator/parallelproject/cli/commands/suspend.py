"""``pproj suspend``, ``resume`` and ``stop``: one field of the spec each."""

from typing import TYPE_CHECKING

from parallelproject.cli.cluster.state import ProjectState, standing
from parallelproject.cli.input.arguments import Name
from parallelproject.cli.input.cluster_options import on_cluster
from parallelproject.cli.output import terminal
from parallelproject.cli.output.program import typed

if TYPE_CHECKING:
    from parallelproject.cli.cluster.projects import Cluster

_ENDED = (ProjectState.SUCCEEDED, ProjectState.FAILED)


@on_cluster
async def suspend(cluster: "Cluster", name: Name) -> None:
    """Start no new tasks; running ones finish."""
    await _switch(cluster, name, "suspend", True, f"{name} suspended: running tasks finish, no new ones start")


@on_cluster
async def resume(cluster: "Cluster", name: Name) -> None:
    """Go on after suspend."""
    await _switch(cluster, name, "suspend", False, f"{name} resumed")


@on_cluster
async def stop(cluster: "Cluster", name: Name) -> None:
    """Stop running tasks and end the project.

    What succeeded stays; pproj retry goes on from there.
    """
    await _switch(
        cluster, name, "stop", True, f"{name} stopping; {typed()} retry{cluster.options} {name} goes on from there"
    )


async def _switch(cluster: "Cluster", name: str, field: str, value: bool, done: str) -> None:
    project = await cluster.get(name)
    if bool(project["spec"].get(field)) is value:
        already = {"suspend": "suspended" if value else "not suspended", "stop": "stopped"}[field]
        terminal.say(f"{name} is already {already}")
        return
    if standing(project) in _ENDED:
        terminal.say(f"{name} has already ended")
        if field == "stop":
            return
    await cluster.patch(name, {"spec": {field: value}})
    terminal.show(done)
