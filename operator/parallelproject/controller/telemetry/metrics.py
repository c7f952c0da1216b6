"""What the operator counts and measures while it works; values that follow from its state are read on each scrape.

One object per process. Its methods take a microsecond or two, and nothing runs while nothing happens.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

from parallelproject.controller.projects.feed import Moment
from parallelproject.controller.projects.project import Project
from parallelproject.controller.telemetry import metric_names as names
from parallelproject.controller.telemetry.metric_names import Metric
from parallelproject.core.report.changes import Event
from parallelproject.core.report.counts import Result, count
from parallelproject.model.status import Reason

LANDED = "Landed"
NOT_LANDED = (
    Reason.CONFLICT,
    Reason.POLICY,
    Reason.BRANCH_REWRITTEN,
    Reason.AUTH_OR_PROTECTED,
    Reason.EXHAUSTED,
    Reason.TRANSIENT,
)
"""Why the work of an attempt did not land."""
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_PATH = re.compile(
    r"/(?:api/[^/]+|apis/[^/]+/[^/]+)(?:/namespaces/[^/]+)?/(?P<resource>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[^/]+))?)?"
)


class MetricsRegistry:
    """Counters and histograms, and the registry of all metrics."""

    moment = Moment.PLANNED

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series for each, which is not used
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="parallelproject", registry=self.registry)
        self._started = self._counter(names.ATTEMPTS_STARTED)
        self._retries = self._counter(names.RETRIES)
        self._ended = self._counter(names.ATTEMPTS_ENDED)
        self._landings = self._counter(names.LANDINGS)
        self._requests = self._counter(names.API_REQUESTS)
        self._request_duration = self._histogram(names.API_DURATION)
        self._queue_duration = self._histogram(names.QUEUE_DURATION)
        self._reconcile_duration = self._histogram(names.RECONCILE_DURATION)
        self._plan_duration = self._histogram(names.PLAN_DURATION)
        self._release_duration = self._histogram(names.RELEASE_DURATION)
        self._status_delay = self._histogram(names.STATUS_DELAY)
        self._traces = self._counter(names.TRACES)
        self._kopf_restarts = self._counter(names.KOPF_RESTARTS)
        self._projects_missed = self._counter(names.PROJECTS_MISSED)
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram | None]] = {}  # by verb, resource and code
        self.namespaces: set[str] = set()
        """Namespaces with counters."""
        self.woken = 0.0
        """Monotonic time at which the project that is planned now was queued."""

    @contextmanager
    def reconciling(self, since: float) -> Iterator[None]:
        """A project is planned that was queued at this monotonic time."""
        began = time.monotonic()
        self.woken = since
        self._queue_duration.observe(began - since)
        try:
            yield
        finally:
            self._reconcile_duration.observe(time.monotonic() - began)

    def planning(self) -> AbstractContextManager[object]:
        """The plan alone is made."""
        return self._plan_duration.time()

    def take(self, project: Project, events: Sequence[Event]) -> None:
        """Counts what a plan has recorded."""
        found = count(events)
        if not (found.started or found.landed or found.ended):
            return
        namespace = project.owner.namespace
        if namespace not in self.namespaces:
            self._begin(namespace, lands=project.spec is not None and project.spec.git is not None)
        self._started.labels(namespace).inc(found.started)
        if found.retries:
            self._retries.labels(namespace).inc(found.retries)
        if found.landed:
            self._landings.labels(namespace, LANDED).inc(found.landed)
        for end, times in found.ended.items():
            self._ended.labels(namespace, end.result.value, end.reason).inc(times)
            if end.reason in NOT_LANDED:
                self._landings.labels(namespace, end.reason).inc(times)

    def _begin(self, namespace: str, *, lands: bool) -> None:
        """Starts at 0: a series that appears with 1 shows no increase."""
        self.namespaces.add(namespace)
        self._retries.labels(namespace)
        for result in Result:
            if result is not Result.FAILED:
                self._ended.labels(namespace, result.value, "")
        for outcome in (LANDED, *NOT_LANDED) if lands else ():
            self._landings.labels(namespace, str(outcome))

    def forget(self, namespace: str) -> None:
        """Drops the counters of a namespace: there may be a new namespace every day."""
        self.namespaces.discard(namespace)
        for counter in (self._started, self._retries, self._ended, self._landings):
            counter.remove_by_labels({names.NAMESPACE: namespace})

    def released(self, woken: float) -> None:
        """The API server has answered the creation of a Job; ``woken`` is of the plan that decided on it."""
        self._release_duration.observe(time.monotonic() - woken)

    def status_written(self, seconds: float) -> None:
        """A status is written; its first plan was made the given number of seconds ago."""
        self._status_delay.observe(seconds)

    def requested(self, method: str, path: str, code: int, seconds: float | None) -> None:
        """A request to the API server has ended.

        Args:
            code: The HTTP code; 0 if there was no answer.
            seconds: How long it took; None for a watch, which was only started.
        """
        verb, resource = asked_for(method, path)
        key = (verb if seconds is not None else "watch", resource, code)
        if key not in self._answers:  # looking up the labels each time takes four times as long
            duration = self._request_duration.labels(verb, resource) if seconds is not None else None
            self._answers[key] = (self._requests.labels(key[0], resource, str(code or "error")), duration)
        counter, duration = self._answers[key]
        counter.inc()
        if duration is not None and seconds is not None:
            duration.observe(seconds)

    def traced(self, result: str) -> None:
        """The result of a trace: exported, failed or dropped."""
        self._traces.labels(result).inc()

    def kopf_ended(self) -> None:
        """kopf has ended by itself, and is restarted."""
        self._kopf_restarts.inc()

    def project_missed(self) -> None:
        """kopf did not deliver a state of a project, which is read instead."""
        self._projects_missed.inc()

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.meaning, metric.labels, registry=self.registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(metric.name, metric.meaning, metric.labels, registry=self.registry, buckets=metric.buckets)


@lru_cache(maxsize=1024)
def asked_for(method: str, path: str) -> tuple[str, str]:
    """The verb of a request as Kubernetes calls it, and the resource, with its subresource."""
    found = _PATH.fullmatch(path)
    if found is None:
        return method.lower(), "other"
    resource, name, subresource = found["resource"], found["name"], found["sub"]
    verb = _VERBS.get(method) or ("list" if name is None else "get")
    return verb, f"{resource}/{subresource}" if subresource else resource
