"""Conditions and outputs in a run on this machine: what its tasks get, what it says, and that a new session decides
the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from parallelproject.agents.prompt import prompt_of
from parallelproject.local.read import read_run
from tests.local.checkout import Checkout
from tests.local.runner import Runner, until

Make = Callable[..., Runner]
SCAN: dict[str, Any] = {"id": "scan"}
FIELDS: dict[str, Any] = {"scheduling": "Graph", "failurePolicy": "FailFast", "defaults": {"maxAttempts": 1}}


def spec(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"tasks": tasks, **FIELDS}


def on_severity(operator: str) -> list[dict[str, Any]]:
    return [{"task": "scan", "output": "severity", "operator": operator, "values": ["high"]}]


def taken(output: str, **more: str) -> list[dict[str, Any]]:
    return [{"name": "level", "valueFrom": {"task": "scan", "output": output, **more}}]


TASKS = [
    SCAN,
    {"id": "deploy", "dependencies": ["scan"], "parameters": taken("severity"), "when": on_severity("NotIn")},
    {"id": "alarm", "dependencies": ["scan"], "when": on_severity("In")},
    {"id": "report", "dependencies": ["alarm", "deploy"], "parameters": taken("none", default="-")},
]
HOSTILE = 'mkfifo pipe; truncate -s 1T huge; ln -s / link; for i in $(seq 1100); do echo x > "f $i"; done;'
COMMAND = """
cd "$PPROJ_OUTPUTS"
[ "$PPROJ_TASK_ID" != scan ] || { echo low > severity; mkdir d; echo 1 > d/severity; ln -s severity link; }
echo "$PPROJ_TASK_ID ${PPROJ_PARAM_LEVEL:-}" >> $JOURNAL
"""


def states(run: Runner) -> dict[str, tuple[str, str | None]]:
    found = read_run(run.state)
    assert found is not None
    return {row["id"]: (row["state"], row.get("reason")) for row in found["status"]["tasks"]}


def test_tasks_get_the_values_of_outputs_and_conditions_decide_by_them(runner: Make) -> None:
    run = runner(spec(TASKS), COMMAND)
    output = run.run()
    assert run.journal() == ["scan ", "deploy low", "report -"]
    assert "alarm   skipped (ConditionFalse)" in output
    assert "demo: 3 of 4 tasks succeeded, 1 skipped by a condition, in" in output
    assert "Skipped, because a condition does not hold: alarm" in output
    assert states(run)["alarm"] == ("Skipped", "ConditionFalse")
    assert "nothing is left to run: 3 of 4 tasks succeeded, 1 skipped by a condition, at" in run.run()


def test_a_handler_runs_although_the_policy_stops_all_else_and_the_run_has_failed(runner: Make) -> None:
    tasks = [
        {"id": "tests"},
        {"id": "rescue", "dependencies": ["tests"], "when": [{"task": "tests", "is": "Failed"}]},
        {"id": "after", "dependencies": ["rescue"]},
        {"id": "ship", "dependencies": ["tests"]},
    ]
    run = runner(spec(tasks), "echo $PPROJ_TASK_ID >> $JOURNAL; [ $PPROJ_TASK_ID != tests ]")
    output = run.run(1)
    assert run.journal() == ["tests", "rescue", "after"]
    assert "demo: 2 of 4 tasks succeeded, 1 failed, 1 skipped, in" in output


def test_an_output_that_does_not_exist_fails_the_task_before_it_starts_and_the_end_says_so(runner: Make) -> None:
    lacks = {"id": "lacks", "dependencies": ["scan"], "parameters": taken("nothing")}
    run = runner(spec([SCAN, lacks, {"id": "next", "dependencies": ["lacks"]}]), COMMAND)
    output = run.run(1)
    assert run.journal() == ["scan "]
    assert "lacks  failed before it started (OutputMissing)" in output
    assert "lacks: did not start: its parameter level takes the output nothing of scan, which does not exist" in output
    assert states(run) == {
        "scan": ("Succeeded", None), "lacks": ("Failed", "OutputMissing"), "next": ("Skipped", "DependencyFailed")
    }  # fmt: skip
    again = run.run(1)  # the next session decides the same, from the files that are there
    assert "OutputMissing" in again or "did not start" in again
    assert run.journal() == ["scan "]


def test_hostile_outputs_have_no_values_and_hold_nothing_up(runner: Make) -> None:
    run = runner(spec(TASKS), 'cd "$PPROJ_OUTPUTS"; echo low > severity;' + HOSTILE)
    run.run()
    assert states(run)["deploy"] == ("Skipped", "ConditionFalse")


def test_a_session_that_was_killed_is_followed_by_one_that_decides_the_same(runner: Make) -> None:
    command = COMMAND + "[ $PPROJ_TASK_ID != deploy ] || [ -e $JOURNAL.go ] || { touch $JOURNAL.held; sleep 600; }"
    run = runner(spec(TASKS), command)
    engine = run.start()
    held = run.journal_file.with_suffix(".held")
    until(held.exists, what="deploy to run")
    run.kill_all(engine)
    run.journal_file.with_suffix(".go").touch()
    run.run()
    assert states(run)["alarm"] == ("Skipped", "ConditionFalse")
    assert run.journal() == ["scan ", "deploy low", "deploy low", "report -"]


def test_a_prompt_has_the_value_and_says_which_dependency_has_failed() -> None:
    document = {
        "project": "p", "attempt": 1, "level": 1, "role": None, "parameters": {"level": "low"},
        "task": {"id": "b", "title": "B", "parameters": taken("severity")},
        "dependencies": [
            {"id": "a", "state": "Failed", "outputs": {}},
            {"id": "c", "state": "Succeeded", "outputs": {}, "commit": "1234"},
        ],
    }  # fmt: skip
    text = prompt_of(document, None, "/outputs")
    assert "- level: low\n" in text
    assert "- a (Failed)\n- c: commit 1234\n" in text


def test_the_outputs_of_work_hold_also_after_its_repair(runner: Make, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    tasks = [SCAN, {"id": "deploy", "dependencies": ["scan"], "parameters": taken("severity")}]
    check = {"name": "test", "command": ["sh", "-c", "! grep -q bad scan"]}
    first = "echo bad > scan; echo low > $PPROJ_OUTPUTS/severity"
    work = f'if [ -n "$PPROJ_FEEDBACK" ]; then echo good > scan; else {first}; fi'
    command = (
        f"case $PPROJ_TASK_ID in scan) {work};; *) echo x > deploy;; esac; "
        "ls $PPROJ_OUTPUTS >> $JOURNAL; echo hint > $PPROJ_OUTPUTS/no-change; echo $PPROJ_PARAM_LEVEL >> $JOURNAL"
    )
    wanted = spec(tasks) | {"verification": {"checks": [check]}}
    run = runner(wanted, command, options={"repository": checkout.path})
    run.run()
    assert [line for line in run.journal() if line] == ["severity", "severity", "low"]
    assert checkout.tasks() == ["scan", "scan", "deploy"]
