"""A trace of each project that ends, by OpenTelemetry, if an endpoint is set and the SDK is installed.

One thread, outside of the event loop, builds the spans and sends them. Its errors are logged and counted, and affect
nothing else. It is not recorded what was exported. After a start the operator exports projects that ended a short time
ago, possibly a second time: the ids are the same.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

from parallelproject.controller.projects.feed import Moment
from parallelproject.controller.projects.project import Json, Project
from parallelproject.core.planner.attempt import Attempt
from parallelproject.core.report.changes import Event, What
from parallelproject.core.report.spans import AgentModel, Subject, Trace, trace_of
from parallelproject.core.times import epoch

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""The variables that enable it. The exporter reads them, and all others of its specification, itself."""
RECENT_SECONDS = 900.0
"""A project that ended longer ago was exported by an earlier process."""
_WAITING_MAX = 100


class Exporter(Protocol):
    """Sends traces. Both may be called from any thread."""

    def export(self, trace: Trace) -> bool:
        """Sends one, and returns whether it arrived."""

    def close(self) -> None:
        """Cancels what is being sent."""


class _Work(NamedTuple):
    project: Subject
    status: Json
    seen: dict[str, tuple[Attempt, ...]]
    agents: dict[str, AgentModel]


class Traces:
    """Exports each project's trace after its end."""

    moment = Moment.WRITTEN

    def __init__(
        self, exporter: Exporter | None, tell: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        """Prepares it.

        Args:
            exporter: Sends them; None: traces are disabled.
            tell: Called with the result of each: exported, failed or dropped.
            clock: Seconds since the epoch.
        """
        self._exporter = exporter
        self._tell = tell
        self._clock = clock
        self._waiting: queue.Queue[_Work] = queue.Queue(_WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._exported: WeakKeyDictionary[Project, str] = WeakKeyDictionary()
        """By project, the end whose trace was passed on."""

    def take(self, project: Project, events: Sequence[Event]) -> None:
        """Exports a project that has ended, or that had ended a short time before the start."""
        at = project.status.get("completionTime")
        if self._exporter is None or not isinstance(at, str) or self._exported.get(project) == at:
            return
        if not any(event.what in (What.COMPLETED, What.FOUND) for event in events):
            return
        self._exported[project] = at
        ended = epoch(at)
        if ended is None or self._clock() - ended > RECENT_SECONDS:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(self._exporter,), name="traces", daemon=True)
            self._thread.start()
        owner = project.owner
        subject = Subject(owner.namespace, owner.name, owner.uid)
        try:
            self._waiting.put_nowait(_Work(subject, project.status, project.observed.attempts.copy(), _agents(project)))
        except queue.Full:
            log.warning("the trace of %s/%s is dropped: %d wait", owner.namespace, owner.name, _WAITING_MAX)
            self._tell("dropped")

    def close(self) -> None:
        """Stops; the next operator exports what had just ended."""
        if self._exporter is not None:
            self._exporter.close()

    def _run(self, exporter: Exporter) -> None:
        while True:
            work = self._waiting.get()
            try:
                trace = trace_of(work.project, work.status, work.seen, work.agents)
                done = trace is not None and exporter.export(trace)
            except Exception:
                log.exception("the trace of %s/%s", work.project.namespace, work.project.name)
                done = False
            self._tell("exported" if done else "failed")


def _agents(project: Project) -> dict[str, AgentModel]:
    """By task id, the coding agent of its role."""
    spec, graph = project.spec, project.graph
    if spec is None or graph is None:
        return {}
    by_role = {role.name: AgentModel(role.agent.type.value, role.agent.model) for role in spec.roles if role.agent}
    named = zip(graph.ids, graph.role, strict=True)
    return {task: by_role[role] for task, role in named if role in by_role}


def exporter_from_environment() -> Exporter | None:
    """The exporter that the environment configures; None if it configures none, or one that is not installed."""
    if not any(map(os.environ.get, ENDPOINTS)) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from parallelproject.controller.telemetry.otlp import Otlp  # its libraries are optional
    except ImportError as error:
        log.warning("no traces, though %s is set: %s (pip install 'parallelproject[traces]')", ENDPOINTS[0], error)
        return None
    return Otlp()
