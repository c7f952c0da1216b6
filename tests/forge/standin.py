"""A server that speaks the parts used of GitHub, GitLab and Gitea, and goes wrong when it is asked to."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.forge import dialect_gitea, dialect_github, dialect_gitlab
from tests.forge.world import World

_DIALECTS: dict[str, Callable[[World], list[web.RouteDef]]] = {
    "GitHub": dialect_github.routes,
    "GitLab": dialect_gitlab.routes,
    "Gitea": dialect_gitea.routes,
}
_PATIENCE = 60.0
Fault = str | tuple[int, Any, dict[str, str]]
"""``lose``: carried out, but the answer is lost; ``drop``: not carried out, and no answer; ``kill-before`` and
``kill-after``: the victim dies; ``page``: a page for people; or an answer: status, body, headers."""


class StandIn:
    """The server, in a thread of its own."""

    def __init__(self, kind: str, world: World, token: str) -> None:
        self.kind = kind
        self.world = world
        self.token = token
        self.requests: list[tuple[str, str]] = []
        """Method and path of each that came in with the right token."""
        self.location = ""
        """The last one's path and query, as they came."""
        self.authorizations: list[str] = []
        self.tags: list[str] = []
        """The ``If-None-Match`` of each, or nothing."""
        self.sent: list[tuple[str, object]] = []
        """Path and JSON of each that writes."""
        self.fault: Callable[[int, str, str], Fault | None] = lambda index, method, path: None
        """By the request's place (from 1), method and path, what goes wrong with it."""
        self.victim: int | None = None
        self.victim_known = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(_PATIENCE)
        self.url = f"http://127.0.0.1:{self.port}"

    async def _start(self) -> int:
        app = web.Application(middlewares=[self._around])
        app.add_routes(_DIALECTS[self.kind](self.world))
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return int(self._runner.addresses[0][1])

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [request for request in self.requests if request[0] != "GET"]

    @web.middleware
    async def _around(self, request: web.Request, handler: Any) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        self.authorizations.append(given)
        if given.split(" ")[-1] != self.token:
            return web.json_response({"message": f"Bad credentials: {given}"}, status=401)
        self.requests.append((request.method, request.path))
        self.location = request.raw_path
        self.tags.append(request.headers.get("If-None-Match", ""))
        if request.method != "GET" and request.can_read_body:
            self.sent.append((request.path, await request.json()))
        fault = self.fault(len(self.requests), request.method, request.path)
        if isinstance(fault, tuple):
            status, body, headers = fault
            return web.json_response(body, status=status, headers=headers)
        if fault == "page":
            return web.Response(text="<html>Please log in</html>", content_type="text/html")
        if fault in ("drop", "kill-before"):
            return await self._gone(request, fault)
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPNotFound:
            response = web.json_response({"message": "Not Found"}, status=404)
        return await self._gone(request, fault) if fault else response

    async def _gone(self, request: web.Request, fault: str) -> web.Response:
        if fault.startswith("kill"):
            await asyncio.to_thread(self.victim_known.wait, _PATIENCE)
            assert self.victim
            os.kill(self.victim, signal.SIGKILL)
        if request.transport:
            request.transport.abort()
        return web.Response()
