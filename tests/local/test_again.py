"""Starting a run that has been started before: to the end, in the middle, or while it still goes on."""

import json
import signal
from collections.abc import Callable

from tests.local.runner import Runner, chain, tasks, until

Make = Callable[..., Runner]
STEP = "echo $PPROJ_TASK_ID >> $JOURNAL; "


def test_a_run_that_succeeded_has_nothing_to_do(runner: Make) -> None:
    run = runner(chain("a", "b"), STEP)
    run.run()
    assert "all 2 tasks have succeeded already" in run.run()
    assert run.journal() == ["a", "b"]


def test_fresh_starts_over(runner: Make) -> None:
    run = runner(chain("a", "b"), STEP)
    run.run()
    run.options["fresh"] = True
    run.run()
    assert run.journal() == ["a", "b", "a", "b"]


def test_failed_tasks_are_tried_again_and_successes_kept(runner: Make) -> None:
    run = runner(chain("a", "b", "c"), STEP + "[ $PPROJ_TASK_ID != b ] || [ -e $JOURNAL.mended ]")
    run.run(code=1)
    assert run.journal() == ["a", "b", "b"]
    run.run(code=1)  # forgiven once more: two further attempts
    assert run.journal() == ["a", "b", "b", "b", "b"]
    (run.folder / "journal.mended").touch()
    run.run()
    assert run.journal() == ["a", "b", "b", "b", "b", "b", "c"]


def test_every_screen_has_the_same_figures_also_after_a_pause(runner: Make) -> None:
    run = runner(chain("a", "b"), STEP + "sleep 0.2; [ $PPROJ_TASK_ID != b ] || [ -e $JOURNAL.fixed ]")
    for code in (1, 0):
        printed = run.run(code)
        found = json.loads((run.state / "status.json").read_bytes())["metrics"]
        assert f"speedup {found['speedup']} " in printed
        assert f"efficiency {found['efficiency']} " in printed
        assert float(found["speedup"]) <= 1.0, "the work of both sessions is set against the time of both"
        (run.folder / "journal.fixed").touch()


def test_a_run_cut_off_between_its_last_failure_and_its_end_gives_no_further_attempts(runner: Make) -> None:
    run = runner(tasks("a"), STEP + "exit 1")
    run.run(code=1)
    import sqlite3

    with sqlite3.connect(run.state / "state.db") as db:
        db.execute("update sessions set completed = 0, ended = null")
    run.run(code=1)
    assert run.journal() == ["a", "a"]


def test_an_edited_file_is_followed_by_id(runner: Make) -> None:
    run = runner(chain("a", "b"), STEP)
    run.run()
    run.spec["tasks"] = [{"id": "b"}, {"id": "new", "dependencies": ["b"]}]
    run.run()
    assert run.journal() == ["a", "b", "new"]


def test_sigterm_stops_the_tasks_and_says_how_to_go_on(runner: Make) -> None:
    run = runner(tasks("a", "b"), STEP + "sleep 1000")
    process = run.start()
    until(lambda: len(run.journal()) == 2)
    process.signal(signal.SIGTERM)
    output = process.finish(130)
    assert "interrupted: 0 of 2 tasks succeeded" in output
    assert "pproj run FILE" in output
    assert {row.phase for row in run.attempts()} == {"Stopped"}
    assert run.processes() == []
    run.command = STEP + "true"
    run.run()
    assert sorted(run.journal()) == ["a", "a", "b", "b"]


def test_being_stopped_costs_no_attempt(runner: Make) -> None:
    run = runner({"tasks": tasks("a"), "defaults": {"maxAttempts": 1}}, STEP + "sleep 1000")
    for count in range(1, 4):
        process = run.start()
        until(lambda count=count: len(run.journal()) == count)
        process.signal(signal.SIGTERM)
        process.finish(130)
    run.command = "true"
    run.run()


def test_a_task_that_ends_well_although_it_was_asked_to_stop_has_succeeded(runner: Make) -> None:
    run = runner(tasks("a"), "trap 'exit 0' TERM; " + STEP + "sleep 1000 & wait")
    process = run.start()
    until(run.journal)
    process.signal(signal.SIGTERM)
    process.finish(130)
    assert [row.phase for row in run.attempts()] == ["Succeeded"]


def test_a_task_that_ignores_sigterm_is_killed_after_the_grace(runner: Make) -> None:
    run = runner(tasks("a"), "trap '' TERM; " + STEP + "sleep 1000; sleep 1000", options={"grace_seconds": 0.2})
    process = run.start()
    until(run.journal)
    process.signal(signal.SIGTERM)
    process.finish(130)


def test_a_second_run_is_refused_and_names_the_first(runner: Make) -> None:
    run = runner(tasks("a"), STEP + "sleep 1000")
    first = run.start()
    until(run.journal)
    output = run.run(code=1)
    assert f"in use by another run: process {first.pid}, started 20" in output
    assert run.journal() == ["a"]
    first.signal(signal.SIGTERM)
    first.finish(130)


def test_after_a_kill_the_next_run_waits_for_the_supervisor(runner: Make) -> None:
    held = "until [ -e $JOURNAL.go ]; do sleep 0.05; done; exit 1"
    run = runner(tasks("a"), "trap '' TERM; " + STEP + held, options={"grace_seconds": 1000})
    process = run.start()
    until(run.journal)
    process.kill()
    run.command = "true"
    following = run.start()
    following.wait_said("waiting for the tasks of the run that was cut off")
    (run.folder / "journal.go").touch()
    following.finish(0)
    assert [row.phase for row in run.attempts()] == ["Stopped", "Succeeded"]


def test_a_clock_that_was_put_back_does_not_hold_up_a_backoff(runner: Make) -> None:
    import sqlite3

    run = runner({"tasks": tasks("a"), "defaults": {"backoffSeconds": 600}}, STEP + "[ $PPROJ_ATTEMPT = 2 ]")
    process = run.start()
    until(lambda: run.journal() and any(row.phase == "Failed" for row in run.attempts()))
    process.signal(signal.SIGTERM)
    process.finish(130)
    with sqlite3.connect(run.state / "state.db") as db:
        db.execute("update attempts set started = started + 86400, ended = ended + 86400")
        db.execute("update sessions set started = started + 86400, ended = ended + 86400")
    run.spec["defaults"]["backoffSeconds"] = 1
    run.run()
    assert run.journal() == ["a", "a"]


def test_a_task_that_changed_since_it_succeeded_is_told_and_not_run_again(runner: Make) -> None:
    run = runner(tasks("a", "b", "c", title="as it was"), STEP)
    assert "changed since" not in run.run()
    run.spec["tasks"] = [
        {"id": "a", "title": "as it was", "priority": 3},
        {"id": "b", "title": "another"},
        {"id": "c", "title": "as it was", "description": "more to do"},
    ]
    told = "warning: 2 tasks have changed since they succeeded, and are not run again: b, c (--fresh runs all again)\n"
    assert told in run.run()
    assert sorted(run.journal()) == ["a", "b", "c"]
    run.options["fresh"] = True
    assert "changed since" not in run.run()


def test_a_state_that_is_no_database_is_told_with_the_mend(runner: Make) -> None:
    run = runner(tasks("a"), STEP)
    run.run()
    (run.state / "state.db").write_text("this is no database" * 100)
    assert "(--fresh starts over without it)" in run.run(code=1)
    run.options["fresh"] = True
    run.run()


def test_a_place_that_cannot_be_written_is_told_with_the_mend(runner: Make) -> None:
    run = runner(tasks("a"), STEP)
    (run.folder / ".pproj").touch()
    assert "(--state-dir DIR keeps the state elsewhere)" in run.run(code=1)
