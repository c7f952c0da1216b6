"""A wall clock that is wrong, and put right while a run goes on or between its sessions."""

import random
import signal
import sqlite3
import time
from collections.abc import Callable

import pytest

from tests.local.runner import Runner, tasks, until

Make = Callable[..., Runner]
HOUR, DAY = 3600, 86400
STEP = "echo $PPROJ_TASK_ID $PPROJ_ATTEMPT >> $JOURNAL; "

_JUMPS = "import time, random; wall = time.time; time.time = lambda: wall() + random.uniform(-3, 3) * 86400;"


def jumping() -> None:
    """Makes the wall clock of a process, and of the supervisor that it will start, another one each time."""
    from parallelproject.local.supervisor import handle

    wall = time.time
    time.time = lambda: wall() + random.uniform(-3, 3) * DAY
    handle._BOOT = _JUMPS + handle._BOOT


def shifted(seconds: float) -> Callable[[], None]:
    """Puts the wall clock of a process ahead."""

    def shift() -> None:
        wall = time.time
        time.time = lambda: wall() + seconds

    return shift


def test_while_a_run_goes_on_waits_deadlines_and_times_are_as_if_it_never_jumped(runner: Make) -> None:
    described = [
        {"id": "flaky", "dependencies": []},
        {"id": "after", "dependencies": ["flaky"]},
        {"id": "late", "activeDeadlineSeconds": 1, "maxAttempts": 1},
    ]
    run = runner(
        {
            "tasks": described,
            "defaults": {"backoffSeconds": 1},
            "activeDeadlineSeconds": 900,
            "failurePolicy": "Continue",
            "scheduling": "Graph",
        },
        "case $PPROJ_TASK_ID$PPROJ_ATTEMPT in late*) exec sleep 1000;; flaky1) exit 1;; esac",
    )
    said = run.start(before=jumping).finish(1)
    rows = {(row.key.task, row.key.attempt): row for row in run.attempts()}
    assert {key: row.phase for key, row in rows.items()} == {
        ("flaky", 1): "Failed",
        ("flaky", 2): "Succeeded",
        ("after", 1): "Succeeded",
        ("late", 1): "Failed",
    }
    assert rows["late", 1].reason == "DeadlineExceeded"
    times = [[row.started, row.ended or 0.0] for row in rows.values()]
    assert all(0 <= ended - started < HOUR for started, ended in times)  # and not days
    assert max(map(max, times)) - min(map(min, times)) < HOUR
    assert 1 <= rows["flaky", 2].started - (rows["flaky", 1].ended or 0.0) < HOUR
    assert rows["after", 1].started >= (rows["flaky", 2].ended or 0.0)
    assert "2 of 3 tasks succeeded, 1 failed, in" in said
    assert " d" not in said.split("succeeded, 1 failed, in")[1].split("\n")[0]


@pytest.mark.parametrize("ahead", [3 * DAY, 2 * HOUR, -2 * HOUR, -3 * DAY])
def test_between_sessions_nothing_is_lost_and_nothing_waits_longer_than_it_should(runner: Make, ahead: int) -> None:
    run = runner(
        {"tasks": tasks("a", "b", "c"), "defaults": {"backoffSeconds": 1}, "activeDeadlineSeconds": 900},
        STEP + "case $PPROJ_TASK_ID$PPROJ_ATTEMPT in a*) exit 0;; b1) exit 1;; c1) exec sleep 1000;; esac",
    )
    process = run.start(before=shifted(ahead))
    # Recorded as running is a task from before its process starts: that it does shows in the journal.
    phases = ["Failed", "Running", "Succeeded"]
    until(lambda: "c 1" in run.journal() and sorted(row.phase for row in run.attempts()) == phases)
    process.kill()
    said = run.start().finish(0).splitlines()
    assert sorted(run.journal()) == ["a 1", "b 1", "b 2", "c 1", "c 2"]
    # All that it says is within minutes, but for the one note on the deadline that tasks have by default.
    (long,) = [line for line in said if " h " in line or " d " in line]
    assert long.startswith("note: an attempt that takes longer than 2 h is stopped (--task-timeout")


def test_a_session_that_was_lost_is_not_taken_for_one_that_lasted_until_another_ones_wrong_time(runner: Make) -> None:
    run = runner(
        {"tasks": tasks("a", "b"), "activeDeadlineSeconds": 900},
        STEP + "[ $PPROJ_TASK_ID = a ] || [ -e $JOURNAL.go ] || exec sleep 1000",
    )
    ahead = run.start(before=shifted(3 * DAY))
    until(lambda: run.journal() and {row.phase for row in run.attempts()} == {"Running", "Succeeded"})
    ahead.signal(signal.SIGTERM)
    ahead.finish(130)
    lost = run.start()
    until(lambda: len(run.journal()) == 3)
    run.kill_all(lost)
    (run.folder / "journal.go").touch()
    assert "all 2 tasks succeeded" in run.run()


def test_the_order_of_attempts_is_that_of_their_numbers_not_of_their_times(runner: Make) -> None:
    run = runner(
        {"tasks": tasks("a"), "defaults": {"maxAttempts": 3, "backoffSeconds": 0}}, STEP + "[ $PPROJ_ATTEMPT = 3 ]"
    )
    run.run()
    with sqlite3.connect(run.state / "state.db") as db:
        db.execute("update attempts set started = started - 100 * attempt, ended = ended - 100 * attempt")
    assert "has succeeded already" in run.run()
    assert run.journal() == ["a 1", "a 2", "a 3"]
