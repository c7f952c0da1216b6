"""Receivers of notifications that hang, answer nonsense or cannot be called: each is an error with its fix, in time."""

import hashlib
import hmac
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.local.engine.board import Board
from parallelproject.local.engine.clock import Clock
from parallelproject.local.supervisor.process_tree import is_alive
from parallelproject.local.views import notifier as notifying
from parallelproject.local.views import receivers
from parallelproject.local.views.notifier import Notifier
from parallelproject.local.views.receivers import post, run_command
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Webhook
from tests.local.runner import until

LONG = 1e6


@contextmanager
def server(
    talk: Callable[[socket.socket, threading.Event], None], requests: list[bytes] | None = None
) -> Iterator[str]:
    """A server that talks like this to each that connects, and keeps its requests; gives the address of a webhook."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    said = b""
                    while not said.endswith(b"{}"):  # else closing it resets the connection
                        said += connection.recv(65536)
                    if requests is not None:
                        requests.append(said)
                    talk(connection, over)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/secret"
        over.set()


def without_end(connection: socket.socket, over: threading.Event) -> None:
    """An answer of which a byte comes now and then: no read of it takes long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not over.wait(0.02):
        connection.sendall(b"x")


def hook(url: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(receivers, "TRY_SECONDS", seconds)
    return post(Webhook(url=url), b"{}", "Done", "1", threading.Event())


def test_a_webhook_whose_answer_has_no_end_is_an_error_after_the_time_of_a_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with server(without_end) as url:
        assert "did not answer within 0.5 s (check that the server runs)" in hook(url, 0.5, monkeypatch)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "did not answer in HTTP: BadStatusLine (fix the address: http or https"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n", "did not answer in HTTP: HTTPException"),
        (b"HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n", "answered 301 (give the address that it redirects to)"),
        (b"HTTP/1.1 403 No\r\n\r\n", "answered 403 (fix the address or its key)"),
        (b"", "cannot be reached: Remote end closed connection without response (check the address and"),
    ],
)
def test_an_answer_that_is_none_names_the_field_the_server_and_the_fix(
    answer: bytes, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(lambda connection, _: connection.sendall(answer)) as url:
        said = hook(url, LONG, monkeypatch)
    assert said.startswith("spec.notify.webhook.url: 127.0.0.1:")
    assert found in said
    assert "secret" not in said


@pytest.mark.parametrize("url", ["http://host:port/secret", "http://[::1/secret", "http://h/\x01secret", "http://h/ü"])
def test_an_address_that_is_none_is_an_error_without_its_secret(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = hook(url, LONG, monkeypatch)
    assert said.endswith("(fix the address)")
    assert "secret" not in said


def call(*command: str, ending: threading.Event | None = None) -> str:
    return run_command(command, b"{}", "Done", ending or threading.Event())


def test_a_process_in_the_background_that_holds_the_standard_error_does_not_delay_the_end(
    fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivers, "TRY_SECONDS", LONG)
    assert call("sh", "-c", f"cat {fifo} & echo no such room >&2; exit 4") == (
        "spec.notify.command: sh failed with exit code 4: no such room (fix the command)"
    )
    assert call("sh", "-c", f"cat {fifo} &") == ""


def test_a_command_that_hangs_is_killed_with_all_that_it_has_started(
    fifo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, pid, said = threading.Event(), tmp_path / "pid", list[str]()
    monkeypatch.setattr(receivers, "TRY_SECONDS", LONG)
    script = f"cat {fifo} & echo $! > {pid}.new; mv {pid}.new {pid}; wait"
    thread = threading.Thread(target=lambda: said.append(call("sh", "-c", script, ending=ending)))
    thread.start()
    until(pid.exists, what="the command")
    ending.set()
    thread.join()
    assert "did not end within" in said[0]
    until(lambda: not is_alive(int(pid.read_text()), None), what="the end of its child")

    monkeypatch.setattr(receivers, "TRY_SECONDS", 0.1)
    assert call("cat", str(fifo)) == (
        "spec.notify.command: cat did not end within 0.1 s (let it start what takes longer in the background)"
    )


def test_a_command_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    assert call(str(tmp_path / "none")).endswith(
        "none cannot be started: No such file or directory (install it, or name another program)"
    )
    assert call("a\0b") == "spec.notify.command: it cannot be started: embedded null byte (fix the command)"


def notified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **notify: Any) -> Notifier:
    """A notifier that has been given two approvals to notify of."""
    monkeypatch.setattr(notifying, "_PAUSES", ())
    spec = parse_spec({"tasks": [{"id": "a", "approval": True}, {"id": "b", "approval": True}], "notify": notify})
    graph = compile_graph(spec)
    board = Board("demo", graph, spec, Clock(), 0.0)
    board.update(plan(graph, spec, Ledger(), {}, 1.0))
    assert spec.notify
    found = Notifier(spec.notify, tmp_path, "run")
    found.take(board, ())
    return found


def test_after_a_fault_the_other_notifications_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bytes] = []

    def broken(_command: object, body: bytes, *_: object) -> str:
        calls.append(body)
        if len(calls) == 1:
            raise RuntimeError("a fault")
        return ""

    monkeypatch.setattr(notifying, "run_command", broken)
    found = notified(tmp_path, monkeypatch, command=["true"])
    found.close()
    assert len(calls) == 2
    assert found.troubles == ["notification NeedsAttention was not sent: RuntimeError: a fault (report this fault)"]


def test_the_end_of_a_session_waits_for_a_limited_time_and_kills_the_command(
    fifo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivers, "TRY_SECONDS", LONG)
    monkeypatch.setattr(notifying, "_END_SECONDS", 0.1)
    monkeypatch.setattr(notifying, "_KILL_SECONDS", LONG)
    found = notified(tmp_path, monkeypatch, command=["cat", str(fifo)])
    found.close()
    assert found.troubles == ["2 notifications were not received within 0.1 s; the next session sends again"]
    with pytest.raises(OSError, match="No such device"):  # nobody reads it any more
        os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)


def test_a_key_that_is_no_text_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    key, got = b"\xff\xfe", list[bytes]()
    monkeypatch.setitem(os.environb, b"HOOK_KEY", key)
    with server(lambda connection, _: connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"), got) as url:
        assert post(Webhook(url=url, secret_env="HOOK_KEY"), b"{}", "Done", "1", threading.Event()) == ""
    signature = hmac.new(key, b"{}", hashlib.sha256).hexdigest().encode()
    assert b"x-pproj-signature-256: sha256=" + signature in got[0].lower()


def test_a_run_that_ends_since_its_budget_is_used_up_has_failed(tmp_path: Path) -> None:
    notify = {"command": ["sh", "-c", f"cat >> {tmp_path}/got"]}
    fields = {"tasks": [{"id": "a"}], "budgets": [{"unit": "usd", "limit": "1"}], "notify": notify}
    spec = parse_spec(fields)
    graph = compile_graph(spec)
    board = Board("demo", graph, spec, Clock(), 0.0)
    spent = Attempt(1, Phase.FAILED, started=1.0, ended=2.0, reason="ExitCode", usage=AgentUsage(usd=Decimal(2)))
    for _ in range(2):  # the second session has nothing to add
        board.update(plan(graph, spec, Ledger(), {"a": [spent]}, 1000.0))
        assert spec.notify
        found = Notifier(spec.notify, tmp_path, "run")
        found.take(board, ())
        found.close()
    said = json.loads((tmp_path / "got").read_text())
    assert (said["event"], said["commands"]) == ("Failed", ["pproj why demo"])
    assert said["message"].startswith(
        "demo: 0 of 1 tasks succeeded; the budget of $1.00 is used up: $2.00 spent; a larger"
    )
