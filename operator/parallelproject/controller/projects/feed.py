"""The consumers of events, and when they get them.

Events are derived twice, at two moments, from two forms of state. At each plan, from ledgers: every attempt, exactly,
and before anyone can read it. When a status is written, from
documents: what users see, so that an Event never says what ``kubectl get`` does not. A consumer chooses its moment in
its own file.
"""

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from enum import Enum, auto
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from parallelproject.controller.projects.project import Project
from parallelproject.controller.projects.renewal import Renewal
from parallelproject.core.planner.plan import Ledger
from parallelproject.core.report.changes import Consumer, Event, What, changes
from parallelproject.core.report.readings import LedgerReading, StatusReading

log = logging.getLogger(__name__)


class Moment(Enum):
    """When a consumer gets events."""

    PLANNED = auto()
    """At each plan: starts and ends of attempts, and landings; nothing else."""
    WRITTEN = auto()
    """When the server has the status: everything, at most once a second for each project; and what is reported."""


class ProjectConsumer(Consumer[Project], Protocol):
    """The consumers of events."""

    moment: Moment


class Feed:
    """Gives each consumer its events. An error in one is logged and does not affect the others."""

    def __init__(self, consumers: Iterable[ProjectConsumer] = ()) -> None:
        found = tuple(consumers)
        self._planned = tuple(each for each in found if each.moment is Moment.PLANNED)
        self._written = tuple(each for each in found if each.moment is Moment.WRITTEN)
        self._reports: WeakKeyDictionary[Project, Renewal] = WeakKeyDictionary()

    def planned(self, project: Project, before: Ledger, after: Ledger) -> None:
        """A plan was made: the ledgers before and after it."""
        if self._planned and after.snapshot is not before.snapshot:
            self._give(self._planned, project, lambda: changes(LedgerReading(before), LedgerReading(after)))

    def written(self, project: Project, before: dict[str, Any], after: dict[str, Any]) -> None:
        """The status on the server changed."""
        self._give(self._written, project, lambda: changes(StatusReading(before), StatusReading(after)))

    def found(self, project: Project) -> None:
        """This process starts to work for a project: its status is up to date."""
        self._give(self._written, project, lambda: changes(None, StatusReading(project.status)))

    def warn(self, project: Project, reason: str, message: str) -> None:
        """Reports something that a person should check, and that no status shows."""
        self._report(project, Event(What.REPORTED, reason=reason, message=message, warning=True))

    def remind(self, project: Project, what: Hashable, reason: str, message: str) -> None:
        """Warns of a lasting condition: repeated only after some time."""
        if self._reports.setdefault(project, Renewal()).is_due(what, time.monotonic()):
            self.warn(project, reason, message)

    def say(self, project: Project, reason: str, message: str) -> None:
        """Reports something normal that no status shows."""
        self._report(project, Event(What.REPORTED, reason=reason, message=message))

    def _report(self, project: Project, event: Event) -> None:
        self._give(self._written, project, lambda: [event])

    def _give(
        self, consumers: Sequence[ProjectConsumer], project: Project, derive: Callable[[], Sequence[Event]]
    ) -> None:
        try:
            events = derive()
        except Exception:
            log.exception("what happened to %s could not be derived", project.path)
            return
        for consumer in consumers if events else ():
            try:
                consumer.take(project, events)
            except Exception:
                log.exception("%s of %s failed", type(consumer).__name__, project.path)
