"""Gemini: ``POST /v1beta/models/MODEL:streamGenerateContent`` (https://ai.google.dev/api/generate-content)."""

from collections.abc import Iterator, Mapping
from typing import Any

from parallelproject.demo.scripted_model.exchange import ModelAnswer, Request, task_of
from parallelproject.demo.scripted_model.script import ErrorStep
from parallelproject.demo.scripted_model.sse import StreamEvent

_STATES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


def read(body: Mapping[str, Any]) -> tuple[Request, list[str]]:
    """A request, and the texts of its conversation."""
    system = body.get("systemInstruction") or {}
    texts = [part.get("text", "") for part in system.get("parts", [])]
    prompts, is_first = [], True
    for content in body.get("contents", []):
        parts = [part.get("text", "") for part in content.get("parts", [])]
        is_first &= content.get("role") != "model"
        prompts += parts if content.get("role") != "model" else []
    tools = {
        function["name"]: function.get("parametersJsonSchema") or function.get("parameters") or {}
        for tool in body.get("tools") or []
        for function in tool.get("functionDeclarations", [])
    }
    return Request("", task_of(prompts), is_first, tools), [*texts, *prompts]


def answer(said: ModelAnswer, request: Request, number: int) -> dict[str, Any]:
    """The whole of an answer; a stream has it as its only event."""
    parts: list[dict[str, Any]] = [{"text": said.text}] if said.text else []
    if said.tool:
        parts.append({"functionCall": {"name": said.tool.name, "args": said.tool.arguments}})
    tokens = said.tokens
    usage = {
        "promptTokenCount": tokens.input + tokens.cached, "candidatesTokenCount": tokens.output,
        "totalTokenCount": tokens.input + tokens.cached + tokens.output, "cachedContentTokenCount": tokens.cached,
    }  # fmt: skip
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": request.model, "responseId": str(number)}


def stream(said: ModelAnswer, request: Request, number: int) -> Iterator[StreamEvent]:
    """The same as a stream."""
    whole = answer(said, request, number)
    if said.is_cut:
        del whole["candidates"][0]["finishReason"]
        yield StreamEvent(whole)
    yield StreamEvent(whole)


def error(step: ErrorStep) -> tuple[dict[str, Any], dict[str, str]]:
    """The body and the headers of a refusal."""
    state = step.kind or _STATES.get(step.status, "INTERNAL" if step.status >= 500 else "INVALID_ARGUMENT")
    found: dict[str, Any] = {"code": step.status, "status": state, "message": step.message or state}
    wait = step.resets_in if step.resets_in is not None else step.retry_after
    if wait is not None:
        info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait:g}s"}
        found["details"] = [info]
    return {"error": found}, {}
