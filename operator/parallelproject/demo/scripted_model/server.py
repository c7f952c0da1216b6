"""The scripted model as a server, by default on the loopback address: three providers, four protocols, one script."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from aiohttp import web

from parallelproject.demo.scripted_model import anthropic, gemini, openai_chat, openai_responses
from parallelproject.demo.scripted_model.exchange import ModelAnswer, Request, Tokens, answer_of
from parallelproject.demo.scripted_model.script import ErrorStep, Script
from parallelproject.demo.scripted_model.sse import StreamEvent

_FOLDER = re.compile(r"(?:[Ww]orking directory|<cwd>|cwd)[:>]*\s*(/[^\s<]+)")
_ASIDE = ModelAnswer('{"title": "Scripted", "next_speaker": "user", "reasoning": "scripted"}', tokens=Tokens())
"""For what agents ask by the way, as for a title: such a request offers no tools, or names no task."""
_BODY_MAX = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Served:
    """One request and what it was answered with."""

    at: float
    """Seconds since the epoch."""
    task: str
    step: str
    """The kind of the step; ``aside`` for what no script is asked for."""
    status: int
    tokens: Tokens


@dataclass
class ScriptedModel:
    """The server. Use it as an async context manager; then ``url`` is where it listens."""

    script: Script
    port: int = 0
    """0: a free one."""
    host: str = "127.0.0.1"
    """The address that it listens on."""
    served: list[Served] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> "ScriptedModel":
        app = web.Application(client_max_size=_BODY_MAX)
        app.router.add_post("/v1/messages", self._handler(anthropic))
        app.router.add_post("/v1/messages/count_tokens", _count)
        app.router.add_post("/v1/responses", self._handler(openai_responses))
        app.router.add_post("/v1/chat/completions", self._handler(openai_chat))
        app.router.add_get("/v1/models", _models)
        app.router.add_post(r"/{version:v1\w*}/models/{call:[^/]+}", self._handler(gemini))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def tokens(self, task: str) -> Tokens:
        """The sum of what answers for a task are said to have used."""
        rows = [row.tokens for row in self.served if row.task == task]
        return Tokens(*(sum(each) for each in zip(*rows, strict=True))) if rows else Tokens()

    def _handler(self, protocol: ModuleType) -> Any:
        async def handle(http: web.Request) -> web.StreamResponse:
            body = await http.json()
            request, texts = protocol.read(body)
            call = http.match_info.get("call", "")
            if call:  # Gemini has the model and the method in its address
                model, _, method = call.partition(":")
                if method == "countTokens":
                    return web.json_response({"totalTokens": 1})
                request = request._replace(model=model, is_streamed=method == "streamGenerateContent")
            if not request.tools or not request.task:
                return await self._answer(http, protocol, request, _ASIDE, "aside")
            step = self.script.next_step(request.task, request.is_first, time.monotonic())
            if step.error:
                return self._refuse(protocol, request, step.error)
            folder = next((found[1] for text in texts if (found := _FOLDER.search(text))), "")
            return await self._answer(http, protocol, request, answer_of(step, request, folder), step.kind)

        return handle

    def _refuse(self, protocol: ModuleType, request: Request, error: ErrorStep) -> web.Response:
        body, headers = protocol.error(error)
        if error.retry_after is not None:
            headers["retry-after"] = f"{error.retry_after:g}"
        self._note(request, "error", error.status, Tokens())
        return web.json_response(body, status=error.status, headers=headers)

    async def _answer(
        self, http: web.Request, protocol: ModuleType, request: Request, said: ModelAnswer, kind: str
    ) -> web.StreamResponse:
        number = len(self.served) + 1
        self._note(request, kind, 200, Tokens() if said.is_cut else said.tokens)
        if not request.is_streamed and not said.is_cut:
            return web.json_response(protocol.answer(said, request, number))
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-cache"})
        await response.prepare(http)
        events = list(protocol.stream(said, request, number))
        for event in events[: len(events) // 2] if said.is_cut else events:
            await response.write(event.encode())
        if said.is_cut and http.transport:
            await asyncio.sleep(0)
            http.transport.abort()
        return response

    def _note(self, request: Request, kind: str, status: int, tokens: Tokens) -> None:
        self.served.append(Served(time.time(), request.task, kind, status, tokens))


async def _count(_: web.Request) -> web.Response:
    return web.json_response({"input_tokens": 1})


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": "scripted", "object": "model"}]})


def events(data: bytes) -> Iterator[StreamEvent]:
    """The events of a stream, for who reads one."""
    for block in data.decode().split("\n\n"):
        fields: Mapping[str, str] = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            raw = fields["data"]
            yield StreamEvent(raw if raw == "[DONE]" else json.loads(raw), fields.get("event", ""))
