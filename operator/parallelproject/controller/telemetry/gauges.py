"""Values that are derived from the controller's state: read on each scrape, and not stored.

Values about tasks come from the statuses, as users see them: some seconds later than the plan. A status is read
only once, since it is never changed but replaced.
"""

import platform
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from parallelproject import __version__
from parallelproject.controller.projects.project import Project
from parallelproject.controller.projects.queue import Queue
from parallelproject.controller.telemetry import metric_names as names
from parallelproject.controller.telemetry.metric_names import Metric
from parallelproject.controller.telemetry.metrics import MetricsRegistry, asked_for
from parallelproject.core.planner.agent_usage import TOKENS, USD, AgentUsage, amount_of, sum_of
from parallelproject.core.report.budget_status import read_spending
from parallelproject.core.report.status import condition
from parallelproject.kube.clock import ServerClock
from parallelproject.kube.reflector import Reflector
from parallelproject.model.status import ConditionType, Reason, TaskState

NEW, REJECTED = "New", "Rejected"
_BY_REASON = {"AllSucceeded": "Succeeded", "TasksFailed": "Failed"}
STATES = (NEW, REJECTED, "Suspended", "Running", "Succeeded", "Failed", "Stopped", "DeadlineExceeded")
"""Of a project."""
_TASK_STATES = frozenset(state.value for state in TaskState)
_REASONS = frozenset(reason.value for reason in Reason)
_OTHER = "Other"
_WORDS_MAX = 40
FORGET_SECONDS = 3600.0
"""How long counters of a namespace without projects are reported."""


class Observed(Protocol):
    """The part of the controller that is read."""

    @property
    def projects(self) -> Collection[Project]:
        """The known projects."""

    @property
    def queue(self) -> Queue:
        """The projects that wait to be planned."""

    @property
    def clock(self) -> ServerClock:
        """The API server's clock, as far as known."""

    @property
    def reflectors(self) -> Sequence[Reflector]:
        """The watches of projects, attempts and namespaces."""

    def is_failing(self, project: Project) -> bool:
        """Whether the last reconcile of a project failed."""

    def status_behind_since(self, project: Project) -> float | None:
        """Monotonic time of the first plan that a status does not have; None if it has all."""


class _Summary(NamedTuple):
    """The summary of one status."""

    state: str
    published: tuple[str, str] | None
    tasks: Counter[str]
    reasons: Counter[tuple[str, str]]
    budgets: Mapping[str, tuple[float, float]]
    """By unit, what is spent, and the limit of the whole project."""
    is_exhausted: bool
    usage: AgentUsage
    """Of all its attempts."""


class Gauges(Collector):
    """Reports the current state."""

    def __init__(self, observed: Observed, metrics: MetricsRegistry, is_leader: Callable[[], bool]) -> None:
        """Prepares it.

        Args:
            observed: The controller.
            metrics: Has the counters.
            is_leader: Whether this process is the active one.
        """
        self._observed = observed
        self._metrics = metrics
        self._is_leader = is_leader
        self._summaries: dict[str, tuple[object, _Summary]] = {}  # by the project's uid, with the status it is of
        self._had_projects: dict[str, float] = {}  # by namespace, the monotonic time when that was seen last

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: it would read everything."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """All gauges, and the counters of the watches."""
        yield from self._of_projects()
        self._forget_namespaces()
        yield from self._of_the_queue()
        yield from self._of_watches()
        yield _gauge(names.CLOCK_SKEW, {(): self._observed.clock.skew})
        yield _gauge(names.LEADER, {(): float(self._is_leader())})
        yield _gauge(names.BUILD, {(__version__, platform.python_version()): 1.0})

    def _of_projects(self) -> Iterable[GaugeMetricFamily]:
        projects: Counter[tuple[str, ...]] = Counter()
        tasks: Counter[tuple[str, ...]] = Counter()
        reasons: Counter[tuple[str, ...]] = Counter()
        publications: Counter[tuple[str, ...]] = Counter()
        slots: Counter[tuple[str, ...]] = Counter()
        spent: defaultdict[tuple[str, ...], float] = defaultdict(float)
        limits: defaultdict[tuple[str, ...], float] = defaultdict(float)
        exhausted: Counter[tuple[str, ...]] = Counter()
        tokens: Counter[tuple[str, ...]] = Counter()
        costs: defaultdict[tuple[str, ...], float] = defaultdict(float)
        known = self._observed.projects
        for namespace in {project.owner.namespace for project in known}:
            projects.update({(namespace, state): 0 for state in STATES})
            tasks.update({(namespace, state): 0 for state in _TASK_STATES})
        for project in known:
            namespace, counted = project.owner.namespace, self._summary(project)
            projects[namespace, counted.state] += 1
            for state, count in counted.tasks.items():
                tasks[namespace, state] += count
            for (state, reason), count in counted.reasons.items():
                reasons[namespace, state, reason] += count
            if counted.published is not None:
                publications[(namespace, *counted.published)] += 1
            exhausted[(namespace,)] += counted.is_exhausted
            for unit, (used, limit) in counted.budgets.items():
                spent[namespace, unit] += used
                limits[namespace, unit] += limit
            tokens[namespace, "input"] += counted.usage.input_tokens or 0
            tokens[namespace, "output"] += counted.usage.output_tokens or 0
            costs[(namespace,)] += float(counted.usage.usd or 0)
            snapshot = project.ledger.snapshot
            slots[(namespace,)] += snapshot.usage.slots if snapshot is not None else 0
        if len(self._summaries) > len(known):
            uids = {project.owner.uid for project in known}
            self._summaries = {uid: kept for uid, kept in self._summaries.items() if uid in uids}
        yield _gauge(names.PROJECTS, projects)
        yield _gauge(names.TASKS, tasks)
        yield _gauge(names.TASKS_BY_REASON, reasons)
        yield _gauge(names.PUBLICATIONS, publications)
        yield _gauge(names.SLOTS_HELD, slots)
        yield _gauge(names.BUDGET_SPENT, spent)
        yield _gauge(names.BUDGET_LIMIT, limits)
        yield _gauge(names.BUDGETS_EXHAUSTED, exhausted)
        yield _gauge(names.AGENT_TOKENS, tokens)
        yield _gauge(names.AGENT_COST, costs)
        yield _gauge(names.RECONCILES_FAILING, {(): float(sum(map(self._observed.is_failing, known)))})
        yield _gauge(names.STATUS_OLDEST, {(): _age(map(self._observed.status_behind_since, known))})

    def _summary(self, project: Project) -> _Summary:
        status = project.status
        kept = self._summaries.get(project.owner.uid)
        if kept is None or kept[0] is not status:
            kept = self._summaries[project.owner.uid] = (status, summary(status))
        return kept[1]

    def _forget_namespaces(self) -> None:
        """Drops the counters of namespaces that have had no project for a long time."""
        now, counted = time.monotonic(), self._metrics.namespaces
        has_projects = {project.owner.namespace for project in self._observed.projects}
        last = self._had_projects
        self._had_projects = {name: now if name in has_projects else last.get(name, now) for name in counted}
        for name, at in self._had_projects.items():
            if now - at > FORGET_SECONDS:
                self._metrics.forget(name)

    def _of_the_queue(self) -> Iterable[GaugeMetricFamily]:
        queue = self._observed.queue
        yield _gauge(names.QUEUE_DEPTH, {(): float(len(queue))})
        yield _gauge(names.QUEUE_OLDEST, {(): _age([queue.oldest])})

    def _of_watches(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        metric = names.WATCH_RESTARTS
        restarts = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        contacts: dict[tuple[str, ...], float] = {}
        synced: dict[tuple[str, ...], float] = {}
        counts: Counter[tuple[str, str]] = Counter()
        for reflector in self._observed.reflectors:
            resource = asked_for("GET", reflector.path)[1]
            for cause, count in reflector.restarts.items():
                counts[resource, cause] += count
            if self._is_leader():  # a standby operator watches nothing
                is_synced = float(reflector.synced.is_set() and not reflector.is_refused)
                synced[(resource,)] = min(synced.get((resource,), 1.0), is_synced)
            if reflector.last_contact:
                contacts[(resource,)] = min(contacts.get((resource,), reflector.last_contact), reflector.last_contact)
        for key, count in counts.items():
            restarts.add_metric(key, count)
        now = time.monotonic()
        yield restarts
        yield _gauge(names.WATCH_SYNCED, synced)
        yield _gauge(names.WATCH_SILENCE, {key: max(0.0, now - at) for key, at in contacts.items()})


def summary(status: Mapping[str, Any]) -> _Summary:
    """The summary of a status; parts that are not in our format are ignored."""
    tasks: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    for (state, reason), count in _rows(status).items():  # few, where the rows may be thousands
        if state in _TASK_STATES:
            tasks[state] += count
            if reason is not None:
                reasons[state, reason if reason in _REASONS else _OTHER] += count
    found = condition(status, "Published")
    published = (_word(found.get("status")), _word(found.get("reason"))) if found else None
    is_exhausted = condition(status, ConditionType.BUDGET_EXHAUSTED).get("status") == "True"
    usage = sum_of(found.usage for found in read_spending(status).values()) or AgentUsage()
    return _Summary(_state(status), published, tasks, reasons, _budgets(status), is_exhausted, usage)


def _budgets(status: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """The budgets of whole projects, in the units that agents report."""
    found = status.get("budgets")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    amounts = {
        row["unit"]: (amount_of(row.get("spent")), amount_of(row.get("limit")))
        for row in rows
        if row.get("unit") in (USD, TOKENS) and "role" not in row
    }
    return {unit: (float(spent or 0), float(limit or 0)) for unit, (spent, limit) in amounts.items()}


def _rows(status: Mapping[str, Any]) -> Counter[tuple[Any, Any]]:
    """State and reason of the tasks that are in the spec."""
    rows = status.get("tasks")
    rows = rows if isinstance(rows, list) else ()
    found = [(row.get("state"), row.get("reason")) for row in rows if isinstance(row, dict) and "removed" not in row]
    try:
        return Counter(found)
    except TypeError:  # no words
        return Counter((str(state), str(reason)) for state, reason in found)


def _state(status: Mapping[str, Any]) -> str:
    if condition(status, "Accepted").get("status") == "False":
        return REJECTED
    if condition(status, "Completed").get("status") != "True":
        if condition(status, "Suspended").get("status") == "True":
            return "Suspended"
        return "Running" if condition(status, "Accepted") else NEW
    reason = condition(status, "Succeeded").get("reason")
    state = _BY_REASON.get(reason, reason) if isinstance(reason, str) else _OTHER
    return state if state in STATES else _OTHER


def _word(found: object) -> str:
    """A reason as a label: unknown reasons would create a series for every text that someone writes."""
    return found if isinstance(found, str) and found.isalpha() and len(found) <= _WORDS_MAX else _OTHER


def _age(since: Iterable[float | None]) -> float:
    oldest = min((at for at in since if at is not None), default=None)
    return 0.0 if oldest is None else max(0.0, time.monotonic() - oldest)


def _gauge(metric: Metric, values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
