"""OpenAI Responses: ``POST /v1/responses`` (https://platform.openai.com/docs/api-reference/responses-streaming)."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from parallelproject.demo.scripted_model.exchange import ModelAnswer, Request, task_of
from parallelproject.demo.scripted_model.openai_errors import error
from parallelproject.demo.scripted_model.sse import StreamEvent

__all__ = ["answer", "error", "read", "stream"]


def read(body: Mapping[str, Any]) -> tuple[Request, list[str]]:
    """A request, and the texts of its conversation."""
    given = body.get("input") or []
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    texts = [body.get("instructions") or ""]
    prompts: list[str] = []
    is_first = True
    for item in items:
        kind, role = item.get("type", "message"), item.get("role")
        if kind in ("function_call", "custom_tool_call") or role == "assistant":
            is_first = False
        content = item.get("content") or ""
        parts = [content] if isinstance(content, str) else [part.get("text") or "" for part in content]
        if role == "user":
            prompts += parts
        texts += parts
    tools = {tool["name"]: tool.get("parameters") or {} for tool in body.get("tools") or [] if tool.get("name")}
    return Request(body.get("model", ""), task_of(prompts), is_first, tools, bool(body.get("stream"))), texts


def answer(said: ModelAnswer, request: Request, number: int) -> dict[str, Any]:
    """The whole of an answer."""
    output: list[dict[str, Any]] = []
    if said.text or said.tool is None:
        text = {"type": "output_text", "text": said.text, "annotations": []}
        output.append(
            {"type": "message", "id": f"item_{number:04}", "role": "assistant", "status": "completed",
             "content": [text] if said.text else []}
        )  # fmt: skip
    if said.tool:
        output.append(
            {"type": "function_call", "id": f"fc_{number:04}", "call_id": f"call_{number:04}", "status": "completed",
             "name": said.tool.name, "arguments": said.tool.as_text}
        )  # fmt: skip
    tokens = said.tokens
    usage = {
        "input_tokens": tokens.input + tokens.cached, "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.output, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens.input + tokens.cached + tokens.output,
    }  # fmt: skip
    return {
        "id": f"resp_{number:04}", "object": "response", "created_at": int(time.time()), "status": "completed",
        "model": request.model, "output": output, "usage": usage, "error": None,
    }  # fmt: skip


def stream(said: ModelAnswer, request: Request, number: int) -> Iterator[StreamEvent]:
    """The same as a stream."""
    whole = answer(said, request, number)
    yield _event("response.created", response=whole | {"status": "in_progress", "output": [], "usage": None})
    for index, item in enumerate(whole["output"]):
        yield _event("response.output_item.added", output_index=index, item=item | {"status": "in_progress"})
        if item["type"] == "message" and said.text:
            yield _event(
                "response.output_text.delta", output_index=index, item_id=item["id"], content_index=0, delta=said.text
            )
        yield _event("response.output_item.done", output_index=index, item=item)
    yield _event("response.completed", response=whole)


def _event(kind: str, **fields: Any) -> StreamEvent:
    return StreamEvent({"type": kind} | fields, kind)
