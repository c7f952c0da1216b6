"""Kubernetes Events: sent on transitions only, and lost without harm."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from parallelproject.controller.projects.feed import Moment
from parallelproject.controller.projects.project import Project
from parallelproject.core.report.changes import Event, What
from parallelproject.core.report.event_words import levels_message, message, next_step
from parallelproject.core.times import iso
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.status import Reason

log = logging.getLogger(__name__)

_MESSAGE_MAX = 1024
_WAITING_MAX = 1000
"""Maximum number of batches that wait to be sent; more are lost."""
_BY_THEIR_NAME = frozenset(
    {
        What.SUSPENDED, What.RESUMED, What.ACCEPTED, What.TASK_FAILED, What.JOB_SUSPENDED, What.JOB_RESUMED,
        What.UNDECLARED, What.SHARED, What.KEPT, What.NEEDS_APPROVAL, What.NEEDS_INPUT, What.HOOK_FAILED,
        What.GROUP_PHASE, What.STEP_REJECTED,
    }
)  # fmt: skip
_BY_THEIR_REASON = frozenset({What.REJECTED, What.COMPLETED, What.REPORTED})


_OTHERWISE = frozenset({Reason.CONFLICT, Reason.NEEDS_INPUT})
"""Reasons of failed attempts that are no failures of their task."""


class Notice(NamedTuple):
    """What an Event says."""

    reason: str
    message: str
    warning: bool = False


class KubernetesEvents:
    """Sends them concurrently with everything else."""

    moment = Moment.WRITTEN

    def __init__(self, api: Api) -> None:
        self._api = api
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, project: Project, events: Sequence[Event]) -> None:
        """Sends what is worth an Event."""
        found = list(notices(events, project.owner.name))
        if found and len(self._tasks) < _WAITING_MAX:
            task = asyncio.create_task(self._post(project, found))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stops; what was not sent is lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _post(self, project: Project, found: Sequence[Notice]) -> None:
        path = f"/api/v1/namespaces/{project.owner.namespace}/events"
        for notice in found:
            at = iso(int(self._api.clock.now()))
            try:
                await self._api.request("POST", path, event_object(notice, project.reference, at))
            except ApiError as error:
                log.debug("event %s of %s is lost: %s", notice.reason, project.path, error)


def notices(events: Sequence[Event], project: str) -> Iterator[Notice]:
    """The notices to send for events: each says what happened, and what comes next.

    A task's Job reports its start and success. Levels that ended together are one notice, and so are the failures of a
    task. A task that has failed for good, or has succeeded meanwhile, has no notice of failures.
    """
    failures = _failures(events)
    ended = [event for event in events if event.what is What.LEVEL_COMPLETED]
    at_end = any(event.what is What.COMPLETED for event in events)
    for place, event in enumerate(events):
        step = next_step(event, project)
        if event.what in _BY_THEIR_NAME:
            yield Notice(event.what.value, _words(message(event), step), event.warning)
        elif event.what in _BY_THEIR_REASON:
            yield Notice(event.reason, _words(message(event), step), event.warning)
        elif place in failures:
            yield Notice("AttemptFailed", _words(message(event), step), warning=True)
        elif ended and event is ended[0]:
            step = "" if at_end else next_step(ended[-1], project)
            yield Notice(event.what.value, _words(levels_message(ended), step))


def _words(happened: str, step: str) -> str:
    return f"{happened}; next: {step}" if step else happened


def _failures(events: Sequence[Event]) -> set[int]:
    """The places of the failed attempts that are reported: the last one of each task, if one counts as a failure."""
    over = {event.task for event in events if event.what in (What.TASK_FAILED, What.SUCCEEDED)}
    failed = [(place, event) for place, event in enumerate(events) if event.what is What.FAILED]
    counted = {event.task for _, event in failed if event.reason not in _OTHERWISE} - over
    return set({event.task: place for place, event in failed if event.task in counted}.values())


def event_object(notice: Notice, reference: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The Event object for a notice.

    Args:
        notice: What it says.
        reference: The project, as ``involvedObject``.
        at: The time, RFC 3339.
    """
    text = notice.message if len(notice.message) <= _MESSAGE_MAX else notice.message[: _MESSAGE_MAX - 1] + "…"
    return {
        "metadata": {"generateName": f"{reference['name'][:40].rstrip('.-')}-", "namespace": reference["namespace"]},
        "involvedObject": dict(reference),
        "reason": notice.reason,
        "message": text,
        "type": "Warning" if notice.warning else "Normal",
        "source": {"component": "parallelproject"},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
