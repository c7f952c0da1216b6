"""What is asked of a run counts once, whenever it is asked: before it starts, while it runs, when it is killed.

The commands are the real ones, the runs real processes. Where a run is killed within its own code, that is done in the
process itself, as by ``kill -9``.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from parallelproject.cli import main
from parallelproject.cli.local import runs as local_runs
from parallelproject.local.engine import inbox
from parallelproject.local.engine.engine import Engine
from parallelproject.local.engine.inbox import Inbox
from parallelproject.local.read import read_run
from parallelproject.local.state.requests import RunRequests
from tests.local.runner import Runner, Started, until

COMMAND = """\
echo "$PPROJ_TASK_ID $PPROJ_ATTEMPT" >> $JOURNAL
case $PPROJ_TASK_ID in
bad) exit 3 ;;
held) until [ -e $JOURNAL.go ]; do sleep 0.05; done ;;
esac
"""
SPEC = {
    "scheduling": "Graph",
    "failurePolicy": "Continue",
    "parallelism": 2,
    "defaults": {"maxAttempts": 1, "backoffSeconds": 0},
    "tasks": [{"id": "bad"}, {"id": "held"}, {"id": "after", "dependencies": ["held"]}],
}


def kills(owner: type, name: str, when: Callable[[Any, Any], bool], *, after: bool = True) -> Callable[[], None]:
    """Has the process that it is called in killed by a call of a function: after it, or before."""

    def plant() -> None:
        function = getattr(owner, name)

        @wraps(function)
        def killed(self: Any, *args: Any, **keywords: Any) -> Any:
            found = function(self, *args, **keywords) if after else None
            if when(self, found):
                os.kill(os.getpid(), signal.SIGKILL)
            return found if after else function(self, *args, **keywords)

        setattr(owner, name, killed)

    return plant


POINTS: dict[str, Callable[[], None]] = {
    "after it has read the request": kills(Inbox, "news", lambda _, found: found is not None),
    "before it notes that": kills(RunRequests, "applied", lambda *_: True, after=False),
    "after it has noted that": kills(RunRequests, "applied", lambda *_: True),
    "after it has planned with it": kills(Engine, "_plan", lambda engine, _: engine._board.requests > 0),
}
NOTED = ("after it has noted that", "after it has planned with it")
"""Points at which the request counts as carried out."""


class Bench:
    """A run with a task that has failed and one that is held, and commands that ask things of it."""

    def __init__(self, run: Runner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.run = run
        self._capsys = capsys
        monkeypatch.chdir(run.folder)
        monkeypatch.setattr(local_runs, "_ANSWER_SECONDS", 0.5)

    def ask(self, *words: str, code: int = 0) -> str:
        self._capsys.readouterr()
        assert main.call(list(words)) == code, self._capsys.readouterr().err
        captured = self._capsys.readouterr()
        return captured.out + captured.err

    def refused(self, *words: str, code: int = 1) -> str:
        return self.ask(*words, code=code)

    def start(self, plant: Callable[[], None] = lambda: None) -> Started:
        """Starts it; the first task has failed, and the second runs."""
        started = self.run.start(before=plant)
        until(lambda: self.states.get("bad") == "Failed" and self.states.get("held") == "Running", what="a failure")
        return started

    def release(self) -> None:
        (self.run.folder / "journal.go").touch()

    @property
    def states(self) -> dict[str, str]:
        found = read_run(self.run.state) or {}
        return {row["id"]: row["state"] for row in found.get("status", {}).get("tasks", ())}

    def failures(self) -> int:
        return sum(row.key.task == "bad" and row.phase == "Failed" for row in self.run.attempts())

    def starts(self, task: str) -> int:
        return Counter(line.split()[0] for line in self.run.journal())[task]


@pytest.fixture
def bench(runner: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(runner(SPEC, COMMAND), monkeypatch, capsys)


def crash(bench: Bench, started: Started) -> None:
    """kill -9, and all that ran has ended."""
    started.kill()
    until(lambda: not local_runs.is_active(bench.run.state), what="the end of all that ran")


def test_a_retry_while_it_runs_is_one_more_attempt(bench: Bench) -> None:
    started = bench.start()
    assert "demo: 1 task to run again: bad" in bench.ask("retry", "bad")
    until(lambda: bench.starts("bad") == 2, what="the retry")
    until(lambda: bench.states["bad"] == "Failed", what="its failure")
    bench.release()
    started.finish(1)
    assert (bench.failures(), bench.starts("after")) == (2, 1)


def test_a_retry_at_the_last_moment_counts_before_the_run_ends(bench: Bench) -> None:
    def look_at_the_end_only() -> None:
        inbox.POLL_SECONDS = 1000.0

    started = bench.start(look_at_the_end_only)
    assert "recorded: the run has not answered yet" in bench.ask("retry", "bad")
    bench.release()
    started.finish(1)
    assert bench.failures() == 2


def test_a_retry_between_a_crash_and_the_next_run_is_one_more_attempt(bench: Bench) -> None:
    crash(bench, bench.start())
    said = bench.ask("retry", "--failed")
    assert "recorded: demo is not running, so this takes effect when it is started again\n" in said
    assert "next: pproj run FILE\n" in said
    bench.release()
    bench.run.start().finish(1)
    assert bench.failures() == 2


def test_a_retry_of_a_run_that_has_ended_is_one_more_attempt(bench: Bench) -> None:
    bench.release()
    bench.run.start().finish(1)
    bench.ask("retry", "bad")
    bench.ask("retry", "bad")  # said twice, it counts once
    bench.run.start().finish(1)
    assert bench.failures() == 2


def test_a_retry_that_the_engine_had_no_time_to_hear_of_is_one_more_attempt(bench: Bench) -> None:
    started = bench.start()
    started.signal(signal.SIGSTOP)
    assert "recorded: the run has not answered yet; it applies this as soon as it can" in bench.ask("retry", "bad")
    crash(bench, started)
    bench.release()
    bench.run.start().finish(1)
    assert bench.failures() == 2


@pytest.mark.parametrize("point", POINTS)
def test_a_retry_is_one_more_attempt_wherever_the_engine_is_killed(bench: Bench, point: str) -> None:
    started = bench.start(POINTS[point])
    bench.ask("retry", "bad")
    until(lambda: started.poll() is not None, what="the kill")
    assert started.poll() == -signal.SIGKILL
    until(lambda: not local_runs.is_active(bench.run.state), what="the end of all that ran")
    bench.release()
    bench.run.start().finish(1)
    assert bench.failures() == 2
    assert bench.starts("after") == 1


@pytest.mark.parametrize("point", POINTS)
def test_a_stop_ends_one_session_wherever_the_engine_is_killed(bench: Bench, point: str) -> None:
    started = bench.start(POINTS[point])
    bench.ask("stop")
    until(lambda: started.poll() is not None, what="the kill")
    until(lambda: not local_runs.is_active(bench.run.state), what="the end of all that ran")
    bench.release()
    if point not in NOTED:
        assert "demo: stopped (by request)" in bench.run.start().finish(1)
        assert bench.starts("after") == 0
    bench.run.start().finish(1)
    assert bench.starts("after") == 1


def test_a_stop_stops_what_runs_and_the_next_run_goes_on(bench: Bench) -> None:
    started = bench.start()
    assert bench.ask("stop") == "demo stopping; pproj run FILE continues from there\nlocal run .pproj/demo\n"
    said = started.finish(1)
    assert "stopping, as requested" in said
    assert "demo: stopped (by request)" in said
    assert "demo is already stopped" in bench.ask("stop")
    bench.release()
    bench.run.start().finish(1)
    assert (bench.starts("held"), bench.starts("after")) == (2, 1)


def test_a_stop_that_was_carried_out_is_over_whatever_is_asked_before_the_next_run(bench: Bench) -> None:
    started = bench.start()
    bench.ask("stop")
    started.finish(1)
    bench.ask("skip", "after")
    bench.release()
    bench.run.start().finish(1)
    assert bench.states == {"bad": "Failed", "held": "Succeeded", "after": "Skipped"}


def test_suspended_it_waits_also_over_a_crash_until_it_is_resumed(bench: Bench) -> None:
    started = bench.start()
    bench.ask("suspend")
    assert "demo is already suspended" in bench.ask("suspend")
    bench.release()
    until(lambda: bench.states["held"] == "Succeeded", what="the end of the task that ran")
    crash(bench, started)
    again = bench.run.start()
    again.wait_said("suspended, as requested")
    until(lambda: local_runs.is_active(bench.run.state) and bench.states["after"] == "Pending", what="it to wait")
    assert "spec.suspend" in bench.ask("get")
    assert bench.starts("after") == 0
    bench.ask("resume")
    until(lambda: bench.starts("after"), what="the task that waited")
    again.finish(1)
    assert bench.starts("after") == 1


@pytest.mark.parametrize("moment", ["while it runs", "between a crash and the next run", "in a crash"])
def test_a_skipped_task_is_stopped_and_what_depends_on_it_runs_once(bench: Bench, moment: str) -> None:
    plant = POINTS["after it has planned with it"] if moment == "in a crash" else lambda: None
    started = bench.start(plant)
    if moment == "between a crash and the next run":
        crash(bench, started)
    said = bench.ask("skip", "held", "held")
    assert "demo: skipping held; what depends on it runs all the same" in said
    if moment != "while it runs":
        until(lambda: started.poll() is not None, what="the kill")
        until(lambda: not local_runs.is_active(bench.run.state), what="the end of all that ran")
        started = bench.run.start()
    started.finish(1)
    assert bench.states == {"bad": "Failed", "held": "Skipped", "after": "Succeeded"}
    assert (bench.starts("held"), bench.starts("after")) == (1, 1)
    assert "held: skipped already" in bench.ask("skip", "held")


def test_a_skipped_task_runs_after_all_when_it_is_retried(bench: Bench) -> None:
    started = bench.start()
    bench.ask("skip", "after")
    until(lambda: bench.states["after"] == "Skipped", what="the skip")
    assert "next: pproj retry demo after" in bench.ask("why", "after")
    assert "1 task to run again: after" in bench.ask("retry", "after", "after")
    bench.release()
    started.finish(1)
    assert bench.starts("after") == 1


FLAGS = {"skip": ["bad", "after"]}


def test_a_skip_by_a_flag_counts_for_its_session_alone_whatever_is_asked_meanwhile(bench: Bench) -> None:
    bench.run.options = FLAGS
    started = bench.run.start()
    until(lambda: bench.states.get("held") == "Running", what="the task that is held")
    bench.ask("skip", "held")
    started.finish(0)
    bench.run.options = {}
    bench.run.start().finish(1)
    assert bench.states == {"bad": "Failed", "held": "Skipped", "after": "Succeeded"}


def test_what_was_asked_for_before_takes_back_no_flag(bench: Bench) -> None:
    started = bench.start()
    bench.ask("skip", "after")
    bench.ask("retry", "after")
    bench.ask("skip", "held")
    started.finish(1)
    assert bench.starts("after") == 1
    for file in ("state.db", "state.db-wal", "state.spill"):
        (bench.run.state / file).unlink(missing_ok=True)  # all tasks are new
    bench.run.options = FLAGS
    bench.run.start().finish(0)
    assert bench.states == {"bad": "Skipped", "held": "Skipped", "after": "Skipped"}


def test_a_retry_takes_back_a_skip_by_a_flag_in_its_session(bench: Bench) -> None:
    bench.run.options = FLAGS
    started = bench.run.start()
    until(lambda: bench.states.get("held") == "Running", what="the task that is held")
    bench.ask("retry", "after")
    bench.release()
    started.finish(0)
    assert bench.states == {"bad": "Skipped", "held": "Succeeded", "after": "Succeeded"}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "[" * 100_000, '{"spec": {}, "version": Infinity}', '{"version": 1, "applied": 1, "stopped": 0}', "\0"],
)
def test_a_file_of_requests_that_is_none_is_refused_with_its_name(bench: Bench, content: str) -> None:
    bench.run.state.mkdir(parents=True)
    (bench.run.state / "requests.json").write_text(content)
    assert "requests.json cannot be read" in bench.run.run(1)


def test_of_many_that_ask_at_once_none_is_lost(tmp_path: Path) -> None:
    requests, children = RunRequests(tmp_path), []
    for child in range(8):
        children.append(os.fork())
        if not children[-1]:
            try:
                for number in range(20):
                    requests.ask(lambda asked, own=f"{child}-{number}": {"skip": {own: True}})
                os._exit(0)
            finally:
                os._exit(1)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    asked = requests.read()
    assert (asked.version, len(asked.skip)) == (160, 160)


def test_delete_removes_all_of_a_run_and_refuses_while_it_runs(bench: Bench) -> None:
    started = bench.start()
    assert "demo is running: it is not deleted\npproj stop demo stops it\n" in bench.refused("delete", "--yes")
    bench.ask("stop")
    started.finish(1)
    assert "--yes deletes it without asking" in bench.refused("delete", "demo", code=2)
    assert "demo deleted\n" in bench.ask("delete", "demo", "--yes")
    assert not bench.run.state.exists()
    assert not list(Path(bench.run.home).rglob("held"))
