"""``pproj controller``: the operator process, as the container runs it."""

import asyncio
import logging
from typing import Annotated

import typer

from parallelproject.controller.logs import configure
from parallelproject.controller.operator import OperatorOptions, operate
from parallelproject.executors.delivery_pod import IMAGE
from parallelproject.kube.api import NoClusterError


def run(
    namespaces: Annotated[
        list[str] | None, typer.Option("-n", "--namespace", help="Work in this namespace only; may be given again.")
    ] = None,
    kubeconfig: Annotated[str | None, typer.Option(help="Path of the kubeconfig file.")] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    health_host: Annotated[str, typer.Option(help="Address of /healthz and /readyz.")] = "0.0.0.0",
    health_port: Annotated[int, typer.Option(help="Port of /healthz and /readyz.")] = 8080,
    git_image: Annotated[
        str, typer.Option(envvar="PPROJ_GIT_IMAGE", help="Image that lands the work of projects with spec.git.")
    ] = IMAGE,
    log_format: Annotated[str, typer.Option(help="json or text.")] = "json",
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")] = False,
) -> None:
    """Run the operator: what the container runs."""
    configure(log_format == "json", logging.DEBUG if verbose else logging.INFO)
    options = OperatorOptions(tuple(namespaces or ()), kubeconfig, context, health_host, health_port, git_image)
    try:
        asyncio.run(operate(options))
    except NoClusterError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
