"""The real programs against the scripted model: a backlog of 12 tasks ends the same with each."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from parallelproject.agents.catalog import BY_NAME
from parallelproject.demo.scripted_model.exchange import Tokens
from parallelproject.model.spec import Agent
from tests.agents.programs import program
from tests.agents.scripted import DONE, serving, writes
from tests.local.checkout import Checkout
from tests.local.runner import Runner

pytestmark = pytest.mark.timeout(1500)


def script(sync: Path, checkout: Checkout) -> dict[str, Any]:
    """What the model does in each task. The two of the conflict are on one base: each waits for the other."""
    landed = f"until git -C {checkout.path} log --format=%s parallel/demo | grep -q 'first'; do sleep 0.1; done"
    again = [{"run": "echo two >> shared.txt"}, DONE]
    return {
        "tasks": {
            **{name: writes(name) for name in ("a1", "a2", "a3", "a4", "a5", "a6")},
            "first": [{"run": f"until [ -e {sync}/second ]; do sleep 0.1; done; echo one >> shared.txt"}, DONE],
            "second": [  # the same in a session that goes on, and in one that begins
                [{"run": f"touch {sync}/second; {landed}; echo two >> shared.txt"}, DONE, *again],
                again,
            ],
            "limited": [{"error": {"status": 429}}, *writes("limited")],
            "liar": [{"say": "API Error: 500 Internal server error"}],
            "nothing": [{"run": "echo 'it is there already' > \"$PPROJ_OUTPUTS/no-change\""}, DONE],
            "late": [[DONE, *writes("late")], writes("late")],
        }
    }


TASKS: list[dict[str, Any]] = [
    {"id": "first", "title": "first", "priority": 10},
    {"id": "second", "title": "second", "priority": 10},
    {"id": "a1"}, {"id": "a2"}, {"id": "a3", "dependencies": ["a1"]}, {"id": "a4", "dependencies": ["a3"]},
    {"id": "a5", "dependencies": ["first"]}, {"id": "a6"}, {"id": "limited"}, {"id": "liar"}, {"id": "nothing"},
    {"id": "late"},
]  # fmt: skip
SPEC = {
    "tasks": TASKS,
    "scheduling": "Graph",
    "failurePolicy": "Continue",
    "parallelism": 3,
    "defaults": {"backoffSeconds": 1},
}
ENDS = {  # the outcomes of each task's attempts
    **{name: ["Succeeded"] for name in ("first", "a1", "a2", "a3", "a4", "a5", "a6")},
    "second": ["Succeeded", "Succeeded"],  # the first of them did not fit
    "limited": ["RateLimited", "Succeeded"],
    "liar": ["AgentError", "AgentError"],
    "nothing": ["NoChange"],
    "late": ["NoChange", "Succeeded"],
}
RESUMES = {"claude", "codex"}
"""Programs that resume a session in another folder."""
PASSES = {"opencode": "Transient"}
"""Two that start at once may meet at their new database: an attempt of one of them asks to be run later."""
OVERCOMES = {agent: {"limited": ["Succeeded"]} for agent in ("gemini", "opencode")}
"""Programs that try again by themselves, so that no attempt meets the limit."""


def configured(agent: str, home: Path, url: str) -> tuple[dict[str, str], str | None]:
    """The environment that leads an agent to the model, as its user would set it, and the model's name."""
    if agent == "claude":
        return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-test-0000", "DISABLE_TELEMETRY": "1"}, None
    if agent == "codex":
        (home / ".codex").mkdir()
        (home / ".codex/config.toml").write_text(
            'model_provider = "x"\n[model_providers.x]\nname = "x"\nwire_api = "responses"\nenv_key = "SCRIPTED_KEY"\n'
            f'base_url = "{url}/v1"\nrequest_max_retries = 0\nstream_max_retries = 0\n'
        )
        temporary = home / "tmp"  # elsewhere than its home: else it finds no program of its sandbox where bwrap is
        temporary.mkdir()
        return {"SCRIPTED_KEY": "k", "CODEX_HOME": str(home / ".codex"), "TMPDIR": str(temporary)}, "scripted"
    if agent == "gemini":
        (home / ".gemini").mkdir()
        settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
        (home / ".gemini/settings.json").write_text(json.dumps(settings))
        return {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "k"}, "gemini-2.5-flash"
    (home / ".config/opencode").mkdir(parents=True)
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": "k"},
        "models": {"scripted": {"name": "scripted"}},
    }
    settings = {"provider": {"x": provider}, "model": "x/scripted", "autoupdate": False}
    (home / ".config/opencode/opencode.json").write_text(json.dumps(settings))
    return {}, "x/scripted"


@pytest.mark.sampled(1)
@pytest.mark.parametrize("agent", ["claude", "codex", "gemini", "opencode"])
def test_a_backlog_ends_the_same_with_each_program(agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = program(agent)
    checkout, home, sync = Checkout(tmp_path), tmp_path / "home", tmp_path / "sync"
    home.mkdir()
    sync.mkdir()
    with serving(script(sync, checkout)) as model:
        environment, name = configured(agent, home, model.url)
        for key, value in {**environment, "HOME": str(home), "PATH": f"{programs}:{os.environ['PATH']}"}.items():
            monkeypatch.setenv(key, value)
        options = {"repository": checkout.path, "agent": Agent(type=BY_NAME[agent].type, model=name)}
        run = Runner(tmp_path, SPEC, None, options)
        said = run.run(1)

    rows = run.attempts()
    records = {
        (row.key.task, row.key.attempt): json.loads(
            (run.state / f"results/{row.key.task}.{row.key.attempt}.agent.json").read_text()
        )
        for row in rows
    }
    found: dict[str, list[str]] = {}
    for (task, _), record in sorted(records.items()):
        if record["outcome"] != PASSES.get(agent):
            found.setdefault(task, []).append(record["outcome"])
    assert found == ENDS | OVERCOMES.get(agent, {}), said
    assert "11 of 12 tasks succeeded, 1 failed" in said

    # Nothing has landed that should not, and all that should.
    assert sorted(checkout.tasks()) == sorted(set(ENDS) - {"liar", "nothing"})
    assert checkout.show("shared.txt").splitlines()[-2:] == ["one", "two"]
    assert [checkout.show(f"{task}.txt") for task in ("a1", "a6", "limited", "late")] == ["a1", "a6", "limited", "late"]
    checkout.check()

    # A conflict and a missing change go on in the session, and are told only why; a lie begins another one.
    began = [(of, record["session"]) for (of, _), record in records.items() if record["outcome"] != PASSES.get(agent)]
    sessions = {task: {session for of, session in began if of == task} for task in ENDS}
    assert [len(sessions[task]) for task in ("second", "late")] == ([1, 1] if agent in RESUMES else [2, 2])
    assert len(sessions["liar"]) == 2
    prompt = (run.state / "tasks/second.2.md").read_text()
    assert ("How to continue" in prompt, "How to end" in prompt) == (agent in RESUMES, agent not in RESUMES)
    assert "shared.txt" in prompt

    # Tokens to the unit, by task.
    for task in ENDS:
        used = [use for (of, _), record in records.items() if of == task for use in record["usage"].values()]
        total = Tokens(
            sum(use["inputTokens"] or 0 for use in used),
            sum(use["outputTokens"] or 0 for use in used),
            sum(use["cacheReadTokens"] or 0 for use in used),
        )
        assert total == model.tokens(task), task
