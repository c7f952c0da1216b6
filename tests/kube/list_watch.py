"""A server of one collection that answers lists and watches as the test says, one step at a time."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

Json = dict[str, Any]

PATH = "/apis/batch/v1/jobs"
_CLOSE_SECONDS = 1.0


class Watch:
    """A watch that a client has asked for: silent, and not even granted, until the test says so."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._response = web.StreamResponse(headers={"Content-Type": "application/json"})
        self.over = asyncio.Event()
        self.revision = request.query["resourceVersion"]
        """The revision from which it is to go on."""

    async def grant(self) -> None:
        """Sends the answer's head and nothing else, as an API server does."""
        await self._response.prepare(self._request)

    async def send(self, kind: str, item: Json) -> None:
        """Sends an event."""
        await self._response.write(json.dumps({"type": kind, "object": item}).encode() + b"\n")

    async def bookmark(self, revision: int) -> None:
        """Confirms that nothing has happened up to a revision."""
        await self.send("BOOKMARK", {"kind": "Job", "metadata": {"resourceVersion": str(revision)}})

    async def expire(self) -> None:
        """Says within the watch that its revision is too old, as an API server does that has begun to answer."""
        await self.send("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})

    def end(self) -> None:
        """Ends it, as agreed."""
        self.over.set()

    def break_off(self) -> None:
        """Cuts the connection."""
        assert self._request.transport
        self._request.transport.abort()
        self.over.set()

    async def serve(self) -> web.StreamResponse:
        await self.over.wait()
        return self._response


class ListWatchServer:
    """Serves PATH. Each watch is handed to the test."""

    def __init__(self) -> None:
        self.items: Mapping[str, int] = {}
        """What there is: the revision by name."""
        self.revision = 1
        """The revision of the next list."""
        self.lists = 0
        """How often it was listed."""
        self._watches: asyncio.Queue[Watch] = asyncio.Queue()
        self._open: list[Watch] = []

    async def watch(self) -> Watch:
        """The next watch that the client asks for."""
        return await self._watches.get()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answers a request."""
        if request.query.get("watch"):
            watch = Watch(request)
            self._open.append(watch)
            self._watches.put_nowait(watch)
            return await watch.serve()
        self.lists += 1
        items = [item(name, revision) for name, revision in self.items.items()]
        return web.json_response({"metadata": {"resourceVersion": str(self.revision)}, "items": items})

    def close(self) -> None:
        """Ends all that is open."""
        for watch in self._open:
            watch.end()


def item(name: str, revision: int) -> Json:
    """An object of the collection."""
    metadata = {"uid": f"uid-{name}", "name": name, "namespace": "team", "resourceVersion": str(revision)}
    return {"kind": "Job", "metadata": metadata}


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[ListWatchServer, str]]:
    """Runs such a server on this machine; yields it and a kubeconfig for it."""
    server = ListWatchServer()
    app = web.Application()
    app.router.add_get(PATH, server.answer)
    runner = web.AppRunner(app, shutdown_timeout=_CLOSE_SECONDS)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    file = folder / "kubeconfig"
    context = {"name": "x", "context": {"cluster": "x", "user": "x"}}
    config = {
        "clusters": [{"name": "x", "cluster": {"server": f"http://{host}:{port}"}}],
        "users": [{"name": "x", "user": {}}],
        "contexts": [context],
        "current-context": "x",
    }
    file.write_text(yaml.safe_dump(config))
    try:
        yield server, str(file)
    finally:
        server.close()
        await runner.cleanup()
