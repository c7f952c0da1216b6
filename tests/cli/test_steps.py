"""Steps and gates as a person sees them: before a run, in it, and after it."""

import json
from pathlib import Path

from tests.cli.conftest import Pproj
from tests.local.checkout import Checkout

_ROUND = 'test "$PPROJ_ROUND" = 2 || { echo "say hello"; exit 1; }'
_STEPS = [
    {"name": "format", "command": ["sh", "-c", "echo formatted >> work"]},
    {"name": "review", "command": ["sh", "-c", _ROUND], "gate": True, "maxRounds": 1},
]


def _manifest(folder: Path, steps: list[dict[str, object]] | None = None) -> Path:
    file = folder / "demo.yaml"
    spec = {"defaults": {"backoffSeconds": 0}, "steps": _STEPS if steps is None else steps, "tasks": [{"id": "a"}]}
    head = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "demo"}}
    file.write_text(json.dumps(head | {"spec": spec}))
    return file


def test_the_plan_names_them_and_lint_refuses_what_cannot_be(pproj: Pproj, tmp_path: Path) -> None:
    assert "then, before a task lands: format, review (gate)" in pproj("plan", _manifest(tmp_path)).out
    wrong = pproj("lint", _manifest(tmp_path, [{"name": "review", "gate": True}]))
    assert wrong.code == 1
    assert '"review" has neither a role nor a command' in wrong.err + wrong.out


def test_a_run_reports_each_round_and_get_and_why_show_the_steps(pproj: Pproj, tmp_path: Path) -> None:
    checkout, file = Checkout(tmp_path), _manifest(tmp_path)
    said = pproj("run", file, "--repo", checkout.path, "--command", "echo work > work").out
    assert "done, and held for the next step after" in said
    assert "review rejected it after" in said
    assert "(round 1 of 1); step format runs again" in said
    assert "│ say hello" in said
    shown = [line.split(":", 1)[1].strip() for line in pproj("get", "demo", "a").out.splitlines() if "Step:" in line]
    assert shown == [
        "task: held (attempt 1)",
        "format: held (attempt 2)",
        "review: rejected (attempt 3)",
        "format: held (attempt 4)",
        "review: landed (attempt 5)",
    ]
    assert "attempt 5 succeeded" in pproj("why", "demo", "a").out


def test_a_gate_that_never_accepts_is_named_with_what_is_kept_and_a_retry_continues(
    pproj: Pproj, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path)
    never = [{"name": "review", "command": ["false"], "gate": True, "maxRounds": 0}]
    run = ("run", _manifest(tmp_path, never), "--repo", checkout.path, "--command", "echo work > work")
    first = pproj(*run)
    assert first.code == 1
    said = first.out
    assert "a: review rejected it, once in all, and its maxRounds is 0" in said
    assert "/a/held/1" in said
    why = pproj("why", "demo", "a").out
    assert "GateFailed" in why
    assert "held/1" in why
    pproj(*run)
    events = [json.loads(line) for line in pproj(*run, "-o", "json").out.splitlines()]
    rejected = [(event["step"], event["attempt"]) for event in events if event["event"] == "StepRejected"]
    assert rejected == [("review", 6)]
