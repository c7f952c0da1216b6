"""A line in the log for what no status shows."""

import logging
from collections.abc import Sequence

from parallelproject.controller.projects.feed import Moment
from parallelproject.controller.projects.project import Project
from parallelproject.core.report.changes import Event, What

log = logging.getLogger(__name__)


class LogLines:
    """Logs what is reported: otherwise it is only in an Event, which may be lost."""

    moment = Moment.WRITTEN

    def take(self, project: Project, events: Sequence[Event]) -> None:
        """A line each."""
        about = {"project": project.owner.name, "namespace": project.owner.namespace}
        for event in events:
            if event.what is What.REPORTED:
                level = logging.WARNING if event.warning else logging.INFO
                log.log(level, "%s: %s", event.reason, event.message, extra=about)
