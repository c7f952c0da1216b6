"""``pproj plan --prompt TASK`` shows what the agent is going to read."""

import json
from pathlib import Path

import pytest
import yaml

from tests.agents.conftest import Stage
from tests.agents.test_local_run import WRITE
from tests.cli.conftest import Pproj, pproj

__all__ = ["pproj"]
TASKS = [{"id": "a", "title": "One"}, {"id": "b", "title": "Two", "files": ["b.txt"], "dependencies": ["a"]}]


def manifest(folder: Path, **spec: object) -> Path:
    file = folder / "project.yaml"
    content = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "demo"}}
    file.write_text(yaml.safe_dump({**content, "spec": {"tasks": TASKS, **spec}}))
    return file


def test_before_a_run_and_after_it_the_prompt_is_the_one_that_the_agent_gets(
    stage: Stage, pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = manifest(tmp_path)
    before = pproj("plan", file, "--prompt", "b")
    assert before.code == 0, before.err
    assert before.out.startswith("# Task b: Two\n")
    assert "- b.txt\n" in before.out
    assert "commit" not in before.out.split("## How to end")[0]
    stage.scene("a", do=f"{WRITE}; echo 42 > $PPROJ_OUTPUTS/answer")
    stage.scene("b", do=WRITE)
    stage.run(TASKS).run()
    shown = pproj("plan", file, "--prompt", "b")
    assert shown.out == stage.seen("b.1", "prompt")
    assert "- a: commit " in shown.out
    assert "output answer" in shown.out
    assert json.loads(pproj("plan", file, "--prompt", "b", "-o", "json").out)["prompt"] == shown.out


def test_a_template_of_the_spec_is_used_and_checked(pproj: Pproj, tmp_path: Path) -> None:
    file = manifest(tmp_path, prompt="Do {{ task.title }}.")
    assert pproj("plan", file, "--prompt", "a").out == "Do One.\n"
    wrong = pproj("plan", manifest(tmp_path, prompt="{{ nobody }}"), "--prompt", "a")
    assert wrong.code != 0
    assert "spec.prompt: the template is wrong: 'nobody' is undefined" in wrong.err


def test_a_task_that_is_not_there_is_named_with_the_one_that_may_be_meant(pproj: Pproj, tmp_path: Path) -> None:
    tasks = [{"id": "backend"}]
    found = pproj("plan", manifest(tmp_path, tasks=tasks), "--prompt", "backnd")
    assert found.code == 2
    assert '--prompt: "backnd" is not a task' in found.err
    assert 'did you mean "backend"?' in found.err


def test_instructions_and_skills_of_the_role_are_shown_and_reach_the_agent(
    stage: Stage, pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    role = {
        "name": "coder", "agent": {"type": "ClaudeCode"}, "instructions": "Write **tests** first.",
        "skills": ["review", "team:style"],
    }  # fmt: skip
    shown = pproj("plan", manifest(tmp_path, roles=[role]), "--prompt", "a").out
    assert "## Instructions for the role coder\nWrite **tests** first.\n\n## Skills\n" in shown
    assert "Use these skills that you have: review, team:style.\n\n## How to end" in shown
    stage.scene("a", do=WRITE)
    stage.scene("b", do=WRITE)
    stage.run({"tasks": TASKS, "roles": [role]}, agent=None).run()
    assert stage.seen("a.1", "prompt") == shown
    template = "{{ instructions }} {{ skills | join('+') }} {{ ports | length }}"
    assert pproj("plan", manifest(tmp_path, roles=[role], prompt=template), "--prompt", "a").out == (
        "Write **tests** first. review+team:style 0\n"
    )


def test_a_fallback_without_instructions_gets_those_of_the_role_and_the_ports_are_named(
    stage: Stage, tmp_path: Path
) -> None:
    roles = [
        {
            "name": "coder", "agent": {"type": "ClaudeCode"}, "instructions": "Be brief.", "fallbacks": ["spare"],
            "fallbackAfterSeconds": 0,
        },
        {"name": "spare", "agent": {"type": "Codex"}},
    ]  # fmt: skip
    spec = {"tasks": [{"id": "a"}], "roles": roles, "defaults": {"role": "coder"}, "workspace": {"ports": 2}}
    stage.scene("a.1", "claude/rate-limit", code=1)
    stage.scene("a", "codex/done", do=f"{WRITE}; echo $PPROJ_PORT, $PPROJ_PORT_1 > port")
    stage.run(spec, agent=None).run()
    prompt = stage.seen("a.2", "prompt")
    assert "## Instructions for the role spare\nBe brief.\n" in prompt
    assert f"must listen on one of these ports:\n  {stage.checkout.show('port').strip()}.\n" in prompt
