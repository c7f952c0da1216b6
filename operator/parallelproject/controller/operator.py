"""The operator process: kopf watches the ParallelProjects and hands every event on; nothing is decided here.

Only ``on.event`` is used. Changing handlers would copy the whole spec into an annotation, whose limit is reached
at some 1,400 tasks, and their stores cost ten times the time of the event itself.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf

from parallelproject.controller.controller import Controller
from parallelproject.controller.gauges import Gauges
from parallelproject.controller.health import Health
from parallelproject.controller.leader import LEASE, SECONDS, Leader
from parallelproject.controller.metrics_server import serve_metrics
from parallelproject.core.sharing import NO_LIMITS, Limits
from parallelproject.executors.delivery_pod import IMAGE as GIT_IMAGE
from parallelproject.kube.api import REQUEST_SECONDS, Api
from parallelproject.kube.reflector import SILENCE_SECONDS, WATCH_SECONDS
from parallelproject.model import names

log = logging.getLogger(__name__)

_DEPTH_MAX = 10_000
"""JSON that is nested deeper is refused by the API server; what is not must be read, since a project that cannot
be would end the watch of all."""


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """How the operator runs."""

    namespaces: Sequence[str] = ()
    """Namespaces to work in; empty: all."""
    kubeconfig: str | None = None
    context: str | None = None
    health_host: str | None = None
    """Address that the probes listen on: the kubelet asks from outside the pod."""
    health_port: int = 8080
    metrics_host: str | None = None
    """Address that ``/metrics`` listens on."""
    metrics_port: int = 9090
    """0: a free one, which the log tells."""
    git_image: str = GIT_IMAGE
    """The image that lands work, in the pods of projects with ``spec.git``."""
    identity: str = ""
    """Who it is in the election, such as the uid of its pod: who comes back under the same one need not wait. No two
    at once may have the same; by default it is made up."""
    limits: Limits = NO_LIMITS
    """How much may be at work at once, of all projects together."""
    lease_name: str = LEASE
    """Of the Lease, in its own namespace, by which those that share it elect a leader."""
    lease_seconds: int = SECONDS
    """For how long the Lease of a leader that is not heard of any more is respected."""


async def operate(options: OperatorOptions) -> None:
    """Runs until SIGTERM or SIGINT, or until a watch cannot go on.

    Raises:
        LostLeaseError: another operator leads now.
        NoClusterError: none is configured.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 4 * _DEPTH_MAX))
    stop = asyncio.Event()
    _on_signals(stop)
    async with await Api.connect(options.kubeconfig, options.context) as api:
        identity = options.identity or f"{socket.gethostname()}_{uuid.uuid4()}"
        leader = Leader(api, identity, options.lease_name, options.lease_seconds)
        controller = Controller(api, leader, tuple(options.namespaces), options.git_image, options.limits)
        metrics = controller.metrics
        metrics.registry.register(Gauges(controller, metrics, lambda: leader.is_leading))
        api.observe = metrics.requested
        ready = asyncio.Event()
        health = Health(leader, controller.reflectors, ready)
        works = {
            asyncio.create_task(leader.run(), name="election"),
            asyncio.create_task(controller.run(), name="controller"),
            asyncio.create_task(health.serve(options.health_host, options.health_port), name="health"),
            asyncio.create_task(
                serve_metrics(metrics.registry, options.metrics_host, options.metrics_port), name="metrics"
            ),
            asyncio.create_task(_watch_projects(controller, leader, api, options, ready, stop), name="kopf"),
        }
        stopping = asyncio.create_task(stop.wait())
        log.info("the operator starts", extra={"server": api.server, "namespaces": list(options.namespaces) or "all"})
        done, _ = await asyncio.wait({*works, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        for work in works:
            work.cancel()
        results = await asyncio.gather(*works, return_exceptions=True)
        if controller.left_nothing:  # else the next one is to wait until that has arrived
            await leader.release()
        for result in results:
            if isinstance(result, Exception):
                raise result
        if stopping not in done:
            raise RuntimeError(f"{', '.join(w.get_name() for w in done if w is not stopping)} ended by itself")
        log.info("the operator ends")


async def _watch_projects(
    controller: Controller,
    leader: Leader,
    api: Api,
    options: OperatorOptions,
    ready: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        found = api.configuration
        return kopf.ConnectionInfo(
            server=api.server,
            ca_path=found.ssl_ca_cert,
            ca_data=found.ca_cert_data,
            insecure=not found.verify_ssl,
            token=await api.token(),
            certificate_path=found.cert_file,
            private_key_path=found.key_file,
            expiration=datetime.now(UTC) + timedelta(minutes=5),  # tokens of pods are renewed
        )

    @kopf.on.startup(registry=registry)
    async def started(**_: Any) -> None:
        ready.set()

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
    async def project_event(type: str | None, body: kopf.Body, **_: Any) -> None:
        controller.project_event(type, body)

    with contextlib.suppress(asyncio.CancelledError):
        await leader.elected.wait()
        ours = asyncio.all_tasks()  # kopf takes every other task for its own, and cancels it when it ends
        tasks = await kopf.spawn_tasks(
            registry=registry,
            settings=_settings(),
            standalone=True,
            clusterwide=not options.namespaces,
            namespaces=options.namespaces,
        )
        _on_signals(stop)  # kopf has set its own
        await kopf.run_tasks(tasks, ignored=ours)


def _on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = WATCH_SECONDS + 10
    settings.watching.inactivity_timeout = SILENCE_SECONDS
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.error_backoffs = (1, 2, 5, *[10] * 1000)  # as patient as our own watches: it never gives up
    settings.persistence.finalizer = ""  # kopf would remove its own where a user has set it; none has this name
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.diffbase_storage = _NoDiffBase()
    return settings


class _NoProgress(kopf.ProgressStorage):
    """Keeps nothing: without changing handlers there is no progress."""

    def fetch(self, **_: Any) -> None:
        """Finds nothing."""

    def store(self, **_: Any) -> None:
        """Stores nothing."""

    def purge(self, **_: Any) -> None:
        """Removes nothing."""

    def touch(self, **_: Any) -> None:
        """Touches nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Leaves the object as it is."""
        return essence


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no copy of the spec."""

    def build(self, *, body: Any, **_: Any) -> Any:
        """The essence of an object, for comparisons that nobody makes."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Finds nothing."""

    def store(self, **_: Any) -> None:
        """Stores nothing."""
