"""The check before a landing, cut off at any moment."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.checkout import Checkout
from tests.local.runner import Runner, tasks, until

_COMMAND = "echo command >> $JOURNAL; echo x > work"


@pytest.fixture
def checked(runner: Callable[..., Runner], tmp_path: Path) -> tuple[Runner, Checkout]:
    """A run whose first check never ends."""
    checkout, first = Checkout(tmp_path), tmp_path / "first"
    check = f"mkdir {first}; code=$?; echo check >> $JOURNAL; test $code != 0 || exec sleep 600"
    return runner(tasks("a"), _COMMAND, options={"repository": checkout.path, "check": check}), checkout


def test_work_whose_check_was_cut_off_has_not_landed_and_the_task_runs_again(
    checked: tuple[Runner, Checkout],
) -> None:
    run, checkout = checked
    process = run.start()
    until(lambda: "check" in run.journal(), what="the check")
    run.kill_all(process)
    assert checkout.tasks() == []
    run.run()
    assert run.journal() == ["command", "check", "command", "check"]
    assert checkout.tasks() == ["a"]
    assert "a/salvage/1" in checkout.state(), "what was done is kept"


def test_an_interruption_during_the_check_is_no_failure(checked: tuple[Runner, Checkout]) -> None:
    run, checkout = checked
    process = run.start()
    until(lambda: "check" in run.journal(), what="the check")
    process.signal(signal.SIGINT)
    assert "interrupted: 0 of 1 tasks succeeded" in process.finish(130)
    assert [row.phase for row in run.attempts()] == ["Stopped"]
    assert checkout.tasks() == []
    run.run()
    assert checkout.tasks() == ["a"]


def test_nothing_of_the_command_runs_any_more_when_its_work_is_checked(
    runner: Callable[..., Runner], tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path)
    command = "sleep 600 & echo $! > work"
    check = 'pid=$(cat work); ! kill -0 "$pid" 2>/dev/null'
    runner(tasks("a"), command, options={"repository": checkout.path, "check": check}).run()
    assert checkout.tasks() == ["a"]


def test_a_check_without_a_repository_is_refused(runner: Callable[..., Runner]) -> None:
    run = runner(tasks("a"), _COMMAND, options={"check": "true"})
    assert "error: a check needs a repository that the work lands in (give --repo DIR)" in run.run(1)
    assert run.journal() == []
