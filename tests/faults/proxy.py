"""What stands between one operator and the API server: it counts the requests, and makes them go wrong as planned.

It speaks plain HTTP to the operator and HTTPS to the API server, passes the operator's token on, and changes nothing
unless the plan says so. All of it runs in one event loop, see ``lab``.
"""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from parallelproject.model.names import LABEL_ATTEMPT, LABEL_TASK
from tests.faults.answers import error_answer, error_event
from tests.faults.kinds import WRITE, classify, event_kind, is_write, names_of
from tests.faults.plan import KILLS, NO_FAULT, Action, Fault, Plan

_VERSION = re.compile(rb'"resourceVersion": ?"(\d+)"')
_KEPT_BY_HOP = frozenset({"Host", "Connection", "Accept-Encoding", "Content-Length", "Transfer-Encoding"})


@dataclass
class Write:
    """A write that the operator sent."""

    number: int
    kind: str
    path: str
    status: int = 0
    """Of the API server's answer; 0 where there was none, or the request never came there."""
    fault: Fault = NO_FAULT


@dataclass
class Traffic:
    """What has passed."""

    counts: Counter[str] = field(default_factory=Counter)
    """Requests and events by name."""
    writes: list[Write] = field(default_factory=list)
    fired: list[Fault] = field(default_factory=list)
    """The faults that took place."""
    watches: Counter[str] = field(default_factory=Counter)
    """Watches that the operator which runs now has open, by name."""
    late: int = 0
    """Requests of operators that are dead which have yet to reach the API server."""
    uninvited: set[str] = field(default_factory=set)
    """Attempts, as in ``a#1``, whose Job was asked for by an operator that died before it was there: its slot may be
    another's by then."""
    last: float = 0.0
    """Monotonic time of the last request."""


class Proxy:
    """The proxy of one run."""

    def __init__(
        self,
        upstream: str,
        session: aiohttp.ClientSession,
        plan: Plan,
        kill: Callable[[], Awaitable[None]],
        freeze: Callable[[], Awaitable[None]],
    ) -> None:
        """Prepares it.

        Args:
            upstream: The API server's address.
            session: Connections to it.
            plan: The faults.
            kill: Kills the operator, and returns when it is dead.
            freeze: Has the operator stand still until another one leads; returns at once.
        """
        self._upstream = upstream
        self._session = session
        self._plan = plan
        self._kill = kill
        self._freeze = freeze
        self._runner: web.ServerRunner | None = None
        self._open: set[asyncio.Task[object]] = set()
        self._late: set[asyncio.Task[None]] = set()
        self._creating: set[str] = set()
        """Attempts whose Job the API server is just asked to create."""
        self._versions: set[int] = set()
        self._held: dict[str, float] = {}  # by the name of a watch: how long the next one is silent
        self.traffic = Traffic()

    async def start(self) -> str:
        """Listens; the address."""
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Ends every connection."""
        self.forget_operator()
        for task in self._late:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    def forget_operator(self) -> None:
        """Ends the watches of an operator that is gone: those of the next are not to be taken for its own."""
        for task in self._open:
            task.cancel()
        self.traffic.watches.clear()

    def note_version(self, version: str) -> None:
        """Makes a resourceVersion known, as one that an old list may be of."""
        self._versions.add(int(version))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        kind = classify(request.method, request.rel_url.path, request.rel_url.query.get("watch") in ("1", "true"))
        if "as=PartialObjectMetadata" in request.headers.get("Accept", ""):
            kind = f"{kind}-names"  # list-projects-names: by which it is known which there are
        body = await request.read() if request.can_read_body else None
        fault = self._count(names_of(kind, body))
        if not kind.endswith("-lease"):  # that never ends
            self.traffic.last = time.monotonic()
        if kind.startswith("watch-"):
            return await self._watch(request, kind, fault)
        write = None
        if is_write(kind):
            write = Write(self.traffic.counts[WRITE], kind, request.path, fault=fault)
            self.traffic.writes.append(write)
        try:
            return await self._answer(request, kind, body, fault, write)
        except aiohttp.ClientError:  # the API server itself is away
            return _dropped(request)

    def _count(self, names: tuple[str, ...]) -> Fault:
        self.traffic.counts.update(names)
        fault = self._plan.pick({name: self.traffic.counts[name] for name in names})
        if fault is None:
            return NO_FAULT
        self.traffic.fired.append(fault)
        return fault

    async def _answer(
        self, request: web.BaseRequest, kind: str, body: bytes | None, fault: Fault, write: Write | None
    ) -> web.StreamResponse:
        action = fault.action
        if action is Action.KILL_BEFORE:
            return await self._kill_operator(request)
        if action is Action.DROP_BEFORE:
            return _dropped(request)
        if action is Action.ANSWER:
            return error_answer(fault.status)
        if action is Action.KILL_LATE:
            late = asyncio.create_task(self._forward_late(request, body, fault.seconds))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
            return await self._kill_operator(request)
        url = request.raw_path
        if action is Action.OLD:
            url = self._old(request, kind, fault)
        answer = await self._forward(request, url, body)
        if action is Action.DOUBLE:
            answer = await self._forward(request, url, body)
        if write is not None:
            write.status = answer.status
        if action is Action.KILL_AFTER:
            return await self._kill_operator(request)
        if action is Action.FREEZE:
            await self._freeze()
        if action is Action.DROP_AFTER:
            return _dropped(request)
        if action is Action.ANSWER_AFTER:
            return error_answer(fault.status)
        if action is Action.DELAY:
            await asyncio.sleep(fault.seconds)
        return answer

    async def _kill_operator(self, request: web.BaseRequest) -> web.StreamResponse:
        self.traffic.uninvited |= self._creating
        await self._kill()
        return _dropped(request)

    async def _forward_late(self, request: web.BaseRequest, body: bytes | None, seconds: float) -> None:
        self.traffic.late += 1
        if attempt := _attempt_of(request, body):
            self.traffic.uninvited.add(attempt)
        await asyncio.sleep(seconds)
        await self._forward(request, request.raw_path, body)
        self.traffic.late -= 1
        self.traffic.last = time.monotonic()

    async def _forward(self, request: web.BaseRequest, url: str, body: bytes | None) -> web.Response:
        attempt = _attempt_of(request, body)
        if attempt:
            self._creating.add(attempt)
        try:
            async with self._session.request(
                request.method, URL(self._upstream + url, encoded=True), data=body, headers=_headers(request)
            ) as answer:
                content = await answer.read()
        finally:
            self._creating.discard(attempt)
        found = _VERSION.search(content)
        if found and answer.status < 300:
            self._versions.add(int(found[1]))
        headers = {name: answer.headers[name] for name in ("Content-Type", "Retry-After") if name in answer.headers}
        return web.Response(status=answer.status, body=content, headers=headers)

    def _old(self, request: web.BaseRequest, kind: str, fault: Fault) -> str:
        """The address of a list as it was; never older than the operator itself asks for."""
        query = dict(request.rel_url.query)
        least = int(query["resourceVersion"]) if query.get("resourceVersionMatch") == "NotOlderThan" else 0
        known = sorted(version for version in self._versions if version >= least)
        if not known or "continue" in query:
            return request.raw_path
        version = known[round((1 - fault.age) * (len(known) - 1))]
        query |= {"resourceVersion": str(version), "resourceVersionMatch": "Exact"}
        self._held[kind.replace("list", "watch", 1)] = fault.seconds
        return str(URL(request.rel_url.path).with_query(query))

    async def _watch(self, request: web.BaseRequest, kind: str, fault: Fault) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        is_counted = False
        try:
            action = fault.action
            if action is Action.KILL_BEFORE:
                self._open.discard(task)  # it is to see its operator's end
                return await self._kill_operator(request)
            if action is Action.ANSWER:
                return error_answer(fault.status)
            if action is Action.DROP_BEFORE:
                return _dropped(request)
            url = URL(self._upstream + request.raw_path, encoded=True)
            async with self._session.get(url, headers=_headers(request)) as answer:
                response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
                await response.prepare(request)
                self.traffic.watches[kind] += answer.status == 200
                is_counted = answer.status == 200
                await asyncio.sleep(self._held.pop(kind, 0) + (fault.seconds if action is Action.DELAY else 0))
                await self._stream(request, kind, answer.content, response)
            return response
        except (aiohttp.ClientError, ConnectionError):
            return _dropped(request)
        finally:
            self._open.discard(task)
            if is_counted and self.traffic.watches[kind]:
                self.traffic.watches[kind] -= 1

    async def _stream(
        self, request: web.BaseRequest, kind: str, content: aiohttp.StreamReader, response: web.StreamResponse
    ) -> None:
        rest = b""
        async for chunk in content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            passed = b""
            for line in lines:
                found = _VERSION.search(line)
                if found:
                    self._versions.add(int(found[1]))
                fault = self._count((event_kind(kind),))
                if fault.action is not Action.PASS:
                    if passed:
                        await response.write(passed)
                        passed = b""
                    if not await self._spoil(request, line, fault, response):
                        return
                passed += line + b"\n"
            if passed:
                await response.write(passed)

    async def _spoil(self, request: web.BaseRequest, line: bytes, fault: Fault, response: web.StreamResponse) -> bool:
        """Makes one event go wrong; says whether the watch goes on."""
        if fault.action is Action.DELAY:
            await asyncio.sleep(fault.seconds)
            return True
        if fault.action is Action.DOUBLE:
            await response.write(line + b"\n")
            return True
        if fault.action in KILLS:
            task = asyncio.current_task()
            assert task is not None
            self._open.discard(task)
            await self._kill()
        elif fault.action is Action.ANSWER:
            await response.write(error_event(fault.status))
        elif fault.action is not Action.END:
            await response.write(line[: len(line) // 2])
            _dropped(request)
        return False


def _headers(request: web.BaseRequest) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.title() not in _KEPT_BY_HOP} | {
        "Accept-Encoding": "identity"
    }


def _dropped(request: web.BaseRequest) -> web.Response:
    """Closes the connection; the answer goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _attempt_of(request: web.BaseRequest, body: bytes | None) -> str:
    """The attempt, as in ``a#1``, whose Job or Workflow a request is to create; empty for any other request."""
    if request.method != "POST" or not body or not request.path.endswith(("/jobs", "/workflows")):
        return ""
    marks = json.loads(body)["metadata"]["labels"]
    return f"{marks.get(LABEL_TASK, '')}#{marks[LABEL_ATTEMPT]}"
