"""A run from start to end: what tasks see, what they leave, and what is told of it."""

import json
import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from parallelproject.local.start import run_project
from parallelproject.local.supervisor.handle import Order, Processes
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import ParallelProject, parse_spec
from tests.local.runner import Runner, chain, tasks, until

Make = Callable[..., Runner]


def test_all_tasks_succeed_in_order_and_the_lines_say_so(runner: Make) -> None:
    run = runner(chain("a", "b", "c"), "echo $PPROJ_TASK_ID >> $JOURNAL")
    output = run.run()
    assert run.journal() == ["a", "b", "c"]
    lines = [line for line in output.splitlines() if line[:2].isdigit()]
    assert [re.sub(r"[\d.]+ s", "T", line[9:]) for line in lines] == [
        "a  started", "a  succeeded in T (1/3)", "b  started", "b  succeeded in T (2/3)",
        "c  started", "c  succeeded in T (3/3)",
    ]  # fmt: skip
    assert "demo: all 3 tasks succeeded in" in output
    assert "speedup" in output
    assert "--fresh" in output


def test_a_task_sees_its_environment_task_file_and_the_outputs_of_its_dependencies(runner: Make) -> None:
    task = {"id": "b", "title": "B", "dependencies": ["a"], "role": "coder"}
    task["parameters"] = [{"name": "end-point", "value": "x y"}]
    run = runner(
        [{"id": "a"}, task],
        "cd $PPROJ_OUTPUTS; env > env; echo $OLDPWD > cwd; mkdir -p sub; echo 1 > sub/f",
    )
    run.run()
    outputs = run.state / "outputs" / "b"
    env = dict(line.split("=", 1) for line in (outputs / "env").read_text().splitlines() if "=" in line)
    expected = {
        "PPROJ_PROJECT": "demo", "PPROJ_TASK_ID": "b", "PPROJ_ATTEMPT": "1", "PPROJ_LEVEL": "1",
        "PPROJ_ROLE": "coder", "PPROJ_PARAM_END_POINT": "x y", "PPROJ_OUTPUTS": str(outputs),
        "PPROJ_WORKSPACE": str(run.state / "workspaces/b/b"),
    }  # fmt: skip
    assert {name: env[name] for name in expected} == expected
    assert "PPROJ_FEEDBACK" not in env
    assert (outputs / "cwd").read_text().strip() == env["PPROJ_WORKSPACE"]
    above = run.state / "outputs" / "a"
    files = {name: str(above / name) for name in ("cwd", "env", "sub/f")}
    assert json.loads(Path(env["PPROJ_TASK_FILE"]).read_text()) == {
        "project": "demo",
        "task": task,
        "attempt": 1,
        "level": 1,
        "role": "coder",
        "parameters": {"end-point": "x y"},
        "dependencies": [{"id": "a", "state": "Succeeded", "attempts": 1, "outputs": files}],
    }


def test_the_container_of_the_role_says_what_runs(runner: Make) -> None:
    container = {
        "name": "agent",
        "command": ["sh", "-c", 'printf "%s|" "$@" >> $JOURNAL', "sh"],
        "args": ["$(PPROJ_TASK_ID)", "$(GREETING)", "$$(GREETING)", "$(UNKNOWN)", "a b"],
        "env": [{"name": "NAME", "value": "you"}, {"name": "GREETING", "value": "hello $(NAME)"}],
    }
    role = {"name": "agent", "podTemplate": {"spec": {"containers": [container]}}}
    run = runner({"tasks": tasks("a"), "roles": [role]})
    run.run()
    assert run.journal() == ["a|hello you|$(GREETING)|$(UNKNOWN)|a b|"]


@pytest.mark.parametrize("roles", [[], [{"name": "x"}]])
def test_without_a_command_it_is_refused_with_the_mend(roles: list[dict[str, str]]) -> None:
    project = ParallelProject(metadata={"name": "demo"}, spec=parse_spec({"tasks": tasks("a"), "roles": roles}))
    with pytest.raises(ProblemsError, match="give --command"):
        run_project(project)


def test_a_failure_is_retried_with_an_empty_workspace_and_the_log_as_feedback(runner: Make) -> None:
    run = runner(
        tasks("a"),
        'ls >> $JOURNAL; touch left; echo "oh no"; [ $PPROJ_ATTEMPT = 2 ] && cp $PPROJ_FEEDBACK $PPROJ_OUTPUTS/f',
    )
    output = run.run()
    assert run.journal() == []
    assert (run.state / "outputs/a/f").read_text() == "oh no\n"
    assert "failed (exit code 1)" in output
    assert "attempt 2 follows" in output
    assert "│ oh no" in output
    assert "Succeeded after failures: a (attempt 2)" in output


def test_a_final_failure_is_told_with_its_log_and_what_it_kept_from_running(runner: Make) -> None:
    run = runner(chain("a", "b"), "echo first; echo last words; exit 3")
    output = run.run(code=1)
    assert "0 of 2 tasks succeeded, 1 failed, 1 skipped" in output
    assert "a: exit code 3, 2 attempts" in output
    assert "│ last words" in output
    assert ".pproj/demo/logs/a.2.log" in output
    assert "Skipped, because a dependency failed: b" in output


def test_a_program_that_is_not_there_fails_as_in_a_shell(runner: Make) -> None:
    container = {"name": "c", "command": ["no-such-program"]}
    role = {"name": "r", "podTemplate": {"spec": {"containers": [container]}}}
    run = runner({"tasks": tasks("a"), "roles": [role], "defaults": {"maxAttempts": 1}})
    output = run.run(code=1)
    assert "exit code 127" in output
    assert "cannot start no-such-program" in output


def test_never_more_at_work_than_parallelism(runner: Make) -> None:
    run = runner(
        {"tasks": tasks(*(f"t{i}" for i in range(12))), "parallelism": 3},
        "echo + >> $JOURNAL; until [ $(grep -c + $JOURNAL) -ge 3 ]; do sleep 0.05; done; echo - >> $JOURNAL",
    )
    run.run()
    level = peak = 0
    for line in run.journal():
        level += 1 if line == "+" else -1
        peak = max(peak, level)
    assert peak == 3


def test_what_a_task_leaves_running_ends_with_it(runner: Make) -> None:
    run = runner(
        chain("a", "b"),
        "if [ $PPROJ_TASK_ID = a ]; then sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000' & fi; "
        "pgrep -f 'sleep 100[0]' | wc -l >/dev/null",
    )
    run.run()
    assert run.processes() == []


def test_a_run_within_a_task_is_not_taken_for_what_another_task_left(runner: Make) -> None:
    held = "until [ -e $JOURNAL.go ]; do sleep 0.05; done; echo alive >> $JOURNAL"
    within = f"PPROJ_RUN=other PPROJ_TASK_ID=x PPROJ_ATTEMPT=1 setsid sh -c '{held}'"
    run = runner(
        {"tasks": [*tasks("a", "b"), {"id": "c", "dependencies": ["b"]}], "scheduling": "Graph"},
        f"case $PPROJ_TASK_ID in a) {within};; c) touch $JOURNAL.go;; esac",
    )
    run.run()
    assert run.journal() == ["alive"]


def test_an_attempt_past_its_deadline_is_stopped_and_has_failed(runner: Make) -> None:
    run = runner(
        {"tasks": tasks("a", activeDeadlineSeconds=3), "defaults": {"maxAttempts": 1}},
        "trap 'echo term >> $JOURNAL; exit 1' TERM; sleep 1000 & wait",
        options={"grace_seconds": 1000},
    )
    output = run.run(code=1)
    assert "failed (DeadlineExceeded)" in output
    assert run.journal() == ["term"]


def test_the_deadline_of_the_project_stops_all(runner: Make) -> None:
    run = runner({"tasks": chain("a", "b"), "activeDeadlineSeconds": 1}, "sleep 1000")
    output = run.run(code=1)
    assert "stopped (spec.activeDeadlineSeconds): 0 of 2" in output


def test_an_attempt_that_begins_only_after_the_deadline_of_the_project_is_stopped_too(
    runner: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Processes.start

    def start_late(processes: Processes, orders: Iterable[Order]) -> None:
        time.sleep(1.1)
        start(processes, orders)

    monkeypatch.setattr(Processes, "start", start_late)
    run = runner({"tasks": tasks("a"), "activeDeadlineSeconds": 1}, "sleep 1000")
    output = run.run(code=1)
    assert "stopped (spec.activeDeadlineSeconds): 0 of 1" in output


def test_fail_fast_stops_the_others(runner: Make) -> None:
    run = runner(
        {"tasks": tasks("a", "b"), "failurePolicy": "FailFast", "defaults": {"maxAttempts": 1}},
        "if [ $PPROJ_TASK_ID = b ]; then echo x >> $JOURNAL; sleep 1000; fi; "
        "until [ -s $JOURNAL ]; do sleep 0.05; done; exit 1",
    )
    assert "b  stopped" in run.run(code=1)


def test_tasks_get_default_signals_no_terminal_and_no_files_of_ours(runner: Make) -> None:
    run = runner(
        tasks("a"),
        "exec >> $JOURNAL; ls -l /proc/self/fd | wc -l; readlink /proc/self/fd/0; grep SigIgn /proc/self/status",
    )
    run.run()
    files, stdin, ignored = run.journal()
    assert (files, stdin) == ("5", "/dev/null")  # 0, 1, 2, the folder itself, and the line with the total
    assert int(ignored.split()[1], 16) & 0x7FFFFFFF == 0  # those above are the C library's


def test_a_reader_that_goes_away_does_not_stop_the_run(runner: Make) -> None:
    run = runner(chain("a", "b", "c"), "echo x >> $JOURNAL")
    process = run.start()
    process.stop_reading()
    until(lambda: process.poll() is not None)
    assert process.returncode == 0
    assert len(run.journal()) == 3


def test_more_than_a_socket_holds_gets_through(runner: Make) -> None:
    big = [{"name": f"p{i}", "value": "x" * 4096} for i in range(20)]
    run = runner({"tasks": tasks(*(f"t{i}" for i in range(60)), parameters=big), "parallelism": 60}, "true")
    run.run()
    assert {row.phase for row in run.attempts()} == {"Succeeded"}


def test_names_that_would_leave_the_folder_do_not(runner: Make) -> None:
    from parallelproject.local.state.directory import StateDirectory

    for name in ("../../x", "/etc", "..", ""):
        path = StateDirectory.default(name).path
        assert path.parent.name == ".pproj"
        assert os.sep not in path.name


def test_a_suspended_project_says_so_and_ends(runner: Make) -> None:
    run = runner({"tasks": tasks("a"), "suspend": True}, "true")
    assert "suspended (spec.suspend is true)" in run.run(code=1)


def test_no_tasks_is_nothing_to_do(runner: Make) -> None:
    assert "there are no tasks" in runner([], "true").run()


def test_nothing_is_left_in_the_end(runner: Make) -> None:
    run = runner(tasks("a"), "true")
    run.run()
    assert (run.state / ".gitignore").read_text() == "*\n"
    until(lambda: not run.processes())
