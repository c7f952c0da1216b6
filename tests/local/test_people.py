"""Approvals and questions of a local run: it waits for people, in the foreground and between its sessions."""

import json
from collections.abc import Callable

import pytest

from parallelproject.cli import main
from parallelproject.local.read import is_active, read_run
from parallelproject.model.names import GROUP, KIND, VERSION
from tests.local.checkout import Checkout
from tests.local.runner import Runner, until

COMMAND = """\
echo "$PPROJ_TASK_ID $PPROJ_ATTEMPT" >> $JOURNAL
[ $PPROJ_TASK_ID = ask ] || exit 0
if [ -n "$PPROJ_FEEDBACK" ]; then
    cp "$PPROJ_FEEDBACK" $JOURNAL.new && mv $JOURNAL.new $JOURNAL.feedback.$PPROJ_ATTEMPT
    until [ -e $JOURNAL.go ]; do sleep 0.05; done
    exit 0
fi
echo 'Which port?' > $PPROJ_OUTPUTS/needs-input.md
exit 75
"""
SPEC = {
    "scheduling": "Graph",
    "defaults": {"maxAttempts": 1},
    "tasks": [{"id": "ask"}, {"id": "deploy", "approval": True}, {"id": "after", "dependencies": ["deploy"]}],
}


@pytest.fixture
def run(runner: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch) -> Runner:
    made = runner(SPEC, COMMAND)
    monkeypatch.chdir(made.folder)
    return made


def reasons(run: Runner) -> dict[str, str]:
    found = read_run(run.state) or {}
    return {row["id"]: row.get("reason", row["state"]) for row in found.get("status", {}).get("tasks", ())}


WAITING = {"ask": "WaitingForInput", "deploy": "WaitingForApproval", "after": "WaitingForDependencies"}


def test_a_run_waits_for_people_and_an_answer_survives_every_end_of_it(
    run: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits, is interrupted, gets its answer while nothing runs, is killed with it, and comes to its end."""
    started = run.start()
    started.wait_said("pproj approve demo deploy")
    started.wait_said("pproj answer demo ask 'YOUR ANSWER'")
    until(lambda: reasons(run) == WAITING, what="a status that says so")
    started.signal(2)
    said = started.finish(130)
    assert "Needs attention" in said
    assert 'ask asks "Which port?"' in said
    assert reasons(run) == WAITING | {"after": "Interrupted"}
    capsys.readouterr()
    assert main.call(["answer", "ask", "Port 8080."]) == 0
    assert "takes effect when it is started again" in capsys.readouterr().err
    assert main.call(["answer", "ask", "Port 9090."]) == 1
    assert "the question of attempt 1 of ask is answered already" in capsys.readouterr().err

    again = run.start()
    until((run.folder / "journal.feedback.2").exists, what="the answer")
    again.kill()
    until(lambda: not is_active(run.state), what="the end of all that ran")
    last = run.start()
    until((run.folder / "journal.feedback.3").exists, what="the answer once more")
    first, second = ((run.folder / f"journal.feedback.{n}").read_text() for n in (2, 3))
    asked = "Attempt 1 asked a person:\n\n> Which port?\n\nThe answer:\n\nPort 8080.\n"
    assert first.count(asked) == second.count(asked) == 1
    assert main.call(["approve", "--all"]) == 0
    (run.folder / "journal.go").touch()
    last.finish(0)
    assert run.journal() == ["ask 1", "ask 2", "ask 3", "deploy 1", "after 1"]


STOPPED = """\
trap "echo Which port? > $PPROJ_OUTPUTS/needs-input.md; exit $CODE" TERM
touch $JOURNAL.ready
sleep 1000 &
wait
"""


@pytest.mark.parametrize(("code", "lands"), [(75, False), (0, True)])
def test_an_attempt_that_ends_with_a_question_while_it_is_stopped_asks(
    runner: Callable[..., Runner], code: int, lands: bool
) -> None:
    run = runner({"tasks": [{"id": "ask"}]}, STOPPED.replace("$CODE", str(code)))
    if lands:
        run.options["repository"] = Checkout(run.folder).path
    started = run.start()
    until((run.folder / "journal.ready").exists, what="the command")
    started.signal(2)
    assert 'ask asks "Which port?"' in started.finish(130)
    again = run.start()
    again.wait_said("pproj answer demo ask")
    again.signal(2)
    again.finish(130)
    assert (reasons(run), len(run.attempts())) == ({"ask": "WaitingForInput"}, 1)


def test_groups_are_listed_and_waited_for(
    runner: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grouped = [{"id": "a", "group": "X"}, {"id": "b", "group": "X"}, {"id": "c", "group": "Y", "approval": True}]
    run = runner({"tasks": grouped}, "[ $PPROJ_TASK_ID != b ]")
    run.spec["defaults"] = {"maxAttempts": 1, "backoffSeconds": 0}
    run.spec["failurePolicy"] = "Continue"
    monkeypatch.chdir(run.folder)
    started = run.start()
    started.wait_said("pproj approve demo c")
    assert main.call(["wait", "demo", "--group", "Group-X"]) == 1
    assert "demo: group X: Failed: 1 succeeded, 1 failed" in capsys.readouterr().err
    assert main.call(["wait", "--group", "Z"]) == 2
    assert "demo has no group Z" in capsys.readouterr().err
    assert main.call(["approve", "c"]) == 0
    assert main.call(["wait", "--group", "Y"]) == 0
    assert "demo: group Y: Succeeded: 1 succeeded" in capsys.readouterr().out
    started.finish(1)
    assert main.call(["list", "--groups"]) == 0
    assert "demo   X       Failed      Done    2       1 succeeded, 1 failed" in capsys.readouterr().out
    assert main.call(["get", "demo", "--group", "X"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in shown[:3]] == ["X", "Failed", "Done"]
    assert shown[3] == "Tasks:        1 succeeded, 1 failed"
    assert [line.split()[0] for line in shown[7:]] == ["a", "b"]
    assert main.call(["get", "--group", "X", "-o", "json"]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["a", "b"]
    assert main.call(["get", "demo", "--group", "Z"]) == 2
    assert main.call(["get", "demo", "a", "--group", "X"]) == 2
    assert "--group and TASK exclude each other" in capsys.readouterr().err


def test_groups_of_a_file_are_listed_before_it_runs_and_while(
    runner: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner({"tasks": [{"id": "a", "group": "X"}, {"id": "b", "group": "X"}, {"id": "c"}]}, "true")
    monkeypatch.chdir(run.folder)
    manifest = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": {"name": "demo"}, "spec": run.spec}
    (run.folder / "demo.yaml").write_text(json.dumps(manifest), encoding="utf-8")

    def listed() -> list[str]:
        assert main.call(["list", "--groups", "demo.yaml"]) == 0
        return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[1:]]

    assert listed() == ["demo X Pending 2 2 pending"]
    run.run()
    assert listed() == ["demo X Succeeded Done 2 2 succeeded"]
    assert main.call(["list", "--groups", "demo.yaml", "-o", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["group"], found["tasks"], found["succeeded"]) == ("X", ["a", "b"], 2)
    assert main.call(["list", "demo.yaml"]) == 2
    assert "FILE is only for --groups, without -A\npproj plan demo.yaml shows its tasks" in capsys.readouterr().err


def test_what_cannot_be_approved_or_answered_is_refused_with_the_tasks_that_can(
    run: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    started = run.start()
    until(lambda: reasons(run) == WAITING, what="a status that says so")
    refusals = {
        ("approve", "demo", "ask"): "ask needs no approval",
        ("approve", "demo", "deplox"): 'demo has no task deplox (did you mean "deploy"?)',
        ("approve", "demo"): "no task is named",
        ("answer", "demo", "deploy", "yes"): "deploy asks nothing: it is Pending, WaitingForApproval",
        ("answer", "demo", "ask", " "): "the answer is empty",
        ("answer", "demo", "ask", "yes", "-f", "file"): "TEXT and -f exclude each other",
        ("answer", "demo", "ask", "-f", "missing"): "missing cannot be read",
    }
    for words, text in refusals.items():
        assert main.call(list(words)) in (1, 2), words
        assert text in capsys.readouterr().err
    assert main.call(["get", "ask"]) == 0
    assert "Question of attempt 1\n  Which port?" in capsys.readouterr().out
    assert main.call(["approve", "deploy"]) == 0
    assert main.call(["approve", "deploy"]) == 0
    assert "approved already" in capsys.readouterr().err
    (run.folder / "answer.md").write_text("Port 8080.\n")
    (run.folder / "journal.go").touch()
    assert main.call(["answer", "ask", "-f", "answer.md"]) == 0
    started.finish(0)
