"""The view for programs."""

import json
import signal
from collections.abc import Callable

from tests.local.runner import Runner, tasks, until


def test_an_interrupted_run_has_a_last_line_too(runner: Callable[..., Runner]) -> None:
    run = runner(tasks("a", "b"), "echo x >> $JOURNAL; exec sleep 600", options={"view": "json"})
    process = run.start()
    until(lambda: len(run.journal()) == 2, what="two tasks")
    process.signal(signal.SIGINT)
    lines = [json.loads(line) for line in process.finish(130).splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines[:3]] == ["Found", "Started", "Started"]
    assert sorted(line["task"] for line in lines if line["event"] == "Stopped") == ["a", "b"]
    assert (lines[-1]["event"], lines[-1]["reason"]) == ("Ended", "Interrupted")
    assert any(line["event"] == "Notice" and "stopping 2 running tasks" in line["message"] for line in lines)


def test_a_reader_that_goes_away_does_not_stop_the_run(runner: Callable[..., Runner]) -> None:
    process = (run := runner(tasks("a", "b", "c"), "echo x >> $JOURNAL", options={"view": "json"})).start()
    process.stop_reading()
    until(lambda: process.poll() is not None)
    assert process.returncode == 0
    assert run.journal() == ["x", "x", "x"]
