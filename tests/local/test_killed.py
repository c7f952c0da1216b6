"""kill -9, wherever it hurts: what had succeeded is not run again, and nothing is left running."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import closing

from parallelproject.local.state.store import AttemptRow, Store
from parallelproject.local.supervisor import process_tree
from tests.local.runner import Runner, Started, tasks, until

Make = Callable[..., Runner]

STEP = (
    'echo "start $PPROJ_TASK_ID $PPROJ_ATTEMPT" >> $JOURNAL; sleep 0.1 & wait; '
    # What is written as done is done: it is not stopped between this line and its end.
    'trap "" TERM; echo "done $PPROJ_TASK_ID $PPROJ_ATTEMPT" >> $JOURNAL'
)
# The last task of forty ends only when it may: whoever is to be killed in the middle is still there.
ENDLESS = f"[ $PPROJ_TASK_ID != t39 ] || until [ -e $JOURNAL.end ]; do sleep 0.05; done; {STEP}"


def graph(count: int = 40) -> dict[str, object]:
    rows = [{"id": f"t{i}", "dependencies": [f"t{i - 8}", f"t{i - 5}"] if i >= 8 else []} for i in range(count)]
    return {"tasks": rows, "parallelism": 8, "scheduling": "Graph", "defaults": {"backoffSeconds": 0}}


def journal_of(run: Runner, word: str) -> list[tuple[str, int]]:
    rows = [line.split() for line in run.journal()]
    return [(task, int(number)) for what, task, number in rows if what == word]


def wait_lines(run: Runner, more: int, process: Started) -> None:
    """Waits until so many more lines are in the journal, or all is done but what is never done."""
    lines = len(run.journal()) + more
    until(lambda: len(run.journal()) >= lines or len(set(journal_of(run, "done"))) == 39)
    assert process.poll() is None


def check_exactly_once(run: Runner, count: int = 40) -> None:
    """Every attempt was started at most once, and written down; none came after a success."""
    rows = run.attempts()
    started = journal_of(run, "start")
    assert len(started) == len(set(started))
    assert set(started) <= {(row.key.task, row.key.attempt) for row in rows}
    succeeded = {row.key.task: row.key.attempt for row in rows if row.phase == "Succeeded"}
    assert len(succeeded) == count
    assert all(row.key.attempt <= succeeded[row.key.task] for row in rows)
    assert {row.phase for row in rows} <= {"Succeeded", "Stopped"}


def done_twice(run: Runner) -> list[AttemptRow]:
    """The attempts of tasks that were done more than once."""
    counts = Counter(task for task, _ in journal_of(run, "done"))
    return [row for row in run.attempts() if counts[row.key.task] > 1]


def is_unknown(row: AttemptRow) -> bool:
    """Whether nobody learnt how an attempt ended: of the one that was being started as the supervisor died, and had
    ended when the guard looked, no process had been noted. It runs again."""
    return row.phase == "Stopped" and row.exit_code is None


def test_the_engine_killed_at_ten_random_moments(runner: Make) -> None:
    run = runner(graph(), ENDLESS)
    moments = random.Random(7)
    for _ in range(10):
        process = run.start()
        wait_lines(run, moments.randrange(10), process)
        process.kill()
    (run.folder / "journal.end").touch()
    run.run()
    check_exactly_once(run)
    assert done_twice(run) == []
    assert run.processes() == []


def test_engine_and_supervisor_killed_together(runner: Make) -> None:
    run = runner(graph(), ENDLESS)
    moments = random.Random(11)
    for _ in range(4):
        process = run.start()
        supervisor = run.supervisor(process)
        wait_lines(run, moments.randrange(1, 10), process)
        process.signal(signal.SIGSTOP)  # so that it does not notice the other's end
        os.kill(supervisor, signal.SIGKILL)
        process.kill()
    (run.folder / "journal.end").touch()
    run.run()
    check_exactly_once(run)
    again = done_twice(run)  # of all others the guard has learnt the ends
    assert {row.key.task for row in again} == {row.key.task for row in again if is_unknown(row)}, again
    assert run.processes() == []


def test_what_all_left_behind_is_killed_before_anything_starts(runner: Make) -> None:
    run = runner(tasks("a"), "echo $$ >> $JOURNAL; setsid sleep 1000 & env -i sleep 1000 & sleep 1000")
    process = run.start()
    until(run.journal)
    with closing(Store(run.state / "state.db")) as store:
        until(lambda: store.attempts()[0].pid_start, what="the process to be written down")
    run.kill_all(process)
    leader = int(run.journal()[0])
    until(lambda: len(run.processes()) >= 3, what="all that it starts")
    run.command = f"! grep -qs '^State:.[^ZX]' /proc/{leader}/status"
    run.run()
    assert not [p for p in process_tree.everything() if p.session == leader and p.state not in "ZX"]


def test_the_supervisor_killed_ends_the_run_cleanly(runner: Make) -> None:
    run = runner({"tasks": tasks("a", "b"), "parallelism": 1}, "echo x >> $JOURNAL; setsid sleep 1000 & sleep 1000")
    process = run.start()
    until(run.journal)
    os.kill(run.supervisor(process), signal.SIGKILL)
    output = process.finish(1)
    assert "error: the supervisor of the tasks died (signal 9)" in output
    assert "Resume from here" in output
    assert run.processes() == []
    assert [row.phase for row in run.attempts()] == ["Stopped"]
    run.command = "true"
    run.run()


def test_a_task_that_fails_because_it_was_stopped_has_not_failed(runner: Make) -> None:
    run = runner(
        {"tasks": tasks("a"), "defaults": {"maxAttempts": 1}},
        "trap 'exit 1' TERM; echo x >> $JOURNAL; sleep 1000 & wait",
    )
    process = run.start()
    until(run.journal)
    os.kill(run.supervisor(process), signal.SIGKILL)
    process.finish(1)
    assert [row.phase for row in run.attempts()] == ["Stopped"]
    run.command = "true"
    run.run()


def test_a_task_that_had_failed_when_the_supervisor_was_killed_has_failed(runner: Make) -> None:
    run = runner(
        {"tasks": tasks("a"), "defaults": {"maxAttempts": 1}},
        "echo $$ >> $JOURNAL; until [ -e $JOURNAL.go ]; do :; done; exit 1",
    )
    process = run.start()
    until(run.journal)
    supervisor = run.supervisor(process)
    os.kill(supervisor, signal.SIGSTOP)
    (run.folder / "journal.go").touch()
    leader = int(run.journal()[0])
    until(lambda: (found := process_tree.process(leader)) is not None and found.state == "Z")
    os.kill(supervisor, signal.SIGKILL)
    assert "a: exit code 1, 1 attempt" in process.finish(1)
    assert [row.phase for row in run.attempts()] == ["Failed"]


def test_the_guard_killed_does_no_harm(runner: Make) -> None:
    run = runner(tasks("a"), "echo x >> $JOURNAL; until [ -e $JOURNAL.go ]; do sleep 0.05; done")
    process = run.start()
    until(run.journal)
    run.supervisor(process)
    os.kill(run.guard(process), signal.SIGKILL)
    (run.folder / "journal.go").touch()
    assert "the task succeeded" in process.finish(0)


def test_guard_and_supervisor_killed_together_leave_nothing_to_run_on(runner: Make) -> None:
    run = runner(tasks("a"), "echo x >> $JOURNAL; setsid sleep 1000 & sleep 1000")
    process = run.start()
    until(run.journal)
    guard, supervisor = run.guard(process), run.supervisor(process)
    os.kill(guard, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    os.kill(guard, signal.SIGKILL)
    assert "error: the supervisor of the tasks died (signal 9)" in process.finish(1)
    assert run.processes() == []
    assert [row.phase for row in run.attempts()] == ["Stopped"]


def test_a_kill_stops_strays_in_other_sessions_too(runner: Make) -> None:
    run = runner(tasks("a"), "setsid sh -c 'trap \"\" TERM; sleep 1000; sleep 1000' & echo x >> $JOURNAL; sleep 1000")
    process = run.start()
    until(run.journal)
    process.kill()
    until(lambda: not run.processes(), what="an end of the strays")


def test_a_success_that_came_as_the_engine_died_is_not_forgotten(runner: Make) -> None:
    run = runner(tasks("a"), "echo x >> $JOURNAL; until [ -e $JOURNAL.go ]; do sleep 0.05; done")
    process = run.start()
    until(run.journal)
    process.signal(signal.SIGSTOP)  # it hears nothing of the end
    (run.folder / "journal.go").touch()
    until(lambda: run.attempts()[0].phase == "Succeeded")
    process.kill()
    assert "the task has succeeded already" in run.run()
    assert run.journal() == ["x"]


def test_killed_before_anything_was_written(runner: Make) -> None:
    run = runner(graph(8), STEP)
    for _ in range(3):
        process = run.start()
        until(lambda: (run.state / "lock").exists())
        process.kill()
    run.run()
    check_exactly_once(run, 8)


def test_ends_that_the_supervisor_did_not_live_to_write_down_are_learnt(runner: Make) -> None:
    run = runner(
        {"tasks": tasks("a", "b", "c"), "parallelism": 3, "defaults": {"maxAttempts": 1}},
        "echo $$ >> $JOURNAL; until [ -e $JOURNAL.go ]; do sleep 0.05; done; "
        "case $PPROJ_TASK_ID in a) exit 0;; b) exit 3;; *) sleep 1000;; esac",
    )
    process = run.start()
    until(lambda: len(run.journal()) == 3)
    supervisor = run.supervisor(process)
    os.kill(supervisor, signal.SIGSTOP)
    (run.folder / "journal.go").touch()
    leaders = [int(line) for line in run.journal()]

    def ended() -> int:
        return sum((found := process_tree.process(pid)) is not None and found.state == "Z" for pid in leaders)

    until(lambda: ended() == 2)
    os.kill(supervisor, signal.SIGKILL)
    process.finish(1)
    assert {row.key.task: row.phase for row in run.attempts()} == {
        "a": "Succeeded",
        "b": "Failed",
        "c": "Stopped",
    }
