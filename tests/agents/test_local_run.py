"""A local run of agents: what lands and what fails follows from what the agent says, not from its exit code alone."""

import json
from typing import Any

import pytest

from parallelproject.cli.commands.retry import deferred_tasks, failed_tasks, retry_patch
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import FAILED, SUCCEEDED
from parallelproject.model.problem import ProblemsError
from tests.agents.conftest import Stage
from tests.local.runner import Runner, until

WRITE = "echo $PPROJ_TASK_ID >> $PPROJ_TASK_ID.txt"


def ends(run: Runner) -> list[tuple[str, str | None, int | None]]:
    return [(f"{row.key.task}.{row.key.attempt}", row.reason, row.exit_code) for row in run.attempts()]


def record(run: Runner, attempt: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.state / "results" / f"{attempt}.agent.json").read_text())
    return found


@pytest.mark.parametrize("lands", [True, False])
def test_a_clean_end_with_a_change_succeeds_and_its_usage_is_kept(stage: Stage, lands: bool) -> None:
    stage.scene("a", do=WRITE)
    run = stage.run([{"id": "a"}], lands=lands)
    run.run()
    found = record(run, "a.1")
    assert (found["outcome"], found["success"], found["costUsd"]) == ("Succeeded", True, 0.00204)
    assert [used["inputTokens"] for used in found["usage"].values()] == [200]
    assert not lands or stage.checkout.tasks() == ["a"]


LIES = {
    # Stream and exit code of an agent that has changed a file; the reason that its attempt fails with.
    "error text with exit 0": ("claude/old-usage-limit", 0, "RateLimited", 75),
    "denied edits with exit 0": ("claude/denied-edit-but-changed", 0, "AgentDenied", 1),
    "no final event with exit 0": ("claude/no-final-event", 0, "AgentError", 1),
    "an error in the stream with exit 0": ("claude/execution-error", 0, "AgentError", 1),
    "turns": ("claude/loop", 1, "TurnLimit", 1),
    "budget": ("claude/budget", 1, "BudgetHit", 1),
    "the key is refused": ("claude/unauthorized", 1, "AgentAuth", 1),
    "overloaded": ("claude/overloaded", 1, "Transient", 75),
    "no credit": ("claude/credit", 1, "QuotaExhausted", 75),
    "an exit code after a clean end": ("claude/done", 3, "ExitCode", 3),
}


@pytest.mark.sampled(1, over="lands")
@pytest.mark.parametrize("lands", [True, False])
@pytest.mark.parametrize("lie", LIES)
def test_what_did_not_end_well_lands_nothing_and_fails_with_the_right_reason(
    stage: Stage, lie: str, lands: bool
) -> None:
    stream, code, reason, exit_code = LIES[lie]
    stage.scene("a", stream, WRITE, code)
    run = stage.run({"tasks": [{"id": "a"}], "activeDeadlineSeconds": 600}, lands=lands)
    if exit_code == 75:
        started = run.start()
        started.wait_said(f"failed ({reason})")
        started.signal(2)
        started.finish(130)
    else:
        run.spec["tasks"][0]["maxAttempts"] = 1
        said = run.run(1)
        assert f"a: {'exit code 3' if reason == 'ExitCode' else reason}, 1 attempt" in said
    assert stage.checkout.git("branch", "--list", "parallel/demo") == "" or stage.checkout.tasks() == []
    assert record(run, "a.1")["reason"] == reason
    if lands:
        kept = stage.checkout.git("show", f"{stage.checkout.ref('a/salvage/1')}:a.txt")
        assert kept == "a"


def test_no_change_fails_unless_it_is_declared(stage: Stage) -> None:
    stage.scene("silent", "claude/no-change")
    stage.scene("says", "claude/no-change", "echo 'it is there already' > $PPROJ_OUTPUTS/no-change")
    stage.scene("output", "claude/no-change", "echo 42 > $PPROJ_OUTPUTS/answer")
    run = stage.run({"tasks": [{"id": "silent"}, {"id": "says"}, {"id": "output"}], "failurePolicy": "Continue"})
    said = run.run(1)
    assert [(task, reason) for task, reason, _ in ends(run)] == [
        ("output.1", None), ("says.1", None), ("silent.1", "ExitCode"), ("silent.2", "ExitCode"),
    ]  # fmt: skip
    assert "silent: NoChange, 2 attempts" in said
    assert record(run, "says.1")["message"] == "it is there already"
    assert "Attempt 1 ended with NoChange: it changed nothing" in stage.seen("silent.2", "prompt")


def test_no_change_succeeds_where_the_role_says_so(stage: Stage) -> None:
    stage.scene("a", "claude/no-change")
    agent = {
        "type": "ClaudeCode",
        "onNoChange": "Succeed",
        "args": ["--verbose-for", "$(PPROJ_TASK_ID)"],
        "model": "m-1",
    }
    run = stage.run({"tasks": [{"id": "a"}], "roles": [{"name": "coder", "agent": agent}]}, agent=None)
    run.run()
    assert stage.seen("a.1", "args").split()[-4:] == ["--model", "m-1", "--verbose-for", "a"]


def test_limits_and_exit_75_cost_no_attempt(stage: Stage) -> None:
    stage.scene("limited.1", "claude/rate-limit", code=1)
    stage.scene("limited.2", "claude/overloaded", code=1)
    stage.scene("limited.3", "claude/exit-75", code=75)
    stage.scene("limited.4", do=WRITE)
    stage.scene("other", do=WRITE)
    run = stage.run([{"id": "limited", "maxAttempts": 1}, {"id": "other"}])
    run.run()
    assert sorted(stage.checkout.tasks()) == ["limited", "other"]
    reasons = [record(run, f"limited.{n}")["reason"] for n in (1, 2, 3, 4)]
    assert reasons == ["RateLimited", "Transient", "Transient", ""]


def test_a_command_that_is_no_agent_may_say_later_too(stage: Stage) -> None:
    run = stage.run([{"id": "a", "maxAttempts": 1}], lands=False, agent=None)
    run.command = 'test "$PPROJ_ATTEMPT" = 3 || exit 75'
    said = run.run()
    assert [row.phase for row in run.attempts()] == [FAILED, FAILED, SUCCEEDED]
    assert "attempt 2 in" in said


def test_a_limit_is_waited_for_by_all_until_the_reset_that_was_told_also_by_the_next_session(stage: Stage) -> None:
    stage.scene("a.1", "claude/session-limit", code=1)
    run = stage.run({"tasks": [{"id": "a"}, {"id": "b"}], "parallelism": 1})
    started = run.start()
    started.wait_said("failed (RateLimited)")
    started.signal(2)
    assert "attempt 2 in" in started.finish(130)
    at = record(run, "a.1")["resetAt"]
    status = run.state / "status.json"
    status.unlink()
    again = run.start()

    def waits() -> bool:
        text = status.read_text() if status.exists() else ""
        return text.count('"WaitingForLimit"') == 2

    until(waits)
    again.kill()
    assert len(run.attempts()) == 1
    assert at > run.attempts()[0].ended


def test_a_refused_key_ends_all_tasks_of_the_role_and_is_told_once_with_the_fix(stage: Stage) -> None:
    for task in "abc":
        stage.scene(task, "claude/unauthorized", code=1)
    run = stage.run({"tasks": [{"id": i} for i in "abc"], "parallelism": 1, "failurePolicy": "Continue"})
    said = run.run(1)
    assert [row.key.task for row in run.attempts()] == ["a"]
    assert said.count("(fix: set ANTHROPIC_API_KEY") == 1


def test_the_marks_of_an_agent_that_has_started_us_are_not_inherited(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = (
        "CLAUDECODE",
        "CLAUDE_CODE_ENTRYPOINT",
        "CLAUDE_CODE_SSE_PORT",
        "CODEX_SANDBOX_NETWORK_DISABLED",
        "GEMINI_CLI",
    )
    kept = ("CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "ANTHROPIC_API_KEY", "CODEX_API_KEY")
    for name in marks + kept:
        monkeypatch.setenv(name, "x")
    stage.scene("a", do=WRITE)
    stage.run([{"id": "a"}]).run()
    names = {line.partition("=")[0] for line in stage.seen("a.1", "env").splitlines()}
    assert not names & set(marks)
    assert names >= set(kept)


def test_the_prompt_has_all_that_the_task_is(stage: Stage) -> None:
    stage.scene("base", do=WRITE)
    stage.scene("a", do=WRITE)
    parameters = [{"name": "endpoint", "value": "checkout"}]
    task = {
        "id": "a",
        "title": "Do {{ it }}",
        "description": "All of\nit.",
        "files": ["a.txt"],
        "parameters": parameters,
    }
    stage.run([{"id": "base"}, task | {"dependencies": ["base"]}]).run()
    prompt = stage.seen("a.1", "prompt")
    for text in (
        "# Task a: Do {{ it }}",
        "All of\nit.",
        "- a.txt",
        "- endpoint: checkout",
        "- base: commit ",
        "no-change",
    ):
        assert text in prompt


def test_a_template_of_the_user_takes_its_place_and_a_wrong_one_is_refused_before_anything_runs(stage: Stage) -> None:
    stage.scene("a", do=WRITE)
    run = stage.run({"tasks": [{"id": "a"}], "prompt": "Only {{ task.id }}, try {{ attempt }}."})
    run.run()
    assert stage.seen("a.1", "prompt") == "Only a, try 1."
    for wrong in ("{{ task.", "{{ nobody }}", "{{ task.files[0] }}", "{{ task.__class__.__mro__ }}"):
        run = stage.run({"tasks": [{"id": "b"}], "prompt": wrong})
        with pytest.raises(ProblemsError, match=r"spec\.prompt"):
            run.run()


@pytest.mark.parametrize(
    ("agent", "stream", "argument"), [("Copilot", "copilot/done", "-p"), ("Aider", "aider/done", "--message-file")]
)
def test_agents_that_take_no_prompt_on_stdin_get_it_their_way(
    stage: Stage, agent: str, stream: str, argument: str
) -> None:
    stage.scene("a", stream, WRITE)
    run = stage.run([{"id": "a"}], agent=agent)
    run.run()
    words = stage.seen("a.1", "args")
    assert f"{argument} # Task a" in words or f"{argument} {run.state}/tasks/a.1.md" in words


def test_an_agent_that_is_not_there_is_told_before_anything_runs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    run = stage.run([{"id": "a"}], agent="Goose")
    with pytest.raises(ProblemsError, match="goose is not on the PATH"):
        run.run()


def test_what_an_agent_said_counts_in_later_sessions_whatever_runs_the_tasks_there(stage: Stage) -> None:
    stage.scene("a", "claude/no-final-event")
    run = stage.run({"tasks": [{"id": "a", "maxAttempts": 1}]}, lands=False)
    run.run(1)
    run.options, run.command = {}, "true"
    run.run()  # the lie of the first session is none of the command's successes: it runs again
    assert [row.key.attempt for row in run.attempts()] == [1, 2]


def test_a_success_of_a_command_is_not_judged_as_an_agents(stage: Stage) -> None:
    stage.scene("b", do=WRITE)
    run = stage.run([{"id": "a"}, {"id": "b", "dependencies": ["a"]}], lands=False)
    agent, run.options, run.command = run.options, {}, 'test "$PPROJ_TASK_ID" = a'
    run.run(1)
    run.options, run.command = agent, None
    run.run()
    first = run.attempts()[0]
    assert (first.key.task, first.key.attempt, first.phase) == ("a", 1, SUCCEEDED)
    assert [row.key.attempt for row in run.attempts() if row.key.task == "a"] == [1]


def test_a_check_runs_after_the_verdict_of_the_agent_and_before_the_landing(stage: Stage) -> None:
    stage.scene("bad", "claude/done", "echo x > bad.txt")
    stage.scene("good", "claude/done", WRITE)
    stage.scene("lies", "claude/denied-edit-but-changed", WRITE)
    tasks = [{"id": task, "maxAttempts": 2 if task == "bad" else 1} for task in ("bad", "good", "lies")]
    spec = {"tasks": tasks, "failurePolicy": "Continue", "parallelism": 1, "defaults": {"backoffSeconds": 0}}
    run = stage.run(spec)
    run.options["check"] = "echo looked at $PPROJ_TASK_ID >> $SCENES/checks; test ! -e bad.txt"
    said = run.run(1)
    assert "bad: the check failed with exit code 1, 2 attempts" in said
    assert "lies: AgentDenied" in said
    assert stage.checkout.tasks() == ["good"]
    checks = (stage.scenes / "checks").read_text().splitlines()
    assert sorted(set(checks)) == ["looked at bad", "looked at good"], "what the agent did not do well is not checked"
    assert "the check failed with exit code 1" in stage.seen("bad.2", "prompt")
    assert record(run, "bad.2")["outcome"] == "Succeeded"


def test_a_retry_ends_a_limit_in_a_run_that_waits_for_it(stage: Stage) -> None:
    stage.scene("a.1", "claude/session-limit", code=1)
    stage.scene("a.2", do=WRITE)
    stage.scene("b.1", do=WRITE)
    run = stage.run({"tasks": [{"id": "a"}, {"id": "b"}], "parallelism": 1})
    started = run.start()
    status = run.state / "status.json"
    until(lambda: status.exists() and status.read_text().count('"WaitingForLimit"') == 2)
    project = json.loads((run.state / "project.json").read_text()) | {"status": json.loads(status.read_text())}
    assert failed_tasks(project, ["b"]) == {}, "one that waits may be named"
    patch = retry_patch(project, deferred_tasks(project, ["b"]))
    assert patch["spec"] == {"retries": [{"id": "a", "forgiveDeferrals": 1}]}
    StateDirectory(run.state).requests.ask(lambda _: patch["spec"])
    started.finish(0)
    assert sorted(stage.checkout.tasks()) == ["a", "b"]
