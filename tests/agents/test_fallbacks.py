"""A fallback in a local run: another agent takes over, and its tokens, limits and sessions are its own."""

from typing import Any

from tests.agents.conftest import Stage
from tests.agents.test_local_run import WRITE, record
from tests.local.runner import until

ROLES: list[dict[str, Any]] = [
    {"name": "coder", "agent": {"type": "ClaudeCode"}, "fallbacks": ["codex"], "fallbackAfterSeconds": 0},
    {"name": "codex", "agent": {"type": "Codex"}},
]


def test_another_agent_takes_over_without_a_try_of_the_one_that_has_no_limit_left(stage: Stage) -> None:
    stage.scene("a.1", "claude/session-limit", code=1)  # the others would fail: they have no such scene
    for scene in ("a.2", "b.1", "c.1"):
        stage.scene(scene, "codex/done", f"{WRITE}; echo $PPROJ_ROLE > $SCENES/role")
    tasks = [{"id": task, "role": "coder"} for task in "abc"]
    run = stage.run({"tasks": tasks, "roles": ROLES, "parallelism": 1}, agent=None)
    run.run()
    assert sorted(stage.checkout.tasks()) == ["a", "b", "c"]
    assert [record(run, attempt)["agent"] for attempt in ("a.1", "a.2", "b.1", "c.1")] == ["ClaudeCode", *["Codex"] * 3]
    assert (stage.scenes / "role").read_text() == "codex\n"


def test_the_limit_of_a_fallback_is_its_own(stage: Stage) -> None:
    stage.scene("a.1", "claude/session-limit", code=1)
    stage.scene("a.2", "codex/usage-limit-days", code=1)
    run = stage.run({"tasks": [{"id": "a", "role": "coder"}], "roles": ROLES}, agent=None)
    started = run.start()
    status = run.state / "status.json"
    until(lambda: status.exists() and status.read_text().count('"endTime"') == 2, what="both limits")
    started.signal(2)
    started.finish(130)
    assert [record(run, f"a.{n}")["agent"] for n in (1, 2)] == ["ClaudeCode", "Codex"]
    assert len(run.attempts()) == 2, "it waits for one of the two"
