"""Agents as gates: they reject the work by a file, and both sides continue their own session in the next round."""

from typing import Any

from tests.agents.conftest import Stage
from tests.agents.test_local_run import WRITE, ends

REJECT = 'echo "Add a test, line 7." > $PPROJ_OUTPUTS/rejected.md; echo spoilt > a.txt'


def spec(**step: Any) -> dict[str, Any]:
    roles = [{"name": "coder"}, {"name": "reviewer", "instructions": "Look for missing tests."}]
    review = {"name": "review", "role": "reviewer", "gate": True, **step}
    return {
        "tasks": [{"id": "a"}],
        "roles": roles,
        "steps": [review],
        "defaults": {"role": "coder", "backoffSeconds": 0},
    }


def test_a_reviewer_that_rejects_once_then_accepts(stage: Stage) -> None:
    stage.scene("a", "codex/done", WRITE)
    stage.scene("a.2", "codex/done", REJECT)
    stage.scene("a.4", "codex/done")
    stage.run(spec(), agent="Codex").run()
    assert stage.checkout.tasks() == ["a"]
    assert stage.checkout.show("a.txt") == "a\na"
    first, review = stage.seen("a.1", "prompt"), stage.seen("a.2", "prompt")
    assert "rejected.md" not in first
    assert "`git show HEAD`" in review
    assert "Look for missing tests." in review
    assert "rejected.md" in review
    assert "no-change" not in review
    again, last = stage.seen("a.3", "prompt"), stage.seen("a.4", "prompt")
    assert "Add a test, line 7." in again
    assert "Its last commit has the work of this task so far" in again
    assert "What you changed in an attempt that did not end well is not in it." in again
    assert "are still there" not in again, "a pod has new folders"
    assert "You have judged this work before, in attempt 2" in last
    assert "PPROJ_STEP=review\n" in stage.seen("a.4", "env")
    assert "PPROJ_ROUND=2\n" in stage.seen("a.4", "env")
    resumed = [" resume " in stage.seen(f"a.{number}", "args") for number in (1, 2, 3, 4)]
    assert resumed == [False, False, True, True], "a reviewer has a session of its own"


def test_a_limit_and_an_error_of_a_reviewer_are_no_verdict(stage: Stage) -> None:
    stage.scene("a", do=WRITE)
    stage.scene("a.2", "claude/overloaded", REJECT, code=1)
    stage.scene("a.3", "claude/done", code=3)
    stage.scene("a.4")
    run = stage.run(spec())
    run.spec["defaults"]["maxAttempts"] = 3
    run.run()
    assert stage.checkout.tasks() == ["a"]
    assert ends(run) == [("a.1", None, 0), ("a.2", "ExitCode", 75), ("a.3", "ExitCode", 3), ("a.4", None, 0)]


def test_an_agent_that_changes_nothing_fails_before_any_gate_judges(stage: Stage) -> None:
    stage.scene("a")
    run = stage.run(spec())
    run.spec["defaults"]["maxAttempts"] = 1
    run.run(1)
    assert [row.key.step for row in run.attempts()] == [""]
    assert stage.checkout.tasks() == []


def test_a_step_that_takes_the_place_of_another_starts_a_session_of_its_own(stage: Stage) -> None:
    stage.scene("a", "codex/done", WRITE)
    stage.scene("a.2", "codex/done", code=3)
    stage.scene("a.3", "codex/done")
    run = stage.run(spec(name="check"), agent="Codex")
    run.spec["defaults"]["maxAttempts"] = 1
    run.run(1)
    run.spec["steps"] = spec()["steps"]
    run.run()
    assert stage.checkout.tasks() == ["a"]
    assert " resume " not in stage.seen("a.3", "args")
