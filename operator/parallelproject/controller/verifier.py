"""Reads a project itself before anything is done for it, where the news of it may be old.

A list and the events replayed after it can show a project as it was: without the results that are written down by
now, or long deleted. One that appears for the first time by a new event of a watch needs no such look.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any

from parallelproject.kube.api import Api, ApiError
from parallelproject.model.names import API_VERSION, PLURAL

Body = Mapping[str, Any]

log = logging.getLogger(__name__)

_BACKOFF_MAX = 10.0


class Verifier:
    """Holds back what is being read."""

    def __init__(self, api: Api, accept: Callable[[Body], None]) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            accept: Is given each project as it is now; never one that is not there any more.
        """
        self._api = api
        self._accept = accept
        self._waiting: dict[str, Body] = {}  # by uid, the newest state that came by
        self._tasks: set[asyncio.Task[None]] = set()

    def check(self, body: Body) -> None:
        """Reads a project, and hands it on if it is there."""
        uid = body["metadata"]["uid"]
        is_known = uid in self._waiting
        self._waiting[uid] = _newer(self._waiting.get(uid, body), body)
        if not is_known:
            task = asyncio.create_task(self._read(uid, body["metadata"]["namespace"], body["metadata"]["name"]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def is_checking(self, uid: str) -> bool:
        """Whether a project is being read."""
        return uid in self._waiting

    def drop(self, uid: str) -> None:
        """The project was deleted."""
        self._waiting.pop(uid, None)

    async def close(self) -> None:
        """Ends; whoever comes next reads again."""
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
                    log.info("%s is gone: the news of it were old", path)
                    self.drop(uid)
                    return
                failures += 1
                log.warning("reading %s: %s", path, error)
                await asyncio.sleep(
                    max(error.retry_after, min(_BACKOFF_MAX, 0.1 * 2**failures) * random.uniform(0.5, 1))
                )
                continue
            newest = self._waiting.pop(uid, None)
            if newest is not None:
                self._accept(_newer(found, newest) if found["metadata"]["uid"] == uid else found)


def _newer(some: Body, other: Body) -> Body:
    return max(some, other, key=lambda body: int(body["metadata"]["resourceVersion"]))
