"""Traces of real runs, sent by OTLP over HTTP to a receiver that reads them."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from parallelproject.controller.telemetry import traces
from parallelproject.core.report.spans import Subject, trace_of
from rig import ControlPlane
from tests.controller.cluster import Json, Namespace, spec, task
from tests.controller.fixtures import in_place_of
from tests.controller.operator_process import OperatorProcess
from tests.controller.test_metrics import value

cluster_test = pytest.mark.cluster


class Receiver:
    """Takes traces, or refuses them."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.code = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.code == 200 and self.path == "/v1/traces":
                    receiver.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(receiver.code)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    @property
    def spans(self) -> list[Span]:
        """All that came, in order."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.thread.start()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


@pytest.fixture
def traced(cluster: ControlPlane, operator: OperatorProcess, receiver: Receiver) -> Iterator[OperatorProcess]:
    """An operator that exports, in place of the other."""
    endpoint = f"http://127.0.0.1:{receiver.server.server_port}"
    patch = f"import os; os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] = {endpoint!r}"
    made = OperatorProcess(cluster, name="traced", patch=patch)
    with in_place_of(operator, made):
        yield made


def of(project: Json, spans: list[Span]) -> list[Span]:
    """The spans of a project's trace."""
    owner = Subject(project["metadata"]["namespace"], project["metadata"]["name"], project["metadata"]["uid"])
    trace = trace_of(owner, project["status"], {})
    assert trace is not None
    return [span for span in spans if int.from_bytes(span.trace_id) == trace.id]


@cluster_test
def test_a_run_is_exported_once_it_has_ended(ns: Namespace, traced: OperatorProcess, receiver: Receiver) -> None:
    tasks = task("a", fail_attempts=1), task("b", "a"), task("bad", "b", fail_attempts=9, maxAttempts=1)
    ns.create(spec(*tasks, task("never", "bad"), defaults={"maxAttempts": 2}))
    done = ns.wait_end()
    spans = ns.until(lambda: of(done, receiver.spans), "the trace")
    names = Counter(span.name for span in spans)
    levels = {"L0": 1, "L1": 1, "L2": 1}
    assert names == {"p": 1, **levels, "a": 1, "b": 1, "bad": 1, "attempt 1": 3, "attempt 2": 1}
    (root,) = (span for span in spans if span.name == "p")
    told = {attribute.key: attribute.value for attribute in root.attributes}
    assert told["k8s.namespace.name"].string_value == ns.name
    assert told["parallelproject.project.uid"].string_value == done["metadata"]["uid"]
    assert told["parallelproject.tasks.skipped"].int_value == 1
    assert (root.parent_span_id, root.status.code) == (b"", Status.STATUS_CODE_ERROR)
    assert "bad (ExitCode" in root.status.message
    by_id = {span.span_id: span for span in spans}
    parents = {span.name: by_id[span.parent_span_id].name for span in spans if span.parent_span_id}
    assert (parents["b"], parents["L1"], parents["attempt 2"]) == ("L1", "p", "a")
    service = {a.key: a.value.string_value for a in receiver.requests[-1].resource_spans[0].resource.attributes}
    assert service["service.name"] == "parallelproject"
    ns.until(lambda: value(traced, "parallelproject_traces_total", result="exported") >= 1, "it to be counted")


@cluster_test
def test_an_operator_that_starts_again_exports_the_same(
    ns: Namespace, traced: OperatorProcess, receiver: Receiver
) -> None:
    ns.create(spec(task("a", fail_attempts=1), task("b", "a"), defaults={"maxAttempts": 2}))
    done = ns.wait_end()
    first = ns.until(lambda: of(done, receiver.spans), "the trace")
    traced.kill()
    traced.start()
    ns.until(lambda: len(of(done, receiver.spans)) == 2 * len(first), "the trace once more")
    again = of(done, receiver.spans)[len(first) :]
    differing = [(str(a), str(b)) for a, b in zip(again, first, strict=True) if a != b]
    assert differing == []


@cluster_test
def test_a_receiver_that_refuses_harms_nothing(ns: Namespace, traced: OperatorProcess, receiver: Receiver) -> None:
    receiver.code = 400
    ns.create(spec(task("a"), task("b", "a")), "refused")
    ns.wait_end("refused")
    ns.until(lambda: value(traced, "parallelproject_traces_total", result="failed") >= 1, "the failure")
    receiver.code = 200
    ns.create(spec(task("a"), task("b", "a")), "taken")
    done = ns.wait_end("taken")
    ns.until(lambda: of(done, receiver.spans), "the trace")
    assert "Traceback" not in traced.output()


@cluster_test
def test_a_receiver_that_never_answers_does_not_keep_the_operator_from_ending(
    ns: Namespace, traced: OperatorProcess, receiver: Receiver
) -> None:
    receiver.code = 503  # to be tried again, for as long as the exporter has patience
    ns.create(spec(task("a")))
    ns.wait_end()
    ns.until(lambda: "503" in traced.output() or "Service Unavailable" in traced.output(), "a try")
    traced.stop()
    assert "the operator ends" in traced.output()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    for name in (*traces.ENDPOINTS, "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def test_without_an_endpoint_there_are_no_traces(environment: Callable[[str, str], None]) -> None:
    assert traces.exporter_from_environment() is None
    environment("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert traces.exporter_from_environment() is not None
    environment("OTEL_SDK_DISABLED", "true")
    assert traces.exporter_from_environment() is None


def test_without_its_libraries_there_are_no_traces_and_the_log_says_so(
    environment: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delitem(sys.modules, "parallelproject.controller.telemetry.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    assert traces.exporter_from_environment() is None
    assert "pip install 'parallelproject[traces]'" in caplog.text
