"""Sends a trace by OTLP over HTTP, with the SDK of OpenTelemetry; the one module that needs its libraries.

The SDK's own pipeline generates ids, and drops spans when more come at once than fit its queue. So the spans are
started and ended here, each with its given id, and passed to the exporter. The environment configures sampling.
"""

import os
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as OpenSpan

from parallelproject import __version__
from parallelproject.core.report.spans import Trace

NAME = "parallelproject"
_SPANS_AT_ONCE = 512
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Otlp:
    """The environment configures endpoint and protocol; it is read once."""

    def __init__(self) -> None:
        self._ids = _Given()
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: NAME}
        resource = Resource.create({SERVICE_VERSION: __version__, **named})
        provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._tracer = provider.get_tracer(NAME, __version__)
        self._exporter = OTLPSpanExporter()

    def export(self, trace: Trace) -> bool:
        """Sends a trace, and returns whether all of it arrived."""
        spans = [span for span in self._made(trace) if isinstance(span, ReadableSpan)]  # others are not sampled
        batches = (spans[at : at + _SPANS_AT_ONCE] for at in range(0, len(spans), _SPANS_AT_ONCE))
        return all(self._exporter.export(batch) is SpanExportResult.SUCCESS for batch in batches)

    def close(self) -> None:
        """Cancels retries."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _made(self, trace: Trace) -> Sequence[OpenSpan]:
        made: dict[int, OpenSpan] = {}
        for span in trace.spans:
            self._ids.trace, self._ids.span = trace.id, span.id
            around = set_span_in_context(made[span.parent]) if span.parent else None
            links = [Link(SpanContext(*span.link, is_remote=True, trace_flags=_SAMPLED))] if span.link else []
            started = self._tracer.start_span(
                span.name, around, attributes=span.attributes, links=links, start_time=_nanoseconds(span.start)
            )
            if span.failed is not None:
                started.set_status(Status(StatusCode.ERROR, span.failed))
            started.end(_nanoseconds(span.end))
            made[span.id] = started
        return list(made.values())


class _Given(IdGenerator):
    """The ids of the span that is started next."""

    trace = span = 0

    def generate_span_id(self) -> int:
        """Of the span."""
        return self.span

    def generate_trace_id(self) -> int:
        """Of its trace; asked for where it has no parent."""
        return self.trace


def _nanoseconds(seconds: float) -> int:
    return int(seconds) * 1_000_000_000
