"""Gives a command the options of kubectl and a connected cluster. Loads the client library only when it is called."""

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from parallelproject.cli.cluster.target import ClusterTarget
from parallelproject.cli.input.arguments import Context, Kubeconfig, Namespace, NoColor
from parallelproject.cli.output import terminal

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "namespace": (Namespace, None),
    "context": (Context, None),
    "kubeconfig": (Kubeconfig, None),
    "no_color": (NoColor, False),
}


def on_cluster(function: Callable[..., Coroutine[Any, Any, int | None]]) -> Callable[..., int | None]:
    """Makes a command of a coroutine whose first parameter is the connected ``Cluster``."""

    @functools.wraps(function)
    def command(ctx: typer.Context, **values: Any) -> int | None:
        found = ClusterTarget(values.pop("namespace"), values.pop("context"), values.pop("kubeconfig"))
        if values.pop("no_color"):
            terminal.forbid_color()
        target = found.or_else(ctx.find_root().obj)

        import asyncio

        from parallelproject.cli.cluster.projects import Cluster

        async def work() -> int | None:
            async with Cluster.connect(target) as cluster:
                return await function(cluster, **values)

        return asyncio.run(work())

    del command.__wrapped__  # its signature is another
    own = list(inspect.signature(function).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(n, keyword, default=d, annotation=a) for n, (a, d) in _OPTIONS.items()]
    context = inspect.Parameter("ctx", keyword, annotation=typer.Context)
    parameters = [context, *(p.replace(kind=keyword) for p in own), *added]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command
