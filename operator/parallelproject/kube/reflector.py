"""Keeps the observed objects of one kind up to date: list, then watch from there, forever.

On 410 Gone, and whenever the server reports that the watch cannot continue, everything is listed again; objects that
disappeared meanwhile are reported as deleted, which a plain watch would miss. A resource that the server does not serve
(404: its CRD is missing) has no objects: all known ones are reported as deleted, and it is requested again.
"""

import asyncio
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from parallelproject.kube.client import JSON, Api, ApiError, Media

log = logging.getLogger(__name__)

WATCH_SECONDS = 300
"""How long the server keeps one watch open."""
SILENCE_SECONDS = 90
"""After this time without a byte a watch is dead: bookmarks come every minute."""
_FIRST_WATCH_SECONDS = 2
_LATE_SECONDS = 10
"""A watch that has not ended this long after its time is dead."""
PAGE = 500
"""Objects in one page of a list."""
_SILENT_SECONDS = 5.0
_SETTLED_SECONDS = 1.0
"""For this time after a silence of _SILENT_SECONDS a watch does not count as current."""
_BACKOFF_MAX = 10.0
_REFUSED_MAX = 3.0
"""Maximum wait after a definite answer, such as 404 if the CRD is missing: it costs the server nothing."""


class WatchSink(Protocol):
    """The consumer of what is observed."""

    def seen(self, obj: dict[str, Any]) -> None:
        """An object exists, in this state."""

    def gone(self, obj: dict[str, Any]) -> None:
        """An object was deleted; this was its last known state."""


class Reflector:
    """Reflects the objects of one path and label selector into a sink."""

    def __init__(
        self,
        api: Api,
        path: str,
        selector: str,
        sink: WatchSink,
        floor: Callable[[], Awaitable[str]],
        media: Media = JSON,
        *,
        is_custom: bool = False,
    ) -> None:
        """Prepares it; ``run`` starts it.

        Args:
            api: An open connection.
            path: Path of the collection.
            selector: Labels of the objects to observe.
            sink: Receives what is observed.
            floor: Returns the revision that the first list must have reached, empty for any; ApiError if it is not
                known
                yet.
            media: What to request: whole objects, or their metadata only.
            is_custom: Whether a CRD defines the resource. A watch that is opened while the server sets the resource up
                may
                stay silent. So the first watches are short, at the start and whenever the resource was not served.
        """
        self._api = api
        self._media = media
        self._first_watch = _FIRST_WATCH_SECONDS if is_custom else WATCH_SECONDS
        self._watch_seconds = self._first_watch
        self.path = path
        """Path of the collection that is watched."""
        self._selector = selector
        self._sink = sink
        self._versions: dict[str, dict[str, Any]] = {}  # by uid: what is needed to report a deletion
        self._first_floor = floor
        self._floor = ""  # observed revision: no list may be older
        self._resource_version = ""
        self._has_gap = True
        """Whether the watch continues from a revision that the server may report as too old: later changes are known
        when it has sent anything else."""
        self.synced = asyncio.Event()
        """Set after a complete list; not set before it, and while the server does not serve the resource."""
        self.trouble = ""
        """Why it is not observed now: the last error; empty while its watch is open."""
        self.is_refused = False
        """Whether that is a definite answer: the resource is not served, or a right is missing."""
        self.restarts: Counter[str] = Counter()
        """Ended watches, by cause: ended, broken or expired."""
        self._contact_again = 0.0
        """Monotonic time of the first answer after a silence. It may have waited to be read while this process was
        paused, and a broken connection may be noticed a moment later."""
        self.last_contact = 0.0
        """Monotonic time of the server's last answer."""
        self.last_try = time.monotonic()
        """Monotonic time of its last activity: it distinguishes a dead reflector from a dead server."""

    @property
    def names(self) -> list[str]:
        """Namespace and name of all objects that are known, as ``team/shop``."""
        known = (stub["metadata"] for stub in self._versions.values())
        return ["/".join(filter(None, (metadata["namespace"], metadata["name"]))) for metadata in known]

    def is_current(self, seconds: float) -> bool:
        """Whether its watch is open without a gap, and the server answered on it within the given number of seconds."""
        now = time.monotonic()
        is_fresh = now - self.last_contact < seconds and now - self._contact_again > _SETTLED_SECONDS
        return self.synced.is_set() and not self.trouble and not self._has_gap and is_fresh

    async def run(self) -> None:
        """Lists and watches until cancelled."""
        failures = 0
        while True:
            self.last_try = time.monotonic()
            try:
                if not self._resource_version:
                    self._floor = self._floor or await self._first_floor()
                    await self._list()
                else:
                    self._has_gap = True
                await self._watch()
                self.restarts["ended"] += 1
                failures = 0
                if time.monotonic() - self.last_try < 1:
                    await asyncio.sleep(0.1)  # do not flood a server that ends each watch at once
            except ApiError as error:
                if error.status == 410 or error.reason in ("Expired", "Gone"):
                    self.restarts["expired"] += 1
                    self.trouble = str(error)
                    self._floor, self._resource_version = self._resource_version or self._floor, ""
                    await asyncio.sleep(random.uniform(0.05, 0.1))  # do not flood a server that reports this each time
                    continue
                if time.monotonic() - self.last_contact < 1:
                    failures = 0
                failures += 1
                self.restarts["broken"] += 1
                longest = _REFUSED_MAX if error.is_definite else _BACKOFF_MAX
                delay = max(error.retry_after, min(longest, 0.1 * 2 ** min(failures, 16)) * random.uniform(0.5, 1))
                trouble = str(error)
                if error.status == 404:
                    trouble = "the API server does not serve it (HTTP 404): is its CRD installed?"
                    self._is_not_served()
                if trouble != self.trouble:  # once, not for each of a thousand tries
                    log.warning("watch of %s was interrupted: %s; retry in %.1f s", self.path, trouble, delay)
                self.trouble, self.is_refused = trouble, error.is_definite and error.status != 429
                await asyncio.sleep(delay)

    def _is_not_served(self) -> None:
        """The server does not know the resource: there are no objects of it, and the next list is a first one."""
        self.synced.clear()
        self._watch_seconds = self._first_watch
        self._floor, self._resource_version = self._resource_version or self._floor, ""
        for uid in list(self._versions):
            self._sink.gone(self._versions.pop(uid))

    async def _list(self) -> None:
        """Reads everything, one page at a time, and reports the difference from what was known."""
        found: dict[str, dict[str, Any]] = {}
        params = {"labelSelector": self._selector, "limit": str(PAGE)}
        if self._floor:
            params |= {"resourceVersion": self._floor, "resourceVersionMatch": "NotOlderThan"}
        while True:
            page = await self._api.request("GET", self.path, params=params, accept=self._media.of_list)
            self._note_contact()
            for item in page.get("items") or ():
                found[item["metadata"]["uid"]] = item
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                break
            params = {"labelSelector": self._selector, "limit": str(PAGE), "continue": metadata["continue"]}
        for uid, stub in list(self._versions.items()):
            if uid not in found:
                del self._versions[uid]
                self._sink.gone(stub)
        for uid, item in found.items():
            self._remember(uid, item)
            self._sink.seen(item)
        self._resource_version = metadata["resourceVersion"]
        if self.trouble:
            log.info("watch of %s works again", self.path)
        self.trouble, self.is_refused, self._has_gap = "", False, False
        self.synced.set()

    async def _watch(self) -> None:
        params = {
            "labelSelector": self._selector,
            "resourceVersion": self._resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(math.ceil(self._watch_seconds * random.uniform(0.9, 1))),
        }
        silence = min(SILENCE_SECONDS, self._watch_seconds + _LATE_SECONDS)
        self._watch_seconds = min(WATCH_SECONDS, 2 * self._watch_seconds)
        async for event in self._api.watch(self.path, params, silence, self._opened, self._media.of_object):
            self._note_contact()
            kind, item = event.get("type"), event.get("object") or {}
            if kind == "ERROR":
                code, reason = int(item.get("code") or 0), str(item.get("reason") or "")
                raise ApiError(code, reason, str(item.get("message")))
            self._has_gap = False
            metadata = item.get("metadata") or {}
            if kind in ("ADDED", "MODIFIED"):
                self._remember(metadata["uid"], item)
                self._sink.seen(item)
            elif kind == "DELETED":
                self._versions.pop(metadata["uid"], None)
                self._sink.gone(item)
            self._resource_version = metadata.get("resourceVersion") or self._resource_version
        self._note_contact()  # ended by the server, as agreed

    def _opened(self) -> None:
        self.trouble, self.is_refused = "", False
        self._note_contact()

    def _note_contact(self) -> None:
        now = time.monotonic()
        if now - self.last_contact > _SILENT_SECONDS:
            self._contact_again = now
        self.last_contact = self.last_try = now

    def _remember(self, uid: str, item: dict[str, Any]) -> None:
        metadata = item["metadata"]
        self._versions[uid] = {
            "kind": item.get("kind"),
            "metadata": {
                "uid": uid,
                "name": metadata["name"],
                "namespace": metadata.get("namespace"),
                "labels": metadata.get("labels") or {},
            },
        }
