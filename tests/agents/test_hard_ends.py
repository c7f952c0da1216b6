"""Ends of agents that are hard to judge: a deadline, odd characters, a run that is killed before the verdict."""

import json
from typing import Any

import pytest

from parallelproject.agents.presets.claude import ClaudeReader
from parallelproject.local.agents.call import AgentCall
from parallelproject.local.agents.judgement import judge_log
from tests.agents.conftest import Stage
from tests.agents.test_local_run import WRITE, ends, record
from tests.local.runner import Runner

ENDLESS = "trap 'echo stream error: terminated; exit 1' TERM; while :; do sleep 0.05; done"
"""Waits for ever, and words its end as trouble of the provider."""


def play(stage: Stage, task: str, script: str) -> None:
    """A scene without a recorded stream."""
    (stage.scenes / task).write_text(script)


def said(stage: Stage, task: str, code: int, **result: Any) -> None:
    """A scene in which the final event says something."""
    event = json.dumps({"type": "result", "subtype": "success", "num_turns": 1} | result)
    play(stage, task, f"{WRITE}\nprintf '%s\\n' '{event}'\nexit {code}\n")


def test_an_attempt_past_its_deadline_costs_an_attempt_whatever_its_agent_said(stage: Stage) -> None:
    play(stage, "a", ENDLESS)
    task = {"id": "a", "maxAttempts": 1, "activeDeadlineSeconds": 1}
    run = stage.run([task])
    assert "a: DeadlineExceeded, 1 attempt" in run.start().finish(1)
    assert ends(run) == [("a.1", "ExitCode", 1)]
    assert record(run, "a.1")["reason"] == "DeadlineExceeded"


def test_a_message_with_half_a_character_is_said_and_is_no_trouble_of_the_landing(stage: Stage) -> None:
    said(stage, "a", 1, is_error=True, result="it broke at \ud83d")
    run = stage.run([{"id": "a", "maxAttempts": 1}])
    text = run.run(1)
    assert "a: AgentError, 1 attempt" in text
    assert "AgentError: it broke at" in text
    assert ends(run) == [("a.1", "ExitCode", 1)]


@pytest.mark.parametrize("lands", [True, False])
def test_an_attempt_that_was_cut_off_counts_its_tokens_and_its_successor_knows_why(stage: Stage, lands: bool) -> None:
    usage = json.dumps({"type": "result", "is_error": True, "result": "cut", "usage": {"input_tokens": 7}})
    play(stage, "a.1", f"trap 'echo; exit 1' TERM; printf '%s\\n' '{usage}'; while :; do sleep 0.05; done")
    said(stage, "a.2", 1, is_error=True, result="it broke")
    run = stage.run([{"id": "a", "maxAttempts": 2, "activeDeadlineSeconds": 1}], lands=lands)
    assert "7 tokens in" in run.start().finish(1)
    assert record(run, "a.1")["reason"] == "DeadlineExceeded"
    assert "Attempt 1 ended with DeadlineExceeded: it was stopped at its deadline" in stage.seen("a.2", "prompt")


def _before_its_verdict(run: Runner, attempt: str) -> None:
    """As if the run had been killed when the end of an attempt was written down, and its verdict was not."""
    (run.state / "results" / f"{attempt}.agent.json").unlink()


@pytest.mark.parametrize("later", ["Codex", None])
def test_an_attempt_is_judged_as_that_of_its_own_agent_in_a_session_with_another(stage: Stage, later: str) -> None:
    stage.scene("good", do=WRITE)
    stage.scene("lies", "claude/no-final-event")
    stage.scene("lies.2", "codex/done", WRITE)
    run = stage.run({"tasks": [{"id": "good"}, {"id": "lies", "maxAttempts": 1}]}, lands=False)
    run.run(1)
    for attempt in ("good.1", "lies.1"):
        _before_its_verdict(run, attempt)
    again = stage.run(run.spec, lands=False, agent=later)
    again.command = None if later else "true"
    again.run()
    assert [task for task, _, _ in ends(again)] == ["good.1", "lies.1", "lies.2"]
    assert [record(again, attempt)["outcome"] for attempt in ("good.1", "lies.1")] == ["Succeeded", "AgentError"]


def test_an_agent_does_not_wait_for_the_limit_of_the_one_before(stage: Stage) -> None:
    stage.scene("a.1", "claude/session-limit", code=1)
    stage.scene("a.2", "codex/done", WRITE)
    run = stage.run([{"id": "a"}])
    started = run.start()
    started.wait_said("failed (RateLimited)")
    started.signal(2)
    started.finish(130)
    stage.run(run.spec, agent="Codex").start().finish(0)
    assert stage.checkout.tasks() == ["a"]


@pytest.mark.parametrize("agent", ["ClaudeCode", None])
def test_what_is_there_of_an_attempt_that_never_started_says_nothing_of_the_next(
    stage: Stage, agent: str | None
) -> None:
    stage.scene("a", do=WRITE)
    run = stage.run([{"id": "a"}], lands=False, agent=agent)
    results = run.state / "results"
    results.mkdir(parents=True)
    (results / "a.1.call.json").write_text('["ClaudeCode", null, false]')
    (results / "a.1.agent.json").write_text('{"success": false, "reason": "AgentError"}')
    run.command = None if agent else "true"
    run.run()
    assert [task for task, _, _ in ends(run)] == ["a.1"]


def test_a_record_that_cannot_be_written_is_no_end_of_the_run(stage: Stage) -> None:
    stage.scene("a", "claude/no-final-event", "mkdir $PPROJ_OUTPUTS/../../results/.a.1.agent.json.new")
    stage.scene("b", do=WRITE)
    run = stage.run({"tasks": [{"id": "a", "maxAttempts": 1}, {"id": "b"}], "failurePolicy": "Continue"}, lands=False)
    said = run.run(1)
    assert "a: AgentError, 1 attempt" in said


def test_the_verdict_waits_for_no_end_of_what_an_agent_left_running(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = stage.folder / "log"
    log.write_bytes(b"x\n" * 1000)
    calls = []

    def feed(reader: ClaudeReader, data: bytes) -> None:
        calls.append(len(data))
        assert len(calls) < 10, "it reads on and on"
        with log.open("ab") as file:
            file.write(data)

    monkeypatch.setattr(ClaudeReader, "feed", feed)
    judge_log(AgentCall("ClaudeCode"), str(log), 0, str(stage.folder), 0, 0.0)
    assert sum(calls) == 2000
