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
