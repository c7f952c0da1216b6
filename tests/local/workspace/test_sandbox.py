"""``--sandbox``: what a task can write and see in it, that nothing outlives it, and that a run ends as without it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from parallelproject.local.supervisor import process_tree
from tests.local.checkout import BRANCH, Checkout
from tests.local.runner import Runner, tasks, until

Make = Callable[..., Runner]
needs_bubblewrap = pytest.mark.usefixtures("bubblewrap")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home with an agent, a cache and a file of another program."""
    made = tmp_path / "user"
    for folder in (".claude", ".cache", ".ssh"):
        (made / folder).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(made))
    return made


def runs(run: Runner, **more: object) -> Runner:
    run.options |= {"sandbox": True, **more}
    return run


@needs_bubblewrap
def test_only_the_workspace_the_outputs_and_the_folders_of_the_agent_are_writable(
    runner: Make, tmp_path: Path, home: Path
) -> None:
    checkout = Checkout(tmp_path)
    (checkout.path / "data").mkdir()
    (checkout.path / "data/x").write_text("linked\n")
    places = {
        "workspace": "$PPROJ_WORKSPACE/../next", "outputs": "$PPROJ_OUTPUTS/x", "agent": f"{home}/.claude/x",
        "cache": f"{home}/.cache/x", "tmp": "/tmp/own", "shm": "/dev/shm/own", "keys": f"{home}/.ssh/x",
        "home": f"{home}/x", "etc": "/etc/pproj-test", "tasks": "$PPROJ_TASK_FILE", "link": "data/x",
        "checkout": f"{checkout.path}/x", "git": f"{checkout.path}/.git/x", "state": "$(dirname $PPROJ_TASK_FILE)/../x",
    }  # fmt: skip
    tries = "".join(f'(echo x > "{path}") 2>/dev/null && echo {name} >> can; ' for name, path in places.items())
    reads = f"cat data/x >> can; ls -A {checkout.path} >> can; cat $PPROJ_TASK_FILE > /dev/null && echo read >> can"
    command = f"{tries} {reads}"
    run = runs(runner({"tasks": tasks("a"), "workspace": {"link": ["/data"]}}, command), repository=checkout.path)
    run.run()
    assert checkout.show("can").split() == [
        "workspace", "outputs", "agent", "cache", "tmp", "shm", "state", "linked", "data", "read"
    ]  # fmt: skip
    assert not (run.state / "x").exists(), "what is in /tmp is so only in the sandbox"
    assert not Path("/tmp/own").exists()
    assert (home / ".claude/x").exists()


@needs_bubblewrap
def test_the_same_run_ends_the_same(runner: Make, tmp_path: Path, home: Path) -> None:
    """A success, a failure by exit code and by signal, a command that is missing, a check, a setup, a rerun."""
    ends = []
    for sandbox in (False, True):
        folder = tmp_path / str(sandbox)
        folder.mkdir()
        checkout = Checkout(folder)
        command = (
            "case $PPROJ_TASK_ID in good) cat made > work;; code) exit 7;; killed) kill -9 $$;; "
            "missing) exec no-such-program;; bad) echo bad > bad;; later) [ -n \"$PPROJ_FEEDBACK\" ] || exit 4; "
            "cat $PPROJ_FEEDBACK > later;; esac"
        )  # fmt: skip
        ids = ("good", "code", "killed", "missing", "bad", "later")
        spec = {
            "tasks": tasks(*ids), "failurePolicy": "Continue", "workspace": {"setup": ["sh", "-c", "echo x > made"]},
        }  # fmt: skip
        run = runner(spec, command)
        run.folder, run.options = folder, {"repository": checkout.path, "check": "test ! -e bad", "sandbox": sandbox}
        run.run(1)
        rows = [(row.key.task, row.key.attempt, row.phase, row.exit_code) for row in run.attempts()]
        ends.append((rows, sorted(checkout.tasks()), checkout.git("diff", "--name-only", "main", BRANCH)))
    assert ends[0] == ends[1]
    assert ends[0][1] == ["good", "later"]


@needs_bubblewrap
@pytest.mark.parametrize("lands", [False, True])
def test_a_task_that_is_stopped_has_its_time_to_end_and_takes_all_it_started_with_it(
    runner: Make, tmp_path: Path, home: Path, lands: bool
) -> None:
    said = tmp_path / "user/.claude/said"
    script = (
        f"trap 'echo term >> {said}; exit 5' TERM; setsid env -i sleep 613 & echo started >> {said}; "
        "while :; do sleep 0.05; done"
    )
    run = runs(runner(tasks("a"), script))
    if lands:
        run.options["repository"] = Checkout(tmp_path).path
    process = run.start()
    until(lambda: said.exists(), what="the task")
    assert _sleepers()
    process.signal(signal.SIGINT)
    process.finish(130)
    assert said.read_text().split() == ["started", "term"]
    until(lambda: not _sleepers(), what="the end of what it had started")
    assert [row.phase for row in run.attempts()] == ["Stopped"]


@needs_bubblewrap
def test_what_ignores_sigterm_is_killed(runner: Make, tmp_path: Path, home: Path) -> None:
    said = tmp_path / "user/.claude/said"
    script = f"trap '' TERM; echo started >> {said}; while :; do sleep 0.05; done"
    run = runs(runner(tasks("a", activeDeadlineSeconds=1, maxAttempts=1), script), grace_seconds=0.1)
    assert "DeadlineExceeded" in run.run(1)
    assert said.read_text().split() == ["started"]
    assert run.processes() == []


@needs_bubblewrap
@pytest.mark.parametrize("lands", [False, True])
def test_nothing_outlives_a_run_that_was_lost(runner: Make, tmp_path: Path, home: Path, lands: bool) -> None:
    said = tmp_path / "user/.claude/said"
    run = runs(runner(tasks("a"), f"setsid sleep 613 & echo started >> {said}; exec sleep 600"))
    if lands:
        run.options["repository"] = Checkout(tmp_path).path
    process = run.start()
    until(lambda: said.exists(), what="the task")
    run.kill_all(process)
    run.command = "true"
    run.run()
    assert run.processes() == []
    assert not _sleepers()


def test_without_bubblewrap_nothing_runs(
    runner: Make, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    run = runs(runner(tasks("a"), "echo x >> $JOURNAL"))
    found = run.run(1)
    assert "error: no sandbox: bwrap is not on the PATH (install bubblewrap" in found
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho setting up uid map: Permission denied >&2; exit 1\n")
    broken.chmod(0o755)
    (tmp_path / "env").symlink_to("/usr/bin/env")
    found = run.run(1)
    assert f"no sandbox: {broken} does not work here: setting up uid map: Permission denied" in found
    assert run.journal() == []


@needs_bubblewrap
def test_a_checkout_above_the_home_folder_is_refused(runner: Make, tmp_path: Path, home: Path) -> None:
    checkout = Checkout(tmp_path)
    os.environ["HOME"] = str(checkout.path / "user")
    run = runs(runner(tasks("a"), "true"), repository=checkout.path)
    assert "the sandbox hides the checkout" in run.run(1)


def _sleepers() -> list[int]:
    """The processes that a task has left, by their command line: one has no environment."""
    found = []
    for each in process_tree.everything():
        try:
            words = Path(f"/proc/{each.pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", b"613"] and each.state not in "ZX":
            found.append(each.pid)
    return found
