"""The consumers of events: a new consumer is a file and a line in this tuple."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import NamedTuple

from parallelproject.controller.projects.feed import ProjectConsumer
from parallelproject.controller.telemetry.events import KubernetesEvents
from parallelproject.controller.telemetry.log_lines import LogLines
from parallelproject.controller.telemetry.metrics import MetricsRegistry
from parallelproject.controller.telemetry.traces import Traces, exporter_from_environment
from parallelproject.kube.client import Api


class Parts(NamedTuple):
    """What a consumer may need."""

    api: Api
    metrics: MetricsRegistry
    at_end: AsyncExitStack
    """Registers what to do when the operator ends."""


def _kubernetes_events(parts: Parts) -> ProjectConsumer:
    made = KubernetesEvents(parts.api)
    parts.at_end.push_async_callback(made.close)
    return made


def _traces(parts: Parts) -> ProjectConsumer:
    made = Traces(exporter_from_environment(), parts.metrics.traced, parts.api.clock.now)
    parts.at_end.callback(made.close)
    return made


CONSUMERS: tuple[Callable[[Parts], ProjectConsumer], ...] = (
    lambda parts: parts.metrics,
    _kubernetes_events,
    _traces,
    lambda parts: LogLines(),
)
"""Their constructors, in the order in which they receive events."""


def consumers(parts: Parts) -> list[ProjectConsumer]:
    """Creates all consumers."""
    return [make(parts) for make in CONSUMERS]
