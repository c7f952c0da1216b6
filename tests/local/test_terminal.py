"""A run on a terminal: Ctrl-C, and the picture."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.changes import Event, What
from parallelproject.local.engine.board import Board, Running
from parallelproject.local.engine.clock import Clock
from parallelproject.local.views.live import LiveView
from parallelproject.local.views.picture import Scene, picture
from parallelproject.model.project import parse_spec
from tests.local.runner import Runner, chain, tasks, until

Make = Callable[..., Runner]


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, run: Runner, **size: int) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(
            theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size.get("lines", 24), size.get("columns", 80), 0, 0)
        )

        self.process = run.start(terminal=theirs)
        os.close(theirs)
        self._ours = ours
        self.screen = ""

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def read(self) -> str:
        os.set_blocking(self._ours, False)
        try:
            while data := os.read(self._ours, 65536):
                self.screen += data.decode(errors="replace")
        except OSError:
            pass
        return self.screen

    def finish(self, code: int) -> str:
        until(lambda: self.read() is not None and self.process.poll() is not None)
        self.read()
        os.close(self._ours)
        self.process.stop_reading()
        assert self.process.returncode == code, self.screen
        return self.plain(read=False)

    def plain(self, read: bool = True) -> str:
        """What has been shown, without what steers the terminal."""
        return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", self.read() if read else self.screen)


def test_ctrl_c_stops_the_tasks_and_says_how_to_go_on(runner: Make) -> None:
    run = runner(tasks("a", "b"), "echo x >> $JOURNAL; sleep 1000", options={"view": "auto"})
    terminal = Terminal(run)
    until(lambda: len(run.journal()) == 2)
    terminal.type("\x03")
    screen = terminal.finish(130)
    assert "interrupted: 0 of 2 tasks succeeded" in screen
    assert "Resume from here" in screen
    assert run.processes() == []
    assert {(row.phase, row.reason) for row in run.attempts()} == {("Stopped", "Stopped")}


def test_a_second_ctrl_c_kills_at_once(runner: Make) -> None:
    run = runner(
        tasks("a"), "trap 'echo term >> $JOURNAL' TERM; echo x >> $JOURNAL; while :; do sleep 0.05; done",
        options={"grace_seconds": 1000},
    )  # fmt: skip
    terminal = Terminal(run)
    until(run.journal)
    terminal.type("\x03")
    until(lambda: "term" in run.journal())
    terminal.type("\x03")
    terminal.finish(130)
    assert run.processes() == []


def test_the_picture_is_drawn_and_taken_away(runner: Make) -> None:
    held = "until [ -e $JOURNAL.$PPROJ_TASK_ID ]; do sleep 0.05; done"
    run = runner(chain("a", "b"), f"echo working on $PPROJ_TASK_ID; {held}", options={"view": "auto"})
    terminal = Terminal(run)
    for task, shown in {"a": ("▶ a", "working on a", "1 waiting: 1 for dependencies"), "b": ("✓ a", "▶ b")}.items():
        until(lambda shown=shown: all(part in terminal.plain() for part in shown), what=f"{shown} on the screen")
        (run.folder / f"journal.{task}").touch()
    screen = terminal.finish(0)
    assert screen.rstrip().splitlines()[-1] == "    pproj run FILE --fresh"


def board(count: int, running: int, folder: str, title: str = "") -> Board:
    described = [{"id": f"task-{i:03}", "title": title} for i in range(count)]
    spec = parse_spec({"parallelism": max(1, running), "tasks": described})
    made = compile_graph(spec)
    clock = Clock()
    seen = {f"task-{i:03}": [Attempt(1, Phase.ACTIVE, True, started=clock.now())] for i in range(running)}
    found = Board("demo", made, spec, clock, clock.now() - 3725)
    found.update(plan(made, spec, Ledger(), seen, clock.now()))
    found.running = {task: Running(1, clock.now(), f"{folder}/{task}.log") for task in seen}
    return found


def test_the_picture_fits_every_window(tmp_path: Path) -> None:
    recent = [Event(What.FAILED, "task-150", 1, 2.0, "ExitCode", 1, again_in=None)] * 20
    for count, running in ((0, 0), (1, 1), (200, 4), (200, 60), (1000, 1000)):
        made = board(count, running, str(tmp_path))
        made.notice = "stopping"
        for width, height in ((79, 23), (19, 3), (40, 10), (200, 60)):
            ended = recent if count > 150 else []
            for failures in ({}, {event.task: event for event in ended}):
                lines = picture(Scene(made, ended, failures, made.clock.now() + 100), width, height)
                assert len(lines) <= height
                assert all(line.cell_len <= width for line in lines)
    shown = "\n".join(line.plain for line in picture(Scene(board(200, 60, str(tmp_path)), recent), 79, 23))
    assert "1:02:05" in shown
    assert "60 running (max 60)" in shown
    assert "more running" in shown
    assert shown.count("✗ task-150") == 3
    assert "140 waiting: 140 for a slot" in shown


def test_what_runs_is_shown_with_its_title_as_far_as_there_is_room(tmp_path: Path) -> None:
    long = "Schema 日本語のタイトル of the shop, its \x1b[2Jcart\nand its many orders"
    made = board(1, 1, str(tmp_path), long)
    (tmp_path / "task-000.log").write_text("said last")

    def running(width: int) -> str:
        lines = picture(Scene(made), width, 23)
        assert all(line.cell_len <= width for line in lines)
        return next(line.plain for line in lines if line.plain.startswith("▶"))

    assert running(79) == "▶ task-000  Schema 日本語のタイトル of t…   0:00  said last"
    assert running(200) == "▶ task-000  Schema 日本語のタイトル of the shop, it…   0:00  said last"
    assert running(39) == "▶ task-000  Schema  …   0:00  said last"
    assert running(25) == "▶ task-000   0:00  said …"
    made = board(1, 1, str(tmp_path), "Short")
    assert running(79) == "▶ task-000  Short   0:00  said last"
    made = board(1, 1, str(tmp_path), "task-000")
    assert running(79) == "▶ task-000   0:00  said last"


def test_a_log_cannot_steer_the_terminal(tmp_path: Path) -> None:
    made = board(1, 1, str(tmp_path))
    (tmp_path / "task-000.log").write_text("fine\n\x1b[2J\x1b]0;title\x07evil\x00\x08\x9b\r\n")
    shown = "\n".join(line.plain for line in picture(Scene(made), 79, 23))
    assert "evil" in shown
    assert "title" not in shown
    assert not set("\x1b\x00\x08\x9b\r\x07") & set(shown)


def test_the_lines_of_the_last_picture_are_counted_anew_after_a_resize(tmp_path: Path) -> None:
    out = StringIO()
    view = LiveView(board(1, 1, str(tmp_path)), out, no_color=True)
    view.draw()
    rows = out.getvalue().count("\n")
    view._size = (20, 24)  # narrower: the header now takes several rows of it
    view.close()
    assert int(re.findall(r"\x1b\[(\d+)A", out.getvalue())[-1]) > rows


def test_no_color_is_honoured(tmp_path: Path) -> None:
    out = StringIO()
    LiveView(board(1, 1, str(tmp_path)), out, no_color=True).draw()
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]", out.getvalue())
