"""``/metrics``: for Prometheus, in its text format or as OpenMetrics, as requested."""

import asyncio
import logging
from ipaddress import IPv6Address, ip_address

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

log = logging.getLogger(__name__)


async def serve_metrics(registry: CollectorRegistry, host: str | None, port: int) -> None:
    """Serves until cancelled; port 0 is a free one, which the log reports."""
    app = web.Application()
    app.router.add_get("/metrics", make_aiohttp_handler(registry))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0]
        log.info("metrics at %s", url(bound[0], bound[1]), extra={"metrics_port": bound[1]})
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def url(host: str, port: int) -> str:
    """Where a server that listens on an address can be opened from its own machine or pod: one that listens on all
    addresses (``0.0.0.0``, ``::``) is at the loopback address of the same family."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address):
        return f"http://[{'::1' if address.is_unspecified else host}]:{port}/metrics"
    return f"http://{'127.0.0.1' if address.is_unspecified else host}:{port}/metrics"
