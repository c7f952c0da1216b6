"""The address of the metrics that the log names can be opened as it is written."""

import asyncio
import logging
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Gauge

from parallelproject.controller.telemetry.metrics_server import serve_metrics, url


@pytest.mark.parametrize("host", [None, "0.0.0.0", "127.0.0.1", "localhost"])
def test_the_address_in_the_log_can_be_opened(host: str | None, caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    Gauge("answer", "The answer.", registry=registry).set(42)

    async def opened() -> str:
        server = asyncio.create_task(serve_metrics(registry, host, 0))
        async with asyncio.timeout(60):
            while not caplog.messages:
                await asyncio.sleep(0)
                if server.done():
                    await server
        address = caplog.messages[0].removeprefix("metrics at ")
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(address).read().decode())
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        return str(text)

    with caplog.at_level(logging.INFO):
        assert "answer 42.0" in asyncio.run(opened())


def test_an_address_is_written_as_browsers_read_it() -> None:
    assert url("10.1.2.3", 9090) == "http://10.1.2.3:9090/metrics"
    assert url("fd00::7", 9090) == "http://[fd00::7]:9090/metrics"
    assert url("::", 9090) == "http://[::1]:9090/metrics"
    assert url("0.0.0.0", 9090) == "http://127.0.0.1:9090/metrics"
