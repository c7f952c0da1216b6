"""Gives a command the options of kubectl and a connected cluster. Loads the client library only when it is called."""

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import typer

from parallelproject.cli.cluster.target import ClusterTarget
from parallelproject.cli.input.arguments import Context, Kubeconfig, Namespace, NoColor
from parallelproject.cli.output import terminal

if TYPE_CHECKING:
    from parallelproject.cli.cluster.projects import Cluster

Work = Callable[..., Coroutine[Any, Any, int | None]]

OPTIONS: dict[str, tuple[Any, Any]] = {
    "namespace": (Namespace, None),
    "context": (Context, None),
    "kubeconfig": (Kubeconfig, None),
    "no_color": (NoColor, False),
}


def on_cluster(function: Work) -> Callable[..., int | None]:
    """Makes a command of a coroutine whose first parameter is the connected ``Cluster``."""

    @functools.wraps(function)
    def command(ctx: typer.Context, **values: Any) -> int | None:
        target = target_of(ctx, values)
        return with_cluster(target, lambda cluster: function(cluster, **values))

    return with_options(command, function, OPTIONS)


def target_of(ctx: typer.Context, values: dict[str, Any]) -> ClusterTarget:
    """Takes the options of kubectl out of the values of a command; those before the command count too."""
    found = ClusterTarget(values.pop("namespace"), values.pop("context"), values.pop("kubeconfig"))
    if values.pop("no_color"):
        terminal.forbid_color()
    return found.or_else(ctx.find_root().obj)


def with_cluster(target: ClusterTarget, work: Callable[["Cluster"], Coroutine[Any, Any, int | None]]) -> int | None:
    """Does something with a connected cluster."""
    import asyncio

    from parallelproject.cli.cluster.projects import Cluster

    async def connected() -> int | None:
        async with Cluster.connect(target) as cluster:
            return await work(cluster)

    return asyncio.run(connected())


def with_options(
    command: Callable[..., int | None], function: Work, options: Mapping[str, tuple[Any, Any]]
) -> Callable[..., int | None]:
    """Gives a command the parameters of a function but its first, and further options."""
    del command.__wrapped__  # type: ignore[attr-defined]  # its signature is another
    own = list(inspect.signature(function).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(n, keyword, default=d, annotation=a) for n, (a, d) in options.items()]
    context = inspect.Parameter("ctx", keyword, annotation=typer.Context)
    parameters = [context, *(p.replace(kind=keyword) for p in own), *added]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command
