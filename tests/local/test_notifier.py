"""Notifications of a local run: who gets which, signed, once, and what happens where nobody receives them."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from parallelproject.cli import main
from parallelproject.local.views import notifier
from tests.local.runner import Runner, until

KEY = "not a secret"


class Receiver:
    """A webhook that refuses the first requests, if it is asked to."""

    def __init__(self, refusals: int = 0, code: int = 503) -> None:
        self.bodies: list[tuple[dict[str, str], bytes]] = []
        self.refused = 0
        found = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refuses = found.refused < refusals
                found.refused += refuses
                if not refuses:
                    found.bodies.append((dict(self.headers.items()), body))
                self.send_response(code if refuses else 204)
                self.send_header("Location", "/other")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook?x=1"

    @property
    def events(self) -> list[tuple[str, str]]:
        found = [json.loads(body) for _, body in self.bodies]
        return [(each["event"], each["commands"][0] if each["commands"] else "") for each in found]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []
    monkeypatch.setattr(notifier, "_PAUSES", (0.0, 0.0))
    monkeypatch.setenv("HOOK_KEY", KEY)

    def make(*arguments: Any) -> Receiver:
        made.append(Receiver(*arguments))
        return made[-1]

    yield make
    for each in made:
        each.server.shutdown()
        each.server.server_close()


def spec(receiver: Receiver, **more: Any) -> dict[str, Any]:
    hook = {"url": receiver.url, "secretEnv": "HOOK_KEY"}
    return {"tasks": [{"id": "a", "approval": True}], "notify": {"webhook": hook, **more.pop("notify", {})}, **more}


def test_people_are_notified_of_what_waits_and_of_the_end_signed_and_once(
    runner: Callable[..., Runner], receiver: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = receiver(2)
    run = runner(spec(hook), "true")
    monkeypatch.chdir(run.folder)
    started = run.start()
    until(lambda: hook.bodies, what="a notification, after two that were refused")
    until((run.state / "notified.json").exists, what="its record")
    started.signal(2)
    started.finish(130)
    again = run.start()
    again.wait_said("pproj approve demo a")
    assert main.call(["approve", "demo", "a"]) == 0
    again.finish(0)
    run.run()
    assert hook.events == [("NeedsAttention", "pproj approve demo a"), ("Done", "")]
    headers, body = hook.bodies[0]
    assert headers["X-Pproj-Signature-256"] == "sha256=" + hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    content = json.loads(body)
    assert (content["project"], content["counts"]["pending"], content["message"]) == (
        "demo", 1, "demo: a waits for approval",
    )  # fmt: skip
    assert headers["X-Pproj-Delivery"] == content["id"]


def test_a_command_gets_the_notification_of_a_failure_on_its_standard_input(runner: Callable[..., Runner]) -> None:
    run = runner({"tasks": [{"id": "a", "maxAttempts": 1}]}, "exit 3")
    file = run.folder / "got"
    run.spec["notify"] = {"command": ["sh", "-c", f"cat >> {file}; echo $PPROJ_EVENT >> {file}"], "on": ["Failed"]}
    run.run(1)
    body, event = file.read_text().rsplit("}", 1)
    assert event.strip() == "Failed"
    assert json.loads(f"{body}}}")["failed"] == ["a"]


def test_a_receiver_that_fails_delays_no_task_and_is_named_at_the_end(
    runner: Callable[..., Runner], receiver: Callable[..., Receiver]
) -> None:
    moved = receiver(99, 302)
    more = {"notify": {"command": ["sh", "-c", "echo no such room >&2; exit 4"], "on": ["Done"]}}
    run = runner(spec(moved, **more, approvals=[{"id": "a"}]), "true")
    said = run.run()
    assert (
        "warning: notification Done was not received: spec.notify.command: sh failed with exit code 4: no such room"
        in said
    )
    assert "answered 302 (give the address that it redirects to)" in said
    assert 1 <= moved.refused <= 3  # a try that gets no answer in time counts too
    assert "was not received" in run.run(), "the next session tries again"


def test_without_its_key_nothing_is_sent(
    runner: Callable[..., Runner], receiver: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = receiver()
    monkeypatch.delenv("HOOK_KEY")
    said = runner(spec(hook, approvals=[{"id": "a"}]), "true").run()
    assert "the environment variable HOOK_KEY is not set" in said
    assert not hook.bodies
