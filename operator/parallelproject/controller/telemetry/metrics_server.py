"""``/metrics``: for Prometheus, in its text format or as OpenMetrics, as requested."""

import asyncio
import logging

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
        log.info("metrics at http://%s:%d/metrics", bound[0], bound[1], extra={"metrics_port": bound[1]})
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
