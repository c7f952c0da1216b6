"""Refusals as OpenAI words them, in both of its protocols."""

from typing import Any

from parallelproject.demo.scripted_model.exchange import reset_at
from parallelproject.demo.scripted_model.script import ErrorStep

_KINDS = {401: "invalid_api_key", 429: "rate_limit_exceeded", 402: "insufficient_quota", 403: "insufficient_quota"}


def error(step: ErrorStep) -> tuple[dict[str, Any], dict[str, str]]:
    """The body and the headers of a refusal."""
    kind = step.kind or _KINDS.get(step.status, "server_error" if step.status >= 500 else "invalid_request_error")
    found: dict[str, Any] = {"message": step.message or kind.replace("_", " "), "type": kind, "code": kind}
    reset = reset_at(step)
    if reset is not None:
        found |= {"type": "usage_limit_reached", "plan_type": "plus", "resets_at": reset}
    return {"error": found}, {"x-should-retry": "true" if step.retry else "false"}
