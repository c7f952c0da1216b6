"""The two receivers of notifications: a command and a webhook. Each try has a deadline, whatever the receiver does."""

import hashlib
import hmac
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException, InvalidURL
from typing import Any
from urllib.parse import urlsplit

from parallelproject.limited_process import run_limited
from parallelproject.model.spec import Webhook

SIGNATURE, EVENT, DELIVERY = "X-Pproj-Signature-256", "X-Pproj-Event", "X-Pproj-Delivery"
"""Headers of a request to a webhook."""
TRY_SECONDS = 10.0
"""Maximum time of one try."""
_POLL_SECONDS = 0.05
_ERROR_BYTES = 300


def run_command(command: Sequence[str], body: bytes, event: str, ending: threading.Event) -> str:
    """Gives a notification to a command; why it failed, or nothing.

    It has received the notification when it has ended with exit code 0; what it has started in the background may
    continue. If it does not end in time, it is killed with all processes of its group.

    Args:
        command: The command and its arguments.
        body: Its standard input.
        event: The value of ``PPROJ_EVENT``.
        ending: Set when the session cannot wait any longer.
    """
    place = "spec.notify.command"
    variables = {**os.environ, "PPROJ_EVENT": event}
    try:
        done = run_limited(command, TRY_SECONDS, stdin=body, environment=variables, ending=ending, takes_output=False)
    except subprocess.TimeoutExpired:
        fix = "let it start what takes longer in the background"
        return f"{place}: {command[0]} did not end within {TRY_SECONDS:g} s ({fix})"
    except OSError as error:
        found = f"cannot be started: {error.strerror or error}"
        return f"{place}: {command[0]} {found} (install it, or name another program)"
    except ValueError as error:
        return f"{place}: it cannot be started: {error} (fix the command)"
    if done.returncode:
        found = f"failed with exit code {done.returncode}{_last_line(done.stderr)}"
        return f"{place}: {command[0]} {found} (fix the command)"
    return ""


def post(webhook: Webhook, body: bytes, event: str, id: str, ending: threading.Event) -> str:
    """Sends a notification to a webhook; why it was not received, or nothing.

    Args:
        webhook: The webhook.
        body: The body of the request.
        event: What the notification is about.
        id: The same for each try of one notification.
        ending: Set when the session cannot wait any longer.
    """
    headers = {"Content-Type": "application/json", "User-Agent": "pproj", EVENT: event, DELIVERY: id}
    if name := webhook.secret_env:
        key = os.fsencode(os.environ.get(name, ""))
        if not key:
            found = f"the environment variable {name} is not set, so it cannot be signed"
            return f"spec.notify.webhook.secretEnv: {found} (set it, or remove secretEnv)"
        headers[SIGNATURE] = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
    answers: list[str] = []
    # The timeout of a socket is for each read of it: a server that sends a byte now and then has no end. A look-up of a
    # name has no timeout.
    request = threading.Thread(
        target=lambda: answers.append(_answer(webhook.url, body, headers)), name="webhook", daemon=True
    )
    request.start()
    if not _is_in_time(lambda: bool(answers), ending):
        answers = [f"did not answer within {TRY_SECONDS:g} s (check that the server runs)"]
    # The address may hold a key, so only its server is named.
    return f"spec.notify.webhook.url: {_server(webhook.url)} {answers[0]}" if answers[0] else ""


def _answer(url: str, body: bytes, headers: dict[str, str]) -> str:
    """What the server answers, with the fix; nothing where it has received the body."""
    try:
        request = urllib.request.Request(url, body, headers, method="POST")
        with _OPENER.open(request, timeout=TRY_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"answered {error.code} ({_fix(error.code)})"
    except (InvalidURL, ValueError):  # their texts have the address
        return "is no server that can be reached (fix the address)"
    except OSError as error:  # also a connection that ends without an answer
        return f"cannot be reached: {getattr(error, 'reason', None) or error} (check the address and the network)"
    except HTTPException as error:
        return f"did not answer in HTTP: {type(error).__name__} (fix the address: http or https, and its port)"


def _fix(code: int) -> str:
    if 300 <= code < 400:
        return "give the address that it redirects to"
    return "fix the address or its key" if code < 500 else "check the server"


def _server(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "its server"
    except ValueError:
        return "its server"


def _is_in_time(is_over: Callable[[], bool], ending: threading.Event) -> bool:
    """Waits for the end of one try, for a limited time."""
    deadline = time.monotonic() + TRY_SECONDS
    while not is_over():
        if time.monotonic() > deadline or ending.wait(_POLL_SECONDS):
            return False
    return True


def _last_line(errors: bytes) -> str:
    """The last line of an output, for the end of a sentence."""
    lines = errors[-_ERROR_BYTES:].decode(errors="replace").strip().rsplit("\n", 1)
    return f": {lines[-1]}" if lines[-1] else ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other: the body goes only to the address that the user has named."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


_OPENER = urllib.request.build_opener(_NoRedirects)
