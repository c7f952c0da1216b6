"""Anthropic Messages: ``POST /v1/messages`` (https://docs.anthropic.com/en/api/messages-streaming)."""

from collections.abc import Iterator, Mapping
from typing import Any

from parallelproject.demo.scripted_model.exchange import ModelAnswer, Request, reset_at, task_of
from parallelproject.demo.scripted_model.script import ErrorStep
from parallelproject.demo.scripted_model.sse import StreamEvent

_KINDS = {401: "authentication_error", 403: "permission_error", 402: "billing_error", 429: "rate_limit_error",
          529: "overloaded_error"}  # fmt: skip


def read(body: Mapping[str, Any]) -> tuple[Request, list[str]]:
    """A request, and the texts of its conversation."""
    system = body.get("system") or ""
    texts = [system] if isinstance(system, str) else [part.get("text", "") for part in system]
    is_first, prompts = True, []
    for message in body.get("messages", []):
        content = message["content"]
        parts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
        if message["role"] == "assistant":
            is_first = False
        else:
            prompts += parts
    tools = {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools") or []}
    streamed = bool(body.get("stream"))
    return Request(body.get("model", ""), task_of(prompts), is_first, tools, streamed), [*texts, *prompts]


def answer(said: ModelAnswer, request: Request, number: int) -> dict[str, Any]:
    """The whole of an answer."""
    content: list[dict[str, Any]] = [{"type": "text", "text": said.text}] if said.text else []
    if said.tool:
        content.append(
            {"type": "tool_use", "id": f"toolu_{number:04}", "name": said.tool.name, "input": said.tool.arguments}
        )
    tokens = said.tokens
    return {
        "id": f"msg_{number:04}", "type": "message", "role": "assistant", "model": request.model, "content": content,
        "stop_reason": "tool_use" if said.tool else "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": tokens.input, "output_tokens": tokens.output, "cache_creation_input_tokens": 0,
                  "cache_read_input_tokens": tokens.cached},
    }  # fmt: skip


def stream(said: ModelAnswer, request: Request, number: int) -> Iterator[StreamEvent]:
    """The same as a stream."""
    whole = answer(said, request, number)
    usage = whole["usage"]
    start = whole | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    yield StreamEvent({"type": "message_start", "message": start}, "message_start")
    for index, block in enumerate(whole["content"]):
        is_text = block["type"] == "text"
        empty: dict[str, Any] = block | {"text" if is_text else "input": "" if is_text else {}}
        yield _event("content_block_start", index=index, content_block=empty)
        delta = (
            {"type": "text_delta", "text": block["text"]}
            if is_text or said.tool is None
            else {"type": "input_json_delta", "partial_json": said.tool.as_text}
        )
        yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=end, usage=usage)
    yield _event("message_stop")


def error(step: ErrorStep) -> tuple[dict[str, Any], dict[str, str]]:
    """The body and the headers of a refusal."""
    kind = step.kind or _KINDS.get(step.status, "api_error" if step.status >= 500 else "invalid_request_error")
    headers = {"x-should-retry": "true" if step.retry else "false"}
    reset = reset_at(step)
    if reset is not None:
        headers |= {
            "anthropic-ratelimit-unified-status": "rejected",
            "anthropic-ratelimit-unified-reset": str(reset),
            "anthropic-ratelimit-unified-representative-claim": "five_hour",
        }
    message = step.message or kind.replace("_", " ")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"}, headers


def _event(kind: str, **fields: Any) -> StreamEvent:
    return StreamEvent({"type": kind} | fields, kind)
