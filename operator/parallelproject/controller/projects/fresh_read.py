"""Reads a project before anything is done for it, if what is known of it may be old.

A list and the events replayed after it can show an old state of a project: without the latest recorded results, or
already deleted. A project that first appears in a new event of a watch need not be read.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any

from parallelproject.kube.client import Api, ApiError
from parallelproject.model.names import API_VERSION, PLURAL

Body = Mapping[str, Any]

log = logging.getLogger(__name__)

_BACKOFF_MAX = 10.0


class Verifier:
    """Delays projects that are being read."""

    def __init__(self, api: Api, accept: Callable[[Body], None], gone: Callable[[str, str, str], None]) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            accept: Receives each project in its current state; never a deleted one.
            gone: Receives namespace, name and uid of a deleted project.
        """
        self._api = api
        self._accept = accept
        self._gone = gone
        self._waiting: dict[str, Body | None] = {}  # by uid, the newest state that was received, if any
        self._tasks: set[asyncio.Task[None]] = set()

    def check(self, metadata: Mapping[str, Any], body: Body | None = None) -> None:
        """Reads a project, and passes it on if it exists.

        Args:
            metadata: Its metadata, of which namespace, name and uid count.
            body: A received state of it, complete.
        """
        uid = metadata["uid"]
        is_known = uid in self._waiting
        known = self._waiting.get(uid)
        self._waiting[uid] = _newer(known, body) if known is not None and body is not None else body or known
        if not is_known:
            task = asyncio.create_task(self._read(uid, metadata["namespace"], metadata["name"]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def is_checking(self, uid: str) -> bool:
        """Whether a project is being read."""
        return uid in self._waiting

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being read."""
        return not self._waiting

    def drop(self, uid: str) -> None:
        """The project was deleted."""
        self._waiting.pop(uid, None)

    async def close(self) -> None:
        """Stops; the next operator reads again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, uid: str, namespace: str, name: str) -> None:
        path = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}/{name}"
        failures = 0
        while uid in self._waiting:
            try:
                found = await self._api.request("GET", path)
            except ApiError as error:
                if error.status == 404:
                    log.info("%s was deleted: what was known of it is old", path)
                    self.drop(uid)
                    self._gone(namespace, name, uid)
                    return
                failures += 1
                log.warning("reading %s: %s", path, error)
                await asyncio.sleep(
                    max(error.retry_after, min(_BACKOFF_MAX, 0.1 * 2 ** min(failures, 16)) * random.uniform(0.5, 1))
                )
                continue
            if uid not in self._waiting:
                return
            newest = self._waiting.pop(uid)
            if found["metadata"]["uid"] != uid:
                self._gone(namespace, name, uid)
                self._accept(found)
            else:
                self._accept(found if newest is None else _newer(found, newest))


def _newer(some: Body, other: Body) -> Body:
    return max(some, other, key=lambda body: int(body["metadata"]["resourceVersion"]))
