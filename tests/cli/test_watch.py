"""``pproj watch`` and ``get`` as a person sees them: bars with states apart, widths, Ctrl-C, dumb terminals."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from parallelproject.cli.commands.watch import Lines, line_of
from parallelproject.cli.commands.watch_live import picture
from parallelproject.core.times import iso
from tests.local.runner import Runner, tasks, until

from .conftest import Pproj

BIN = Path(sys.executable).parent
HELD = "echo x >> $JOURNAL; until [ -e $JOURNAL.$PPROJ_TASK_ID ]; do sleep 0.05; done"


def project(**changes: Any) -> dict[str, Any]:
    """A project of which L0 is done but for a failure, and L1 runs."""
    ids = ("api", "db", "backend", "frontend", "load")
    rows = [
        {"id": "api", "state": "Succeeded", "level": 0, "attempts": 1, "startTime": iso(0), "completionTime": iso(60)},
        {"id": "db", "state": "Failed", "reason": "ExitCode", "exitCode": 3, "level": 0, "attempts": 2},
        {"id": "backend", "state": "Running", "level": 1, "attempts": 1, "startTime": iso(60)},
        {"id": "frontend", "state": "Skipped", "reason": "DependencyFailed", "level": 1},
        {"id": "load", "state": "Pending", "reason": "WaitingForLevel", "level": 1},
    ]
    status = {
        "observedGeneration": 1,
        "startTime": iso(0),
        "progress": "1/5",
        "level": "2/2",
        "currentLevel": "L1",
        "counts": {"total": 5, "succeeded": 1, "failed": 1, "skipped": 1, "running": 1, "pending": 1},
        "conditions": [
            {"type": "Accepted", "status": "True", "reason": "GraphValid"},
            {"type": "Completed", "status": "False", "reason": "Running"},
            {"type": "Succeeded", "status": "Unknown", "reason": "Running"},
        ],
        "levels": [
            {"index": 0, "total": 2, "succeeded": 1, "failed": 1, "skipped": 0, "running": 0},
            {"index": 1, "total": 3, "succeeded": 0, "failed": 0, "skipped": 1, "running": 1},
        ],
        "tasks": rows,
    }
    return {
        "metadata": {"name": "shop", "generation": 1},
        "spec": {"tasks": [{"id": id, "title": f"The title of {id}"} for id in ids]},
        "status": status | changes,
    }


def drawn(width: int) -> list[str]:
    out = StringIO()
    Console(file=out, width=width, color_system=None).print(picture(project(), 120.0, 12, width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_bars_show_running_failed_and_skipped_apart_without_colours(width: int) -> None:
    lines = drawn(width)
    assert all(len(line) <= width for line in lines)
    assert "shop  Running  1/5 done, 1 running, 1 failed" in lines[0]
    (first,), (second,) = ([line for line in lines if line.startswith(name)] for name in ("L0", "L1"))
    bar = first.split()[1]
    assert set(bar) == {"█", "✗"}
    assert bar.count("█") - bar.count("✗") in (-1, 0, 1)
    assert first.endswith("1/2 done, 1 failed")
    assert set(second.split()[1]) == {"–", "▶", "·"}
    assert second.endswith("0/3 done, 1 running, 1 skipped")
    order = [line.split()[0] for line in lines if "The title" in line]
    assert order == ["db", "backend", "api"]
    assert lines[-1].strip() == "pproj why shop db  explains a failure"


def test_lines_say_how_many_are_done_and_in_which_level(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().show(project())
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.split(" ", 1)[1] == "1/5 done, 1 running, 1 failed, level L1"


def test_a_task_that_waits_for_its_retry_after_an_exit_code_says_which() -> None:
    row = {"id": "a", "state": "Pending", "reason": "Backoff", "failure": "ExitCode", "exitCode": 3, "attempts": 1}
    assert line_of(row) == "a Pending: Backoff (attempt 1)"
    assert line_of(row | {"state": "Failed", "reason": "ExitCode"}) == "a Failed: ExitCode 3 (attempt 1)"


def test_get_draws_a_bar_for_each_level(pproj: Pproj, tmp_path: Path) -> None:
    made = Runner(
        tmp_path, {"failurePolicy": "Continue", "tasks": tasks("a", "b", maxAttempts=1)}, "[ $PPROJ_TASK_ID = a ]"
    )
    made.run(1)
    lines = pproj("get", "demo").out.splitlines()
    level = next(line for line in lines if line.startswith("  L0 "))
    assert level.split() == ["L0", "2", "1", "0", "1", "0", "█" * 10 + "✗" * 10]
    assert next(line for line in lines if line.startswith("  a ")).split()[:3] == ["a", "Succeeded", "L0"]
    assert any(line.startswith("Efficiency: ") and "peak of" in line for line in lines)


def _of_a_person() -> None:
    """Has Ctrl-C reach the process, also where the tests run in the background and ignore it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def on_terminal(folder: Path, width: int, **environment: str) -> tuple[subprocess.Popen[bytes], int]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        [BIN / "pproj", "watch", "demo"], cwd=folder, env=os.environ | environment, start_new_session=True,
        stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=_of_a_person,
    )  # fmt: skip
    os.close(theirs)
    return process, ours


def read(ours: int, until_text: bytes | None) -> bytes:
    shown = b""
    while until_text is None or until_text not in shown:
        try:
            shown += os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
    return shown


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_ctrl_c_ends_the_watching_alone_and_says_so(tmp_path: Path, term: str) -> None:
    run = Runner(tmp_path, {"tasks": tasks("a")}, HELD)
    started = run.start()
    until(lambda: run.journal() and (run.state / "status.json").exists(), what="a to run")
    process, ours = on_terminal(tmp_path, 60, TERM=term)
    shown = read(ours, b"Running")
    os.write(ours, b"\x03")
    shown += read(ours, None)
    assert process.wait() == 130
    os.close(ours)
    assert shown.count(b"demo continues; ") == 1
    assert shown.count(b"pproj watch demo follows it again") == 1
    assert (b"\x1b[" in shown) == (term == "xterm")
    (tmp_path / "journal.a").touch()
    started.finish(0)
