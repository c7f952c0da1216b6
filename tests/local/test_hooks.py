"""Hooks of a local run: real processes, with and without a repository, over interruptions and kills."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parallelproject.local.start import EXIT_FAILED
from parallelproject.local.state.store import FAILED, SUCCEEDED
from parallelproject.model.work import WorkKind
from tests.local.checkout import BRANCH, Checkout, Striker
from tests.local.runner import Runner, tasks, until
from tests.local.test_landing_killed import VICTIMS

Make = Callable[..., Runner]

KINDS = ("beforeLevel", "afterLevel", "beforeGroup", "afterGroup")
SAY = 'echo "$PPROJ_HOOK ${PPROJ_LEVEL:-$PPROJ_GROUP} $PPROJ_ATTEMPT" >> $JOURNAL'
TASKS = [{"id": "a", "group": "X"}, {"id": "b", "group": "X", "dependencies": ["a"]}]
WORK = 'echo "$PPROJ_TASK_ID" >> $JOURNAL'


def hook(script: str = SAY, **fields: Any) -> dict[str, Any]:
    return {"command": ["/bin/sh", "-c", script], **fields}


def status(run: Runner) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.state / "status.json").read_bytes())
    return found


def condition(run: Runner, kind: str = "HooksSucceeded") -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in status(run)["conditions"] if each["type"] == kind)
    return found


def test_hooks_run_around_levels_and_groups(runner: Make) -> None:
    run = runner({"tasks": TASKS, "hooks": {kind: hook() for kind in KINDS}}, WORK)
    output = run.run()
    assert run.journal() == [
        *("beforeLevel 0 1", "beforeGroup X 1", "a", "afterLevel 0 1"),
        *("beforeLevel 1 1", "b", "afterLevel 1 1", "afterGroup X 1"),
    ]
    assert "hook beforeLevel of L0 started" in output
    assert "hook afterGroup of X succeeded in " in output
    assert condition(run)["message"] == "6 hooks have succeeded"
    assert status(run)["groups"] == [{"name": "X", "phase": "Done"}]
    assert status(run)["hooks"][0] == {"hook": "beforeLevel", "level": 0, "state": "Succeeded", "attempts": 1}
    again = run.run()
    assert "have succeeded already" in again
    assert len(run.journal()) == 8, "nothing runs twice"


def test_a_failure_is_reported_and_the_run_continues(runner: Make) -> None:
    run = runner({"tasks": TASKS, "hooks": {"beforeLevel": hook("echo no context; exit 3")}}, WORK)
    output = run.run()
    assert run.journal() == ["a", "b"]
    assert "hook beforeLevel of L0 failed (exit code 3) after " in output
    assert "; the run continues\n" in output
    assert "Failed hooks\n  beforeLevel of L0: exit code 3\n    │ no context\n" in output
    assert condition(run)["reason"] == "HookFailed"
    assert condition(run)["message"].startswith("beforeLevel of L0 failed (exit code 3), the project continues")
    assert condition(run, "Succeeded")["status"] == "True"
    assert "have succeeded already" in run.run()


def test_a_failure_stops_the_run_where_that_is_asked_for_and_the_next_one_runs_it_again(
    runner: Make, tmp_path: Path
) -> None:
    """What runs is stopped, and counts as no failure."""
    free = tmp_path / "free"
    held = f"{WORK}; [ $PPROJ_TASK_ID != slow ] || until [ -e {free} ]; do sleep 0.05; done"
    script = f"[ -e {free} ] || {{ until grep -q slow $JOURNAL; do sleep 0.05; done; exit 4; }}"
    several = [*tasks("slow"), {"id": "a", "group": "X"}, {"id": "b", "dependencies": ["a"]}]
    run = runner({"tasks": several, "hooks": {"beforeGroup": hook(script, onFailure="Stop")}}, held)
    output = run.run(EXIT_FAILED)
    assert "the run stops\n" in output
    assert "demo: stopped (the hook beforeGroup of X failed): 0 of 3 tasks succeeded, 3 skipped" in output
    assert "Run the hook again, and resume" in output or not run.options.get("rerun")
    rows = {row["id"]: row for row in status(run)["tasks"]}
    assert {row["reason"] for row in rows.values()} == {"HookFailed"}
    assert condition(run, "Succeeded")["reason"] == "HookFailed"
    free.touch()
    run.run()
    assert [row.key.attempt for row in run.attempts() if row.key.kind is WorkKind.HOOK] == [1, 2]
    assert rows["slow"].get("failures", 0) == 0
    assert condition(run)["status"] == "True"


def test_a_hook_after_the_last_task_may_fail_the_run(runner: Make) -> None:
    run = runner({"tasks": tasks("a"), "hooks": {"afterLevel": hook("exit 1", onFailure="Stop")}}, WORK)
    output = run.run(EXIT_FAILED)
    assert "demo: stopped (the hook afterLevel of L0 failed): 1 of 1 tasks succeeded" in output
    run.spec["hooks"] = {"afterLevel": hook(onFailure="Stop")}
    run.run()
    assert run.journal() == ["a", "afterLevel 0 2"]


def test_a_hook_takes_a_slot_and_tasks_that_wait_say_why(runner: Make, tmp_path: Path) -> None:
    free = tmp_path / "free"
    script = f"{SAY}; until [ -e {free} ]; do sleep 0.05; done"
    spec = {"tasks": [*tasks("z"), *TASKS], "parallelism": 1, "hooks": {"beforeGroup": hook(script)}}
    spec["tasks"][1]["priority"] = 1
    run = runner(spec, WORK)
    started = run.start()
    until(lambda: run.journal(), what="the hook")
    until(lambda: (run.state / "status.json").exists() and status(run).get("hooks"), what="the status")
    rows = {row["id"]: row["reason"] for row in status(run)["tasks"]}
    assert rows == {"z": "WaitingForSlot", "a": "WaitingForHook", "b": "WaitingForDependencies"}
    assert condition(run)["message"] == "beforeGroup of X"
    assert status(run)["groups"] == [{"name": "X", "phase": "PreExecution"}]
    free.touch()
    started.finish(0)
    assert run.journal()[0] == "beforeGroup X 1"


@pytest.mark.parametrize("kill", [False, True])
def test_a_hook_that_ends_with_the_engine_runs_again_and_one_that_has_ended_does_not(
    runner: Make, tmp_path: Path, kill: bool
) -> None:
    free = tmp_path / "free"
    script = f"{SAY}; until [ -e {free} ]; do sleep 0.05; done"
    run = runner({"tasks": TASKS, "hooks": {"beforeLevel": hook(), "afterLevel": hook(script)}}, WORK)
    started = run.start()
    until(lambda: "afterLevel 0 1" in run.journal(), what="the hook")
    if kill:
        run.kill_all(started)
    else:
        started.signal(signal.SIGINT)
        assert "stopping 1 running hook, at most" in started.finish(130)
        assert run.processes() == []
    free.touch()
    run.run()
    assert run.journal() == [
        *("beforeLevel 0 1", "a", "afterLevel 0 1", "afterLevel 0 2"),
        *("beforeLevel 1 1", "b", "afterLevel 1 1"),
    ]
    assert run.processes() == []


def test_it_sees_what_has_landed_and_nothing_of_it_lands(runner: Make, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    script = f'{SAY}; ls *.txt | tr "\\n" " " >> $JOURNAL; echo >> $JOURNAL; echo x > left.txt; git add . || true'
    run = runner(
        {"tasks": TASKS, "hooks": {"beforeLevel": hook(script), "afterGroup": hook("exit 5")}},
        "echo work > $PPROJ_TASK_ID.txt",
        options={"repository": checkout.path},
    )
    output = run.run()
    assert run.journal() == ["beforeLevel 0 1", "shared.txt ", "beforeLevel 1 1", "a.txt shared.txt "]
    assert checkout.tasks() == ["a", "b"]
    assert checkout.git("ls-tree", "--name-only", BRANCH).splitlines() == ["README", "a.txt", "b.txt", "shared.txt"]
    assert "hook afterGroup of X failed (exit code 5)" in output
    log = (run.state / "hooks/before-level-1.1.log").read_text()
    assert f"pproj: runs on {checkout.git('rev-parse', '--short=10', BRANCH + '~1')}" in log
    left = run.state / "workspaces"  # it is elsewhere, and removed, where a repository is above
    assert not left.exists() or list(left.iterdir()) == []
    assert {entry.name for entry in (run.state / "git").iterdir()} == {"home", "landing"}


def test_a_level_is_verified_before_the_hook_of_the_next_one_runs(runner: Make, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    check = {"name": "test", "command": ["/bin/sh", "-c", "echo check >> $JOURNAL"]}
    run = runner(
        {
            "tasks": TASKS,
            "parallelism": 1,
            "hooks": {"beforeLevel": hook(), "afterLevel": hook()},
            "verification": {"checks": [check]},
        },
        "echo work > $PPROJ_TASK_ID.txt",
        options={"repository": checkout.path},
    )
    run.run()
    assert run.journal() == [
        *("beforeLevel 0 1", "afterLevel 0 1", "check"),
        *("beforeLevel 1 1", "afterLevel 1 1", "check"),
    ]
    assert status(run)["groups"] == [{"name": "X", "phase": "Done"}]
    assert checkout.tasks() == ["a", "b"]


@pytest.mark.timeout(1200)
@pytest.mark.sampled(1, by=("victim",))
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("at", range(4, 64, 4))
def test_killed_at_a_call_of_git_each_hook_ends_once(runner: Make, tmp_path: Path, victim: str, at: int) -> None:
    """A hook whose own process is killed has failed, and the run continues; one that ends with the run runs again."""
    checkout, striker = Checkout(tmp_path), Striker(tmp_path)
    run = runner(
        {
            "tasks": TASKS,
            "defaults": {"backoffSeconds": 0, "maxAttempts": 5},
            "hooks": {kind: hook() for kind in KINDS},
        },
        "echo work > $PPROJ_TASK_ID.txt",
        options={"repository": checkout.path},
    )
    striker.arm(f'{VICTIMS[victim]}; real "$@"', at=at)
    run.start(before=striker.use).finish(None)
    run.run()
    ended: dict[str, int] = {}
    for row in run.attempts():
        if row.key.kind is WorkKind.HOOK:
            ended[row.key.step] = ended.get(row.key.step, 0) + (row.phase in (SUCCEEDED, FAILED))
    assert len(ended) == 6
    assert set(ended.values()) == {1}
    assert checkout.tasks() == ["a", "b"]
    assert run.processes() == []
    checkout.check()


def test_a_hook_is_stopped_at_its_deadline(runner: Make) -> None:
    script = hook("sleep 600", activeDeadlineSeconds=1)
    run = runner({"tasks": tasks("a"), "hooks": {"beforeLevel": script}}, WORK)
    output = run.run()
    assert "hook beforeLevel of L0 failed (DeadlineExceeded" in output or "took too long" in output
    assert run.journal() == ["a"]
    assert status(run)["hooks"][0]["reason"] == "DeadlineExceeded"


@pytest.mark.parametrize("lands", [False, True])
def test_a_hook_runs_in_the_sandbox_and_so_does_the_setup_of_its_workspace(
    runner: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    """What the sandbox keeps out is tested in workspace/test_sandbox.py: this one only says that it is there."""
    program = tmp_path / "bin/bwrap"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nuntil [ "$1" = -- ]; do shift; done; shift; IN_SANDBOX=yes exec "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    spec: dict[str, Any] = {"tasks": tasks("a"), "hooks": {"beforeLevel": hook('echo "hook $IN_SANDBOX" >> $JOURNAL')}}
    options: dict[str, Any] = {"sandbox": True}
    if lands:
        options["repository"] = Checkout(tmp_path).path
        spec["workspace"] = {"setup": ["/bin/sh", "-c", 'echo "setup $IN_SANDBOX" >> $JOURNAL']}
    run = runner(spec, "echo x > x", options=options)
    run.run()
    assert set(run.journal()) == ({"setup yes", "hook yes"} if lands else {"hook yes"})


def test_a_hook_has_the_environment_of_its_role(runner: Make) -> None:
    container = {
        "name": "c",
        "image": "i",
        "command": ["/bin/sh", "-c", WORK],
        "env": [{"name": "TOOL", "value": "t1"}],
    }
    roles = [
        {"name": "coder", "podTemplate": {"spec": {"containers": [container | {"env": []}]}}},
        {"name": "tools", "podTemplate": {"spec": {"containers": [container]}}},
    ]
    script = hook('echo "$PPROJ_ROLE $TOOL $(echo $PPROJ_LEVEL)" >> $JOURNAL', role="tools")
    spec = {"tasks": tasks("a"), "roles": roles, "defaults": {"role": "coder"}, "hooks": {"beforeLevel": script}}
    run = runner(spec)
    run.run()
    assert run.journal()[0] == "tools t1 0"


def test_events_say_what_hooks_and_groups_do(runner: Make) -> None:
    run = runner({"tasks": TASKS, "hooks": {"beforeGroup": hook("exit 2"), "afterGroup": hook()}}, WORK)
    run.options = {"view": "json"}
    lines = [json.loads(line) for line in run.start().finish(0).splitlines() if line.startswith("{")]
    about = [line for line in lines if "hook" in line or "phase" in line]
    assert [(line["event"], line.get("hook") or line["phase"]) for line in about] == [
        ("HookStarted", "beforeGroup"), ("HookFailed", "beforeGroup"), ("GroupPhase", "Execution"),
        ("GroupPhase", "Coordination"), ("HookStarted", "afterGroup"), ("HookSucceeded", "afterGroup"),
        ("GroupPhase", "Done"),
    ]  # fmt: skip
    assert (about[1]["group"], about[1]["exitCode"], about[1]["reason"]) == ("X", 2, "ExitCode")
    assert Path(about[1]["log"]).exists()
