"""Keeps what is seen of one kind of object up to date: list, then watch from there, for ever.

On 410 Gone, and whenever the server says that the watch cannot go on, everything is listed again; what
vanished meanwhile is told as deleted, which a plain watch would miss.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from parallelproject.kube.api import Api, ApiError

log = logging.getLogger(__name__)

WATCH_SECONDS = 300
"""How long the server keeps one watch open."""
SILENCE_SECONDS = 90
"""A watch without a byte for so long is dead: bookmarks come every minute."""
PAGE = 500
"""Objects asked for in one page of a list."""
_BACKOFF_MAX = 10.0


class Sink(Protocol):
    """Who is told."""

    def seen(self, obj: dict[str, Any]) -> None:
        """An object is there, in this state."""

    def gone(self, obj: dict[str, Any]) -> None:
        """An object was deleted; this was its last known state."""


class Reflector:
    """Reflects the objects of one path and label selector into a sink."""

    def __init__(self, api: Api, path: str, selector: str, sink: Sink, floor: Callable[[], Awaitable[str]]) -> None:
        """Prepares it; ``run`` starts it.

        Args:
            api: An open connection.
            path: Path of the collection.
            selector: Labels of the objects that are wanted.
            sink: Is told.
            floor: Gives the revision that the first list must have reached, empty for any; ApiError where that
                cannot be said yet.
        """
        self._api = api
        self.path = path
        """Path of the collection that is watched."""
        self._selector = selector
        self._sink = sink
        self._versions: dict[str, dict[str, Any]] = {}  # by uid: what it takes to tell of a deletion
        self._first_floor = floor
        self._floor = ""  # revision that has been seen: no list may be older
        self._resource_version = ""
        self.synced = asyncio.Event()
        """Set after the first complete list."""
        self.restarts: Counter[str] = Counter()
        """Watches that are over, by cause: ended, broken or expired."""
        self.last_contact = 0.0
        """Monotonic time of the last answer of the server."""
        self.last_try = time.monotonic()
        """Monotonic time when it last did anything: tells a dead reflector from a dead server."""

    async def run(self) -> None:
        """Lists and watches until cancelled."""
        failures = 0
        while True:
            self.last_try = time.monotonic()
            try:
                if not self._resource_version:
                    self._floor = self._floor or await self._first_floor()
                    await self._list()
                await self._watch()
                self.restarts["ended"] += 1
                failures = 0
                if time.monotonic() - self.last_try < 1:
                    await asyncio.sleep(0.1)  # a server that ends each watch at once is not to be hammered
            except ApiError as error:
                if error.status == 410 or error.reason in ("Expired", "Gone"):
                    self.restarts["expired"] += 1
                    self._floor, self._resource_version = self._resource_version or self._floor, ""
                    await asyncio.sleep(random.uniform(0.05, 0.1))  # one that says so each time is not to be hammered
                    continue
                if time.monotonic() - self.last_contact < 1:
                    failures = 0
                failures += 1
                self.restarts["broken"] += 1
                delay = max(error.retry_after, min(_BACKOFF_MAX, 0.1 * 2**failures) * random.uniform(0.5, 1))
                log.warning("watch of %s broke off: %s; again in %.1f s", self.path, error, delay)
                await asyncio.sleep(delay)

    async def _list(self) -> None:
        """Reads everything, a page at a time, and tells of the difference to what was known."""
        found: dict[str, dict[str, Any]] = {}
        params = {"labelSelector": self._selector, "limit": str(PAGE)}
        if self._floor:
            params |= {"resourceVersion": self._floor, "resourceVersionMatch": "NotOlderThan"}
        while True:
            page = await self._api.request("GET", self.path, params=params)
            self._heard()
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
        self.synced.set()

    async def _watch(self) -> None:
        params = {
            "labelSelector": self._selector,
            "resourceVersion": self._resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(WATCH_SECONDS * random.uniform(0.9, 1))),
        }
        async for event in self._api.watch(self.path, params, SILENCE_SECONDS, self._heard):
            self._heard()
            kind, item = event.get("type"), event.get("object") or {}
            if kind == "ERROR":
                code, reason = int(item.get("code") or 0), str(item.get("reason") or "")
                raise ApiError(code, reason, str(item.get("message")))
            metadata = item.get("metadata") or {}
            if kind in ("ADDED", "MODIFIED"):
                self._remember(metadata["uid"], item)
                self._sink.seen(item)
            elif kind == "DELETED":
                self._versions.pop(metadata["uid"], None)
                self._sink.gone(item)
            self._resource_version = metadata.get("resourceVersion") or self._resource_version
        self._heard()  # ended by the server, as agreed

    def _heard(self) -> None:
        self.last_contact = self.last_try = time.monotonic()

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
