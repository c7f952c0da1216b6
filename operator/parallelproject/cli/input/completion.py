"""What the shell offers for NAME and TASK: of local runs, else asked of the cluster unless that takes too long."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

if TYPE_CHECKING:
    from parallelproject.cli.cluster.projects import Cluster

_SECONDS = 2.0
_Found = TypeVar("_Found")


def project_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of the namespace's projects."""

    async def names(cluster: "Cluster") -> list[str]:
        return [item["metadata"]["name"] for item in await cluster.list()]

    return [name for name in _ask(ctx, names) if name.startswith(incomplete)]


def task_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids of the tasks of the project named before."""
    name = ctx.params.get("name")
    if not isinstance(name, str):
        return []

    async def ids(cluster: "Cluster") -> list[str]:
        return [task["id"] for task in (await cluster.get(name))["spec"].get("tasks") or ()]

    return [task for task in _ask(ctx, ids) if task.startswith(incomplete)]


def readable_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of the local runs of this folder; where there is none, as ``project_names``."""
    from parallelproject.local.read import runs_below

    here = [path.name for path in runs_below(Path.cwd())]
    return [name for name in here if name.startswith(incomplete)] if here else project_names(ctx, incomplete)


def readable_tasks(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids of the tasks of the local run named before; where there is none, as ``task_ids``."""
    from parallelproject.local.read import read_run, run_named

    name = ctx.params.get("name")
    directory = run_named(name, Path.cwd()) if isinstance(name, str) else None
    run = read_run(directory) if directory else None
    if run is None:
        return task_ids(ctx, incomplete)
    return [task["id"] for task in run["spec"].get("tasks") or () if task["id"].startswith(incomplete)]


def _ask(ctx: typer.Context, question: Callable[["Cluster"], Awaitable[list[str]]]) -> list[str]:
    # Here, because they are slow to load and most commands do without them.
    import asyncio

    from parallelproject.cli.cluster.projects import Cluster
    from parallelproject.cli.cluster.target import ClusterTarget

    given: dict[str, Any] = {key: ctx.params.get(key) for key in ("namespace", "context", "kubeconfig")}

    async def work() -> list[str]:
        async with Cluster.connect(ClusterTarget(**given)) as cluster:
            return await question(cluster)

    try:
        return asyncio.run(asyncio.wait_for(work(), _SECONDS))
    except Exception:  # a shell that completes shows no errors
        return []
