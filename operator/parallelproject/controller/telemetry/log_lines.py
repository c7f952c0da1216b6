"""A line in the log for each start, each end and each failure, and for what no status shows."""

import logging
from collections.abc import Sequence

from parallelproject.controller.projects.feed import Moment
from parallelproject.controller.projects.project import Project
from parallelproject.core.report.changes import Event, What
from parallelproject.core.report.event_words import message

log = logging.getLogger(__name__)

_SHOWN = frozenset(
    {
        What.ACCEPTED, What.REJECTED, What.SUSPENDED, What.RESUMED, What.STARTED, What.SUCCEEDED, What.FAILED,
        What.STOPPED, What.TASK_FAILED, What.SKIPPED, What.LANDED, What.LEVEL_COMPLETED, What.COMPLETED,
        What.HOOK_STARTED, What.HOOK_SUCCEEDED, What.HOOK_FAILED, What.STEP_PASSED, What.STEP_REJECTED,
    }
)  # fmt: skip
_BY_THEIR_REASON = frozenset({What.REJECTED, What.COMPLETED, What.REPORTED})
_OF_ATTEMPTS = frozenset(
    {
        What.STARTED, What.SUCCEEDED, What.FAILED, What.STOPPED, What.TASK_FAILED, What.STEP_PASSED, What.STEP_REJECTED,
    }
)  # fmt: skip


class LogLines:
    """Logs events at INFO, and those that need attention as a WARNING."""

    moment = Moment.WRITTEN

    def take(self, project: Project, events: Sequence[Event]) -> None:
        """A line each; an attempt with which its task failed for good has one line, not two."""
        about = {"project": project.owner.name, "namespace": project.owner.namespace}
        final = {(event.task, event.number) for event in events if event.what is What.TASK_FAILED}
        for event in events:
            is_repeated = event.what is What.FAILED and (event.task, event.number) in final
            if event.what is not What.REPORTED and (event.what not in _SHOWN or is_repeated):
                continue
            level = logging.WARNING if event.warning else logging.INFO
            text = " ".join(message(event).split())
            if event.what in _BY_THEIR_REASON:
                text = f"{event.reason}: {text}"
            elif event.what is What.ACCEPTED:
                text = f"accepted: {text}"
            fields = {"task": event.task, "attempt": event.number} if event.what in _OF_ATTEMPTS else {}
            log.log(level, "%s", text, extra=about | fields)
