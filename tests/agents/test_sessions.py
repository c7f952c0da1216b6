"""Which attempts go on in the agent's session of the attempt before, and what they are told and charged."""

import json
from pathlib import Path
from typing import Any

import pytest

from parallelproject.cli import main
from parallelproject.local.agents.call import AgentCall
from parallelproject.local.agents.sessions import session_to_resume
from tests.agents.conftest import Stage
from tests.agents.programs import program
from tests.agents.scripted import serving, writes
from tests.agents.test_local_run import WRITE, record
from tests.agents.test_real_programs import configured

THREAD = "01a22c20-92ba-7993-b9fa-5d222e95d273"
CALL = AgentCall("Codex")


def ended(outcome: str, **more: Any) -> dict[str, Any]:
    return {"outcome": outcome, "session": THREAD} | more


KINDS = {
    # The records of the latest attempts, who makes the next one, and whether that goes on.
    "the work did not land": ([ended("Succeeded")], CALL, True),
    "no change": ([ended("NoChange")], CALL, True),
    "no change, twice": ([ended("NoChange"), ended("NoChange")], CALL, False),
    "no change after another end": ([ended("Succeeded"), ended("NoChange")], CALL, True),
    "a limit": ([ended("RateLimited")], CALL, True),
    "a limit when its deadline came": ([ended("RateLimited", reason="DeadlineExceeded")], CALL, False),
    "a question": ([ended("NeedsInput")], CALL, True),
    "turns": ([ended("TurnLimit")], CALL, False),
    "money": ([ended("BudgetHit")], CALL, False),
    "an error": ([ended("AgentError")], CALL, False),
    "a failure": ([ended("Failed")], CALL, False),
    "no session": ([ended("NoChange", session=None)], CALL, False),
    "an id that is an option": ([ended("NoChange", session="--yolo")], CALL, False),
    "another agent": ([ended("NoChange")], AgentCall("Gemini"), False),
    "another model": ([ended("NoChange")], CALL._replace(model="m"), False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_attempt_continues_where_the_one_before_was_not_stuck(kind: str) -> None:
    records, call, continues = KINDS[kind]
    found = session_to_resume(call, CALL, records, same_folder=True)
    assert (found and found.call.session) == (THREAD if continues else None)


@pytest.mark.parametrize(("agent", "elsewhere"), [("Codex", True), ("OpenCode", False), ("Gemini", False)])
def test_some_agents_find_a_session_only_in_its_folder(agent: str, elsewhere: bool) -> None:
    call = AgentCall(agent)
    found = [session_to_resume(call, call, [ended("NoChange")], same_folder=same) for same in (True, False)]
    assert [each is not None for each in found] == [True, elsewhere]


def turn(stage: Stage, attempt: str, tokens: int, do: str = "true") -> None:
    """What Codex prints in an attempt: the tokens are those of the whole session."""
    usage = {"input_tokens": tokens, "cached_input_tokens": 0, "output_tokens": tokens}
    events = [{"type": "thread.started", "thread_id": THREAD}, {"type": "turn.completed", "usage": usage}]
    lines = "\n".join(f"echo '{json.dumps(event)}'" for event in events)
    (stage.scenes / attempt).write_text(f"{do}\n{lines}\n")


def test_a_session_continues_with_the_feedback_alone_and_its_tokens_count_once(stage: Stage) -> None:
    for number, tokens in enumerate((100, 250), 1):
        turn(stage, f"a.{number}", tokens)
    turn(stage, "a.3", 70)  # of another session: two attempts without a change end the first
    task = {"id": "a", "description": "All of it.", "maxAttempts": 3}
    run = stage.run([task], agent="Codex")
    run.run(1)
    assert stage.seen("a.2", "args").split()[-3:] == ["resume", THREAD, "-"]
    prompt = stage.seen("a.2", "prompt")
    assert "Attempt 1 ended with NoChange" in prompt
    assert str(run.state) in prompt, "it has to know its new workspace"
    assert "All of it." not in prompt
    assert [THREAD in stage.seen(f"a.{n}", "args") for n in (1, 2, 3)] == [False, True, False]
    assert "All of it." in stage.seen("a.3", "prompt")
    used = [used["inputTokens"] for n in (1, 2, 3) for used in record(run, f"a.{n}")["usage"].values()]
    assert used == [100, 150, 70]


@pytest.mark.parametrize("lands", [True, False])
def test_the_answer_to_a_question_is_in_the_next_attempt_which_continues_the_session(
    stage: Stage, lands: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(stage, "a.1", 100, f"{WRITE}; printf 'Which port?\\nA number.\\n' > $PPROJ_OUTPUTS/needs-input.md")
    turn(stage, "a.2", 150, WRITE)
    run = stage.run([{"id": "a", "maxAttempts": 1}], lands=lands, agent="Codex")
    started = run.start()
    started.wait_said("pproj answer demo a 'YOUR ANSWER'")
    assert 'asks "Which port? A number."' in started.said
    monkeypatch.chdir(run.folder)
    assert main.call(["answer", "demo", "a", "Port 8080."]) == 0
    started.finish(0)
    prompt = stage.seen("a.2", "prompt")
    assert prompt.count("Attempt 1 asked a person:\n\n> Which port?\n> A number.\n\nThe answer:\n\nPort 8080.") == 1
    assert "## How to continue" in prompt
    assert f"PPROJ_SESSION={THREAD}" in stage.seen("a.2", "env")
    assert len(run.attempts()) == 2
    if lands:
        assert stage.checkout.tasks() == ["a"]
        assert "a/salvage/1" in prompt


def test_tokens_count_once_however_often_a_session_continues(stage: Stage) -> None:
    for number, tokens in enumerate((100, 250, 300), 1):
        turn(stage, f"a.{number}", tokens, WRITE)
    run = stage.run([{"id": "a", "maxAttempts": 3}], agent="Codex")
    run.options["check"] = "false"
    run.run(1)
    used = [used["inputTokens"] for n in (1, 2, 3) for used in record(run, f"a.{n}")["usage"].values()]
    assert used == [100, 150, 50]
    assert "What attempt 1 did: git " in stage.seen("a.2", "prompt")


def test_resume_false_begins_anew(stage: Stage) -> None:
    turn(stage, "a", 100)
    run = stage.run([{"id": "a", "maxAttempts": 2}], agent="Codex", resume=False)
    run.run(1)
    assert THREAD not in stage.seen("a.2", "args")


@pytest.mark.parametrize("is_there", [True, False])
def test_claude_code_continues_by_the_file_of_the_session_where_that_is_still_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    stage.scene("a", "claude/no-change")
    folder = stage.folder / "claude-home"
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(folder))
    run = stage.run([{"id": "a", "maxAttempts": 1}])
    run.run(1)
    file = folder / "projects" / "-w" / f"{record(run, 'a.1')['session']}.jsonl"
    if is_there:
        file.parent.mkdir(parents=True)
        file.touch()
    run.run(1)  # the failed task is retried
    assert (f"--resume {file}" in stage.seen("a.2", "args")) == is_there


def test_opencode_continues_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    programs = program("opencode")
    home = tmp_path / "home"
    home.mkdir()
    told = {"tasks": {"a": [{"run": "true"}, {"error": {"status": 402}}, *writes("a")]}}
    with serving(told) as model:
        environment, name = configured("opencode", home, model.url)
        for key, value in {**environment, "HOME": str(home)}.items():
            monkeypatch.setenv(key, value)
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        run = stage.run([{"id": "a"}], lands=False, agent="OpenCode", model=name)
        run.run()
        assert [record(run, f"a.{n}")["outcome"] for n in (1, 2)] == ["QuotaExhausted", "Succeeded"]
        assert record(run, "a.1")["session"] == record(run, "a.2")["session"]
        total = [used["inputTokens"] for n in (1, 2) for used in record(run, f"a.{n}")["usage"].values()]
        assert sum(total) == model.tokens("a").input


def test_a_repair_continues_the_session_that_made_the_work(stage: Stage) -> None:
    turn(stage, "a.1", 100, "echo bad > a.txt")
    turn(stage, "a.2", 250, "echo good > a.txt")
    run = stage.run([{"id": "a", "description": "All of it."}], agent="Codex")
    run.options["verify"] = ("! grep bad *.txt",)
    run.run()
    assert stage.seen("a.2", "args").split()[-3:] == ["resume", THREAD, "-"]
    prompt = stage.seen("a.2", "prompt")
    assert "breaks the check grep-bad-txt, alone" in prompt
    assert "All of it." not in prompt
    used = [used["inputTokens"] for n in (1, 2) for used in record(run, f"a.{n}")["usage"].values()]
    assert used == [100, 150]
    row = json.loads((run.state / "status.json").read_bytes())["tasks"][0]
    assert row["inputTokens"] == 250
