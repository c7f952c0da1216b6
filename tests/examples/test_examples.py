"""Every manifest under manifests/examples does what its first line says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "manifests" / "examples"
PPROJ = Path(sys.executable).with_name("pproj")

FAILING = {
    "failure-continue": {"broken": "Failed", "after-broken": "Skipped", "fine": "Succeeded", "after-fine": "Succeeded"},
    "after-failure": {"tests": "Failed", "deploy": "Skipped", "rollback": "Succeeded", "announce": "Succeeded"},
    "deadline": {"hangs": "Failed", "quick": "Succeeded"},
}

FOR_A_CLUSTER = {"git", "workflow"}
"""The repository of one is on no machine, and Workflows run in a cluster: tests/controller/test_delivery.py and
tests/argo/test_example.py run such projects."""


def pproj(*args: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([PPROJ, *args], cwd=cwd, capture_output=True, text=True, timeout=280, env=os.environ)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_example_lints_clean_and_runs_here_as_it_says(path: Path, tmp_path: Path):
    assert path.read_text().startswith("# "), "an example says in its first line what it shows"
    lint = pproj("lint", str(path), cwd=tmp_path)
    assert lint.returncode == 0, lint.stdout + lint.stderr

    if path.stem in FOR_A_CLUSTER:
        return

    run = pproj("run", str(path), "--state-dir", str(tmp_path / "state"), cwd=tmp_path)

    assert run.returncode == (1 if path.stem in FAILING else 0), run.stdout + run.stderr


def test_demo_backlog_is_real_shaped(tmp_path: Path):
    plan = pproj("plan", str(EXAMPLES / "demo" / "tasks.json"), "-o", "json", cwd=tmp_path)
    found = json.loads(plan.stdout)
    assert found["tasks"] >= 20
    assert len(found["levels"]) >= 4


def test_demo_run_retries_the_task_that_fails_once(tmp_path: Path):
    command = f"sh {EXAMPLES / 'demo' / 'work.sh'}"
    options = ["--set", "spec.defaults.backoffSeconds=1", "--parallelism", "8", "--state-dir", str(tmp_path / "state")]
    run = pproj("run", str(EXAMPLES / "demo" / "tasks.json"), "--command", command, *options, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "9.2" in run.stdout
    assert (tmp_path / "state" / "logs" / "9.2.1.log").read_text().count("did not answer") == 1
    assert "done" in (tmp_path / "state" / "logs" / "9.2.2.log").read_text()
