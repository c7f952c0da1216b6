"""Writes status: with the version it was computed from, never without a change, and not more often than useful.

At once when the headline changes (accepted, completed), otherwise at most once per second, and less often for large
objects or many at once: statuses must not use the server's time for tasks.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine
from weakref import WeakKeyDictionary

from parallelproject.controller.projects.feed import Feed
from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.meter import Meter
from parallelproject.controller.projects.project import Json, Project
from parallelproject.controller.projects.status_lag import Lag
from parallelproject.core.report.status import says_the_same
from parallelproject.kube.client import MERGE_PATCH, Api, ApiError, encode

log = logging.getLogger(__name__)

SPACING_SECONDS = 1.0
SPACING_SECONDS_MAX = 5.0
BYTES_PER_SECOND = 64 * 1024
"""Over all projects; above it, writes that can wait are up to SPACING_SECONDS_MAX apart. A status of 500
tasks is 73 kB, and takes an API server 0.1 s of processor time."""
_BYTES_OF_ANY = 4096
"""The minimum cost of a write."""
_BACKOFF_MAX = 30.0


class _Written:
    """The progress of writing the status of one project."""

    def __init__(self) -> None:
        self.headline: object = None
        """What must be written at once when it changes."""
        self.writing = False
        self.next_write = -math.inf
        """Monotonic time before which only a changed headline is written."""
        self.lag = Lag()
        """How far the written status is behind the plans."""
        self.failures = 0
        """Writes that failed in a row."""
        self.before: Json | None = None
        """The status before writes whose answer was lost: changes since then are reported when the result is known."""


class Writer:
    """Writes the status of projects, and gives the changes to the consumers of events."""

    def __init__(
        self,
        api: Api,
        keeper: Keeper,
        meter: Meter,
        feed: Feed,
    ) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            keeper: Keeps the projects.
            meter: Measures how long a status took.
            feed: Receives the changes.
        """
        self._api = api
        self._keeper = keeper
        self._meter = meter
        self._states: WeakKeyDictionary[Project, _Written] = WeakKeyDictionary()
        self._feed = feed
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy_until = 0.0
        """Monotonic time at which the writes so far are within BYTES_PER_SECOND."""

    def offer(self, project: Project, headline: object, render: Callable[[], Json]) -> None:
        """Writes the status if it is time; else schedules a plan of the project for that time.

        Args:
            headline: What must be written at once when it changes.
            render: Renders the status; called only before a write, since it takes long for large ones.
        """
        now, written = time.monotonic(), self._written(project)
        written.lag.planned(now, writing=written.writing)
        if written.writing:
            return  # planned again when that write is done
        urgent = headline != written.headline
        if not urgent and now < written.next_write:
            self._keeper.again(project, written.next_write - now)
            return
        status = render()
        if says_the_same(status, project.status):
            is_new, written.headline = written.headline is None, headline
            written.lag.settled()
            self._report(project, project.status, project.status, is_new=is_new)
            return
        written.writing = True
        self._spawn(self._write(project, headline, status))

    def is_written(self, project: Project) -> bool:
        """Whether the status on the server has every plan."""
        written = self._written(project)
        return not written.writing and written.headline is not None

    def behind_since(self, project: Project) -> float | None:
        """Monotonic time of the first plan that the status on the server does not have; None if it has all."""
        return self._written(project).lag.since

    async def close(self) -> None:
        """Stops; the next operator finds what was not written."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write(self, project: Project, headline: object, status: Json) -> None:
        try:
            await self._put(project, status)
            self._written(project).headline = headline
        except ApiError as error:
            await self._refused(project, error)
        except Exception:
            log.exception("writing the status of %s failed", project.path)
            await asyncio.sleep(_BACKOFF_MAX)
        finally:
            self._written(project).writing = False
            self._keeper.again(project)

    async def _put(self, project: Project, status: Json) -> None:
        before, written = project.status, self._written(project)
        if written.before is None:
            written.before = before
        body = {"metadata": {"resourceVersion": project.resource_version}, "status": _merge_patch(before, status)}
        # What the API server does not keep (null) must not look like a change the next time.
        kept = {key: value for key, value in status.items() if value is not None}
        answer = await self._api.request("PATCH", f"{project.path}/status", body, content_type=MERGE_PATCH)
        if project.update(answer):
            self._keeper.again(project)
        if project.resource_version == answer["metadata"]["resourceVersion"]:
            project.status = kept
        written.failures = 0
        self._meter.status_written(written.lag.written(time.monotonic()))
        written.next_write = self._next_write(len(encode(status)))
        self._report(project, before, kept, is_new=written.headline is None)

    def _report(self, project: Project, before: Json, after: Json, *, is_new: bool) -> None:
        """Reports what the server has now, including all changes since a write whose answer was lost."""
        written = self._written(project)
        before, written.before = written.before or before, None
        if is_new:
            self._feed.found(project)
        if before is not after:
            self._feed.written(project, before, after)

    def _next_write(self, size: int) -> float:
        """When a project may be written again after a write of the given number of bytes."""
        now = time.monotonic()
        took = (size + _BYTES_OF_ANY) / BYTES_PER_SECOND
        self._busy_until = min(max(self._busy_until, now) + took, now + SPACING_SECONDS_MAX)
        return max(self._busy_until, now + SPACING_SECONDS)

    async def _refused(self, project: Project, error: ApiError) -> None:
        """A version conflict means that someone else wrote: read, and plan again from that."""
        if error.status == 404:
            self._keeper.drop(project)
            return
        try:
            if error.status == 409:
                body = await self._api.request("GET", project.path)
                if body["metadata"]["uid"] != project.owner.uid:
                    self._keeper.drop(project)
                    return
                project.update(body)
                project.adopt_end()
                return
        except ApiError as again:
            error = again
        written = self._written(project)
        written.failures += 1
        delay = max(error.retry_after, min(_BACKOFF_MAX, 0.2 * 2**written.failures))
        log.warning("writing the status of %s: %s; retry in %.1f s", project.path, error, delay)
        await asyncio.sleep(delay)

    def _written(self, project: Project) -> _Written:
        found = self._states.get(project)
        if found is None:
            found = self._states[project] = _Written()
        return found

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _merge_patch(before: Json, after: Json) -> Json:
    """The merge patch (RFC 7386) that makes one object of another, with all its fields: one that is not named stays."""
    change: Json = dict.fromkeys(before.keys() - after.keys())
    for key, value in after.items():
        known = before.get(key)
        change[key] = _merge_patch(known, value) if isinstance(value, dict) and isinstance(known, dict) else value
    return change
