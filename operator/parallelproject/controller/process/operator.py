"""The operator process: its parts, started together and ended in order; nothing is decided here."""

import asyncio
import logging
import signal
import socket
import sys
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parallelproject.controller.process.consumers import Parts, consumers
from parallelproject.controller.process.health import Health
from parallelproject.controller.projects.feed import Feed
from parallelproject.controller.projects.project_source import ProjectWebhook
from parallelproject.controller.reconcile.controller import Controller
from parallelproject.controller.telemetry.gauges import Gauges
from parallelproject.controller.telemetry.metrics import MetricsRegistry
from parallelproject.controller.telemetry.metrics_server import serve_metrics
from parallelproject.core.planner.constraints.shared_limits import NO_LIMITS, Limits
from parallelproject.executors.base.acceptance import Check
from parallelproject.executors.base.delivery_instruction import IMAGE as GIT_IMAGE
from parallelproject.executors.job.executor import JobExecutor
from parallelproject.executors.workflow.executor import WorkflowExecutor
from parallelproject.kube.client import Api
from parallelproject.kube.lease import LEASE, SECONDS, Leader
from parallelproject.model.spec import ExecutorKind

log = logging.getLogger(__name__)

_DEPTH_MAX = 10_000
"""The API server refuses JSON that is nested deeper. Everything else must be readable, since one project that is not
would end the watch of all projects."""


async def _generator() -> AsyncGenerator[None, None]:
    yield


_CLOSING = type(_generator().aclose())
"""The type of what closes a generator; it has no public name."""


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """How the operator runs."""

    namespaces: Sequence[str] = ()
    """Namespaces to work in; empty: all."""
    kubeconfig: str | None = None
    context: str | None = None
    health_host: str | None = None
    """Address that the probes listen on: the kubelet connects from outside the pod."""
    health_port: int = 8080
    metrics_host: str | None = None
    """Address that ``/metrics`` listens on."""
    metrics_port: int = 9090
    """0: a free one, which the log reports."""
    admission_certificate: Path | None = None
    """Folder of the certificate of the admission webhook, see ``ProjectWebhook``; without it the webhook is
    disabled."""
    admission_host: str | None = None
    """Address that the webhook listens on."""
    admission_port: int = 9443
    git_image: str = GIT_IMAGE
    """The image that lands work, in the pods of projects with ``spec.git``."""
    identity: str = ""
    """Its identity in the election, such as the uid of its pod: an operator that restarts with the same identity need
    not wait. No two at once may have the same; by default it is random."""
    limits: Limits = NO_LIMITS
    """Limits of running tasks, over all projects."""
    lease_name: str = LEASE
    """Name of the Lease, in the operator's namespace: all operators with the same Lease elect one leader."""
    workflows: bool = False
    """Whether projects may have the executor Workflow."""
    lease_seconds: int = SECONDS
    """How long the Lease of a silent leader stays valid."""


async def operate(options: OperatorOptions) -> None:
    """Runs until SIGTERM or SIGINT, or until a watch fails for good.

    Raises:
        LostLeaseError: another operator leads now.
        NoClusterError: none is configured.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 4 * _DEPTH_MAX))
    asyncio.get_running_loop().set_exception_handler(report_loop_error)
    stop = asyncio.Event()
    _on_signals(stop)
    async with await Api.connect(options.kubeconfig, options.context) as api, AsyncExitStack() as at_end:
        identity = options.identity or f"{socket.gethostname()}_{uuid.uuid4()}"
        leader = Leader(api, identity, options.lease_name, options.lease_seconds)
        metrics = MetricsRegistry()
        feed = Feed(consumers(Parts(api, metrics, at_end)))
        executor = JobExecutor(options.git_image)
        others = {ExecutorKind.WORKFLOW: WorkflowExecutor(options.git_image)} if options.workflows else {}
        controller = Controller(
            api, leader, executor, tuple(options.namespaces), options.limits, metrics, feed, others
        )  # fmt: skip
        metrics.registry.register(Gauges(controller, metrics, lambda: leader.is_leading))
        api.observe = metrics.requested
        controller.source.on_kopf_start = lambda: _on_signals(stop)
        webhook = _webhook(api, options, controller.executors.problems)
        health = Health(leader, controller.needed_reflectors, controller.source.kopf_runs, webhook)
        works = {
            asyncio.create_task(leader.run(), name="election"),
            asyncio.create_task(controller.run(), name="controller"),
            asyncio.create_task(health.serve(options.health_host, options.health_port), name="health"),
            asyncio.create_task(
                serve_metrics(metrics.registry, options.metrics_host, options.metrics_port), name="metrics"
            ),
        }
        if webhook is not None:
            webhook.on_kopf_start = lambda: _on_signals(stop)
            works.add(asyncio.create_task(webhook.run(), name="admission"))
        stopping = asyncio.create_task(stop.wait())
        log.info("the operator starts", extra={"server": api.server, "namespaces": list(options.namespaces) or "all"})
        done, _ = await asyncio.wait({*works, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        for work in works:
            work.cancel()
        results = await asyncio.gather(*works, return_exceptions=True)
        await at_end.aclose()
        if controller.left_nothing:  # else the next operator has to wait until those requests have arrived
            await leader.release()
        for result in results:
            if isinstance(result, Exception):
                raise result
        if stopping not in done:
            raise RuntimeError(f"{', '.join(w.get_name() for w in done if w is not stopping)} ended by itself")
        log.info("the operator ends")
        asyncio.get_running_loop().set_exception_handler(_note_loop_error)


def _webhook(api: Api, options: OperatorOptions, check: Check) -> ProjectWebhook | None:
    folder = options.admission_certificate
    if folder is None:
        return None
    return ProjectWebhook(api, check, folder, options.admission_host, options.admission_port)


def _on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def report_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs an error that no task gets. An error of closing a generator is not the operator's.

    A watch of kopf that is cancelled while it handles an event leaves its generators open. The loop and the garbage
    collector then close them at the same time: one complains that another is closed, or is being closed.
    """
    if "asyncgen" in context or _closes_generator(context.get("task") or context.get("future")):
        _note_loop_error(loop, context)
    else:
        loop.default_exception_handler(context)


def _closes_generator(task: object) -> bool:
    return isinstance(task, asyncio.Task) and type(task.get_coro()) is _CLOSING


def _note_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs an error for developers: when the operator has ended, all that is left is to close things."""
    log.debug(context["message"], exc_info=context.get("exception"))
