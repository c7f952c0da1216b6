"""Errors as the API server gives them."""

import json

from aiohttp import web

_RETRY_AFTER = "1"
_REASONS = {
    409: ("Conflict", "the object has been modified; please apply your changes to the latest version"),
    410: ("Expired", "too old resource version"),
    500: ("InternalError", "Internal error occurred: etcdserver: request timed out"),
    504: ("Timeout", "Timeout: request did not complete within requested timeout"),
}


def status_object(code: int) -> dict[str, object]:
    """The Status that tells of an error."""
    reason, message = _REASONS[code]
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def error_answer(code: int) -> web.Response:
    """An answer with an error: too many requests, and a server that goes down, are told without JSON."""
    if code == 429:
        return web.Response(
            status=429,
            text="Too many requests, please try again later.\n",
            headers={"Retry-After": _RETRY_AFTER},
        )
    if code not in _REASONS:
        return web.Response(status=code, text="apiserver is shutting down\n")
    return web.json_response(status_object(code), status=code)


def error_event(code: int) -> bytes:
    """The event by which a watch tells of an error."""
    return json.dumps({"type": "ERROR", "object": status_object(code)}).encode() + b"\n"
