"""OpenAI Chat Completions: ``POST /v1/chat/completions`` (https://platform.openai.com/docs/api-reference/chat)."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from parallelproject.demo.scripted_model.exchange import ModelAnswer, Request, task_of
from parallelproject.demo.scripted_model.openai_errors import error
from parallelproject.demo.scripted_model.sse import StreamEvent

__all__ = ["answer", "error", "read", "stream"]


def read(body: Mapping[str, Any]) -> tuple[Request, list[str]]:
    """A request, and the texts of its conversation."""
    texts: list[str] = []
    prompts: list[str] = []
    is_first = True
    for message in body.get("messages", []):
        content = message.get("content") or ""
        parts = [content] if isinstance(content, str) else [part.get("text") or "" for part in content]
        texts += parts
        if message["role"] == "user":
            prompts += parts
        is_first &= message["role"] != "assistant"
    functions = [tool["function"] for tool in body.get("tools") or []]
    tools = {function["name"]: function.get("parameters") or {} for function in functions}
    return Request(body.get("model", ""), task_of(prompts), is_first, tools, bool(body.get("stream"))), texts


def answer(said: ModelAnswer, request: Request, number: int) -> dict[str, Any]:
    """The whole of an answer."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.tool:
        message["tool_calls"] = [_call(said, number)]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if said.tool else "stop"}
    return _envelope("chat.completion", request, number) | {"choices": [choice], "usage": _usage(said)}


def stream(said: ModelAnswer, request: Request, number: int) -> Iterator[StreamEvent]:
    """The same as a stream."""
    head = _envelope("chat.completion.chunk", request, number)
    delta: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.tool:
        delta["tool_calls"] = [_call(said, number) | {"index": 0}]
    yield StreamEvent(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    end = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if said.tool else "stop"}
    yield StreamEvent(head | {"choices": [end]})
    yield StreamEvent(head | {"choices": [], "usage": _usage(said)})
    yield StreamEvent("[DONE]")


def _envelope(kind: str, request: Request, number: int) -> dict[str, Any]:
    return {"id": f"chatcmpl-{number:04}", "object": kind, "created": int(time.time()), "model": request.model}


def _call(said: ModelAnswer, number: int) -> dict[str, Any]:
    assert said.tool is not None
    function = {"name": said.tool.name, "arguments": said.tool.as_text}
    return {"id": f"call_{number:04}", "type": "function", "function": function}


def _usage(said: ModelAnswer) -> dict[str, Any]:
    given = said.tokens.input + said.tokens.cached
    return {
        "prompt_tokens": given, "completion_tokens": said.tokens.output, "total_tokens": given + said.tokens.output,
        "prompt_tokens_details": {"cached_tokens": said.tokens.cached},
    }  # fmt: skip
