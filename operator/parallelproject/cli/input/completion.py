"""What the shell offers for NAME and TASK: of local runs, else asked of the cluster unless that takes too long."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader

_SECONDS = 2.0
_OF_CLUSTER = ("namespace", "context", "kubeconfig", "all_namespaces")
"""Parameters that only make sense for a cluster."""


def project_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of the namespace's projects."""
    return _names(ctx, None, incomplete)


def readable_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of the projects that a command that only reads means: local runs, or the namespace's."""
    return _names(ctx, _local_runs(ctx, None), incomplete)


def readable_tasks(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids of the tasks of such a project, named before."""
    return _ids(ctx, _local_runs(ctx, ctx.params.get("name")), incomplete)


def _local_runs(ctx: typer.Context, name: str | None) -> "ProjectReader | None":
    from parallelproject.cli.local.lookup import local_runs
    from parallelproject.cli.output.failure import Failure

    try:
        return local_runs(name, ctx.params.get("state_dir"), any(ctx.params.get(key) for key in _OF_CLUSTER))
    except Failure:
        return None


def _names(ctx: typer.Context, runs: "ProjectReader | None", incomplete: str) -> list[str]:
    async def names(reader: "ProjectReader") -> list[str]:
        return [item["metadata"]["name"] for item in await reader.list()]

    return [name for name in _ask(ctx, runs, names) if name.startswith(incomplete)]


def _ids(ctx: typer.Context, runs: "ProjectReader | None", incomplete: str) -> list[str]:
    name = ctx.params.get("name")
    if not isinstance(name, str):
        return []

    async def ids(reader: "ProjectReader") -> list[str]:
        return [task["id"] for task in (await reader.get(name))["spec"].get("tasks") or ()]

    return [task for task in _ask(ctx, runs, ids) if task.startswith(incomplete)]


def _ask(
    ctx: typer.Context, runs: "ProjectReader | None", question: Callable[["ProjectReader"], Awaitable[list[str]]]
) -> list[str]:
    # Here, because they are slow to load and most commands do without them.
    import asyncio

    from parallelproject.cli.cluster.projects import Cluster
    from parallelproject.cli.cluster.target import ClusterTarget

    given: dict[str, Any] = {key: ctx.params.get(key) for key in ("namespace", "context", "kubeconfig")}

    async def work() -> list[str]:
        if runs is not None:
            return await question(runs)
        async with Cluster.connect(ClusterTarget(**given)) as cluster:
            return await question(cluster)

    try:
        return asyncio.run(asyncio.wait_for(work(), _SECONDS))
    except Exception:  # a shell that completes shows no errors
        return []
