"""The eleven stages of a feature: side by side where they can be, and a backend that breaks goes back to backend."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.report.overview import outline
from parallelproject.model.project import parse_spec
from tests.local.checkout import Checkout
from tests.local.runner import Runner

EXAMPLE = Path(__file__).parents[2] / "manifests/examples/eleven-stages.yaml"
HOURS = 3600
PAIRS = {"backend": "frontend", "backend-qa": "frontend-qa", "performance": "security"}
MEETS = """
touch "$SYNC/$PPROJ_TASK_ID"
case $PPROJ_TASK_ID in {pairs} *) other=$PPROJ_TASK_ID;; esac
until [ -e "$SYNC/$other" ]; do sleep 0.02; done
"""
WORK = """
mkdir -p $PPROJ_TASK_ID
if [ $PPROJ_TASK_ID = backend ] && [ ! -s "$PPROJ_FEEDBACK" ]; then echo 'def price(: pass'; else echo 'price = 1'; fi \
  > $PPROJ_TASK_ID/main.py
"""


def example(**fields: Any) -> dict[str, Any]:
    spec = yaml.safe_load(EXAMPLE.read_text())["spec"]
    return {"parallelism": 2, "tasks": spec["tasks"], "scheduling": spec.get("scheduling", "Levels"), **fields}


def test_what_takes_8_5_hours_one_after_another_takes_5_5_hours() -> None:
    spec = parse_spec(yaml.safe_load(EXAMPLE.read_text())["spec"])
    plan = outline(compile_graph(spec), spec)
    assert {parallelism: seconds / HOURS for parallelism, seconds in plan.seconds.items()} == {1: 8.5, 2: 5.5}
    assert plan.critical_path_seconds == 5.5 * HOURS


def test_stages_that_can_run_side_by_side_do(
    runner: Callable[..., Runner], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = tmp_path / "sync"
    sync.mkdir()
    monkeypatch.setenv("SYNC", str(sync))
    pairs = " ".join(f"{one}) other={two};; {two}) other={one};;" for one, two in PAIRS.items())
    run = runner(example(), MEETS.replace("{pairs}", pairs))
    assert "all 11 tasks succeeded" in run.run()


def test_the_conditional_stage_is_skipped_and_what_follows_runs(runner: Callable[..., Runner]) -> None:
    spec = example()
    next(task for task in spec["tasks"] if task["id"] == "security")["parameters"] = [{"name": "review", "value": "no"}]
    run = runner(spec, "true")
    run.run()
    ran = {row.key.task for row in run.attempts()}
    assert ran == {task["id"] for task in spec["tasks"]} - {"security"}


def test_a_backend_that_breaks_goes_back_to_backend(runner: Callable[..., Runner], tmp_path: Path) -> None:
    checks = [
        {"name": name, "command": ["python3", "-m", "py_compile", f"{name}/main.py"], "paths": [f"{name}/**"]}
        for name in ("backend", "frontend")
    ]
    checkout = Checkout(tmp_path)
    run = runner(example(verification={"checks": checks}), WORK, options={"repository": checkout.path})
    output = run.run()
    assert "backend broke it" in output
    commits = Counter(checkout.tasks())
    assert commits.pop("backend") == 2
    assert set(commits.values()) == {1}
    assert len(commits) == 10
    assert checkout.show("backend/main.py") == "price = 1"
    checkout.check()
