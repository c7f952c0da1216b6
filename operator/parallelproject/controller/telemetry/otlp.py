"""Sends a trace by OTLP over HTTP, with the SDK of OpenTelemetry; the one module that needs its libraries.

The SDK's own pipeline makes up ids, and drops spans when more come at once than it holds. So the spans are started and
ended here, each with the id that it is given, and handed to the exporter. Sampling is as the environment asks.
"""

import os
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span as OpenSpan
from opentelemetry.trace import Status, StatusCode, set_span_in_context

from parallelproject import __version__
from parallelproject.core.report.spans import Trace

NAME = "parallelproject"
_SPANS_AT_ONCE = 512


class Otlp:
    """Where and how is read from the environment, once."""

    def __init__(self) -> None:
        self._ids = _Given()
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: NAME}
        resource = Resource.create({SERVICE_VERSION: __version__, **named})
        provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._tracer = provider.get_tracer(NAME, __version__)
        self._exporter = OTLPSpanExporter()

    def export(self, trace: Trace) -> bool:
        """Sends a trace, and says whether all of it got there."""
        spans = [span for span in self._made(trace) if isinstance(span, ReadableSpan)]  # others are not sampled
        batches = (spans[at : at + _SPANS_AT_ONCE] for at in range(0, len(spans), _SPANS_AT_ONCE))
        return all(self._exporter.export(batch) is SpanExportResult.SUCCESS for batch in batches)

    def close(self) -> None:
        """Gives up what is being tried again."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _made(self, trace: Trace) -> Sequence[OpenSpan]:
        made: dict[int, OpenSpan] = {}
        for span in trace.spans:
            self._ids.trace, self._ids.span = trace.id, span.id
            around = set_span_in_context(made[span.parent]) if span.parent else None
            begun = self._tracer.start_span(
                span.name, around, attributes=span.attributes, start_time=_nanoseconds(span.start)
            )
            if span.failed is not None:
                begun.set_status(Status(StatusCode.ERROR, span.failed))
            begun.end(_nanoseconds(span.end))
            made[span.id] = begun
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
