"""``pproj wait``: ends when the project does, with its result."""

from typing import TYPE_CHECKING, Any

from parallelproject.cli.cluster.wait_for_end import seconds, tell_result, until_end
from parallelproject.cli.input.arguments import Name, Timeout
from parallelproject.cli.input.cluster_options import on_cluster

if TYPE_CHECKING:
    from parallelproject.cli.cluster.projects import Cluster


class Last:
    """Keeps the last state."""

    project: dict[str, Any] | None = None

    def show(self, project: dict[str, Any]) -> None:
        """Remembers it."""
        self.project = project


@on_cluster
async def run(cluster: "Cluster", name: Name, limit: Timeout = None) -> int:
    """Wait for a project's end; the exit code is its result.

    Exit code: 0 when all tasks succeeded, 1 when not or when it is not accepted, 2 when the time is over.
    """
    last = Last()
    code = await until_end(cluster, name, last, seconds(limit))
    tell_result(last.project)
    return code
