"""What a run shows, at every width: the header, failures, titles, the time left, and the end."""

import re
import shlex
import subprocess
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase, Record
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.changes import Event, What
from parallelproject.local.engine.board import Board, Running
from parallelproject.local.engine.clock import Clock
from parallelproject.local.views.live import LiveView
from parallelproject.local.views.picture import Scene, picture
from parallelproject.local.views.plain import PlainView
from parallelproject.local.views.shell_lines import shell_lines
from parallelproject.local.views.times import times
from parallelproject.model.project import parse_spec
from parallelproject.model.status import TaskState
from tests.local.runner import Runner, chain, tasks
from tests.local.test_terminal import Terminal

Make = Callable[..., Runner]
WIDTHS = (60, 80, 120, 200)


def board(folder: Path, states: str, **spec: Any) -> Board:
    """A run of tasks t0, t1, …, each of which has succeeded (S), failed (F), runs (R) or waits (.)."""
    described = [
        {"id": f"t{i}", "title": f"Write part {i} of the shop", "estimateSeconds": 100} for i in range(len(states))
    ]
    made = parse_spec(
        {"failurePolicy": "Continue", "parallelism": 3, "defaults": {"maxAttempts": 1}, "tasks": described} | spec
    )
    graph, clock = compile_graph(made), Clock()
    now = clock.now()
    phases = {"S": Phase.SUCCEEDED, "F": Phase.FAILED, "R": Phase.ACTIVE}
    attempts = {
        f"t{i}": [
            Attempt(1, phases[state], state == "R", started=now - 50, ended=None if state == "R" else now,
                    reason="ExitCode" if state == "F" else None, exit_code=1 if state == "F" else None)
        ]
        for i, state in enumerate(states) if state != "."
    }  # fmt: skip
    found = Board("shop", graph, made, clock, now - 65)
    found.update(plan(graph, made, Ledger(start_time=now - 65), attempts, now))
    found.running = {
        task: Running(1, now - 50, f"{folder}/{task}.log") for task, (one,) in attempts.items() if one.running
    }
    return found


def failure(task: str, log: str = "") -> Event:
    return Event(What.FAILED, task, 1, 2.0, "ExitCode", 1, log=log)


def text(scene: Scene, width: int, height: int = 24) -> str:
    lines = picture(scene, width - 1, height - 1)
    assert all(line.cell_len < width for line in lines)
    return "\n".join(line.plain for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_header_says_how_many_are_done_failed_and_running_and_in_which_level(tmp_path: Path, width: int) -> None:
    made = board(tmp_path, "SSFRR...")
    first = text(Scene(made, ends_at=made.clock.now() + 90.5), width).splitlines()[0]
    for part in ("shop", "2/8 done", "1 failed", "2 running", "L0", "1:05", "1:30"):
        assert part in first, first
    assert ("of 1 level" in first) == (width >= 120)
    assert ("█" in first and "✗" in first and "▶" in first) == (width >= 80)


@pytest.mark.parametrize("width", WIDTHS)
def test_failures_stay_on_top_with_their_log_whatever_ends_after_them(tmp_path: Path, width: int) -> None:
    out = StringIO()
    made = board(tmp_path, "SSFR....")
    view = LiveView(made, out, no_color=True)
    log = f"{Path.cwd()}/.pproj/shop/logs/t2.1.log"
    view.take(made, [failure("t2", log)])
    view.take(made, [Event(What.SUCCEEDED, "t0", 1, 1.0, commit="1a2b3c4d5e")] * 200)
    lines = text(Scene(made, view._recent, view._failures), width).splitlines()
    assert lines[2].startswith("✗ t2  ")
    assert "failed: exit code 1" in lines[2]
    assert lines[3] == "  └ .pproj/shop/logs/t2.1.log"
    view.take(made, [Event(What.STARTED, "t2", 2)])
    assert "✗ t2" not in text(Scene(made, view._recent, view._failures), width)


def test_a_failure_that_is_retried_is_no_final_one(tmp_path: Path) -> None:
    view = LiveView(made := board(tmp_path, "R"), StringIO(), no_color=True)
    view.take(made, [failure("t0")._replace(again_in=10.0)])
    assert "exit code 1; attempt 2 in 10 s" in text(Scene(made, view._recent, view._failures), 80)
    view.take(made, [failure("t0")])
    shown = text(Scene(made, view._recent, view._failures), 80)
    assert shown.count("✗ t0") == 1
    assert "attempt 2" not in shown


def test_of_many_failures_the_last_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    made = board(tmp_path, "F" * 20 + "R")
    failures = {f"t{i}": failure(f"t{i}", f"/logs/t{i}.1.log") for i in range(20)}
    shown = text(Scene(made, [], failures), 80)
    assert "/logs/t19.1.log" in shown
    assert "and 17 more failed" in shown
    assert "▶ t20" in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_finished_tasks_have_their_title(tmp_path: Path, width: int) -> None:
    made = board(tmp_path, "SR")
    event = Event(What.SUCCEEDED, "t0", 1, 12.0, commit="1a2b3c4d5e")
    line = next(line for line in text(Scene(made, [event]), width).splitlines() if line.startswith("✓"))
    assert re.fullmatch(r"✓ t0  Write part 0 of.*  12 s  landed as 1a2b3c4d5e", line)
    nothing = Event(What.SUCCEEDED, "t0", 1, 12.0, changed_nothing=True)
    assert "12 s  changed nothing" in text(Scene(made, [nothing]), width)


def test_the_time_left_comes_from_estimates(tmp_path: Path) -> None:
    out = StringIO()
    made = board(tmp_path, "SR")  # the first one took half of what was expected, and the second one runs as long
    view = LiveView(made, out, no_color=True)
    view.draw()
    assert re.search(r"ETA 0:0[1-5]", out.getvalue())  # 5 s, and the time that this test takes
    made.interrupted = True
    assert view._forecast.ends_at() is None


def test_several_that_end_together_count_one_by_one(tmp_path: Path) -> None:
    out = StringIO()
    made = board(tmp_path, "SSS.")
    view = PlainView(made, out)
    view.take(made, [Event(What.SUCCEEDED, f"t{i}", 1, 1.0) for i in range(3)])
    assert re.findall(r"\(\d/4\)", out.getvalue()) == ["(1/4)", "(2/4)", "(3/4)"]


def test_a_conflict_says_what_the_next_attempt_starts_from(tmp_path: Path) -> None:
    out = StringIO()
    made = board(tmp_path, "R")
    PlainView(made, out).take(made, [Event(What.FAILED, "t0", 1, 1.0, "Conflict", again_in=0.0)])
    assert "failed (Conflict) after 1.0 s" in out.getvalue()
    assert "attempt 2 starts from what has landed" in out.getvalue()


# The end.


def test_times_are_listed_slowest_first_with_titles(tmp_path: Path) -> None:
    made = board(tmp_path, "S" * 14)
    assert made.plan
    records = {f"t{i}": Record(TaskState.SUCCEEDED, 1, started=0.5, ended=1.5 + i) for i in range(14)}
    records["t3"] = Record(attempts=2, failures=2, started=0.5, ended=100.5)
    states = [TaskState.FAILED if i == 3 else TaskState.SUCCEEDED for i in range(14)]
    lines = [line.text for line in times(made.graph, records, states, 63)]
    assert lines[1] == "Times of the last attempts, slowest first"
    assert lines[2] == "  t3   1 min 40 s  failed, attempt 2  Write part 3 of the shop"
    assert lines[3].startswith("  t13        14 s                     Write")
    assert len(lines) == 13
    assert lines[-1] == "  and 4 more, 11 s together"
    assert all(len(line) <= 63 for line in lines)


def test_one_task_needs_no_table(tmp_path: Path) -> None:
    made = board(tmp_path, "S.")
    assert times(made.graph, {"t0": Record(TaskState.SUCCEEDED, 1, started=1.0, ended=2.0)}, made.plan.states, 80) == []


WORDS = st.lists(st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=80), min_size=1, max_size=5)


@given(WORDS, st.integers(20, 100), st.sampled_from(["", "    "]))
def test_a_command_that_is_continued_over_lines_is_the_same_command(words: list[str], width: int, indent: str) -> None:
    lines = shell_lines(shlex.join(["printf", "%s\\n", *words]), width, indent)
    assert all(len(line) <= width for line in lines)
    said = subprocess.run(["sh", "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert said.stdout == "".join(f"{word}\n" for word in words)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_what_to_type_next_can_be_copied(runner: Make, width: int) -> None:
    agent = 'claude -p "$(cat $PPROJ_TASK_FILE)" --permission-mode acceptEdits --max-turns 30'
    again = f"pproj run backlog/tasks.json --command '{agent}' --parallelism 8"
    run = runner(chain("a", "b"), "exit 1", options={"view": "auto", "rerun": again})
    screen = Terminal(run, columns=width, lines=30).finish(1)
    end = screen.replace("\r", "").partition("Next\n")[2].rstrip().splitlines()
    assert end[0] == "  Retry what failed, and resume (--fresh starts over):"
    assert all(len(line) <= width for line in end)
    assert len(end) <= 5
    command = "\n".join(end[1:]).replace("pproj", "printf '%s\\n' pproj", 1)
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == shlex.split(again)


@pytest.mark.parametrize("width", [60, 80])
def test_the_end_of_a_failure_has_whole_words_and_the_log_in_front_of_each_line(runner: Make, width: int) -> None:
    said = " ".join(f"word{i}" for i in range(40))
    run = runner(tasks("a", maxAttempts=1), f"echo {said}; exit 1", options={"view": "auto"})
    screen = Terminal(run, columns=width, lines=30).finish(1).replace("\r", "")
    lines = [line for line in re.sub(r"\x1b\[[\d;]*m", "", screen).splitlines() if line.startswith("    │ ")]
    assert " ".join(line.removeprefix("    │ ").strip() for line in lines).endswith(said)
    assert all(len(line) <= width for line in lines)


def test_attempts_that_were_stopped_are_no_failures(runner: Make) -> None:
    run = runner(
        {"failurePolicy": "Continue", "tasks": tasks("a", "b", maxAttempts=1)},
        "echo x >> $JOURNAL; [ $PPROJ_ATTEMPT = 2 ] || sleep 1000; [ $PPROJ_TASK_ID = a ]",
    )
    first = Terminal(run)
    while len(run.journal()) < 2:
        first.read()
    first.type("\x03")
    first.finish(130)
    output = run.run(1)
    assert "b: exit code 1, 1 of 2 attempts failed" in output
    assert "retries" not in output
    assert "Succeeded after failures" not in output


def test_a_dumb_terminal_gets_plain_lines(runner: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    run = runner(tasks("a", "b"), "true", options={"view": "auto", "no_color": True})
    terminal = Terminal(run)
    terminal.finish(0)
    assert "\x1b" not in terminal.screen
    assert re.search(r"\d\d:\d\d:\d\d a  succeeded in ", terminal.screen)
