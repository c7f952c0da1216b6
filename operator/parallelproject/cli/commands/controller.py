"""``pproj controller``: the operator process, as the container runs it."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from parallelproject.controller.process.logs import configure
from parallelproject.controller.process.operator import OperatorOptions, operate
from parallelproject.core.planner.constraints.shared_limits import Limits
from parallelproject.executors.base.delivery_instruction import IMAGE
from parallelproject.kube.client import NoClusterError
from parallelproject.kube.lease import LEASE, SECONDS, LostLeaseError


def run(
    namespaces: Annotated[
        list[str] | None, typer.Option("-n", "--namespace", help="Work in this namespace only; may be given again.")
    ] = None,
    kubeconfig: Annotated[str | None, typer.Option(help="Path of the kubeconfig file.")] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    health_host: Annotated[str | None, typer.Option(help="Address of /healthz and /readyz; by default all.")] = None,
    health_port: Annotated[int, typer.Option(help="Port of /healthz and /readyz.")] = 8080,
    metrics_host: Annotated[str | None, typer.Option(help="Address of /metrics; by default all.")] = None,
    metrics_port: Annotated[int, typer.Option(help="Port of /metrics; 0 for a free one, which the log names.")] = 9090,
    admission_certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Serve the admission webhook, with tls.crt and tls.key of this folder. They may be renewed.",
        ),
    ] = None,
    admission_host: Annotated[
        str | None, typer.Option(help="Address of the admission webhook; by default all.")
    ] = None,
    admission_port: Annotated[int, typer.Option(help="Port of the admission webhook.")] = 9443,
    git_image: Annotated[
        str, typer.Option(envvar="PPROJ_GIT_IMAGE", help="Image that lands the work of projects with spec.git.")
    ] = IMAGE,
    identity: Annotated[
        str, typer.Option(envvar="PPROJ_IDENTITY", help="Identity in the leader election: the uid of the pod.")
    ] = "",
    lease_name: Annotated[
        str, typer.Option(help="Name of the Lease, in the operator's namespace, that elects the active operator.")
    ] = LEASE,
    lease_duration_seconds: Annotated[
        int, typer.Option(min=3, help="Another operator takes over after the Lease was not renewed for this long.")
    ] = SECONDS,
    max_concurrent_tasks: Annotated[
        int, typer.Option(min=0, help="Maximum number of running tasks of all projects together; 0: no limit.")
    ] = 0,
    max_concurrent_tasks_per_namespace: Annotated[
        int,
        typer.Option(
            min=0, help="Maximum number of running tasks in each namespace without its own annotation; 0: no limit."
        ),
    ] = 0,
    workflows: Annotated[
        bool, typer.Option("--workflows", help="Run projects with executor Workflow, as Argo Workflows.")
    ] = False,
    log_format: Annotated[str, typer.Option(help="json or text.")] = "json",
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")] = False,
) -> None:
    """Run the operator: what the container runs."""
    configure(log_format == "json", logging.DEBUG if verbose else logging.INFO)
    options = OperatorOptions(
        tuple(namespaces or ()), kubeconfig, context, health_host, health_port, metrics_host, metrics_port,
        admission_certificate, admission_host, admission_port, git_image,
        identity=identity, lease_name=lease_name, lease_seconds=lease_duration_seconds,
        workflows=workflows, limits=Limits(max_concurrent_tasks or None, max_concurrent_tasks_per_namespace or None),
    )  # fmt: skip
    try:
        asyncio.run(operate(options))
    except (NoClusterError, LostLeaseError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
