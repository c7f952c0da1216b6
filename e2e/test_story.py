"""From a backlog to a result on a cluster, with the commands that the README gives, in a shell."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.controller.operator_process import OperatorProcess

ROOT = Path(__file__).parents[1]
BACKLOG = ROOT / "manifests" / "examples" / "demo" / "tasks.json"
WAIT = "--for=condition=Succeeded --timeout=90s"
NEEDS_ARGO = {"workflow"}
"""Examples that no operator accepts in a cluster without Argo; tests/argo runs them."""
EXAMPLES = [path for path in sorted((ROOT / "manifests" / "examples").glob("*.yaml")) if path.stem not in NEEDS_ARGO]


def sh(command: str, env: dict[str, str]) -> str:
    run = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
    return run.stdout


def jobs_by_task(env: dict[str, str]) -> dict[str, dict[str, Any]]:
    jobs = json.loads(sh("kubectl get jobs -o json", env))["items"]
    return {job["metadata"]["labels"]["parallelproject.io/task"]: job for job in jobs}


@pytest.mark.parametrize("scheduling", ["Levels", "Graph"])
def test_backlog_is_imported_applied_and_run_in_order(
    operator: OperatorProcess, shell: dict[str, str], scheduling: str
):
    plan = json.loads(sh(f"pproj plan {BACKLOG} -o json", shell))
    sh(
        f"pproj import {BACKLOG} --name shop --set spec.scheduling={scheduling} | kubectl apply --server-side -f -",
        shell,
    )
    sh(f"kubectl wait {WAIT} pproj/shop", shell)

    jobs = jobs_by_task(shell)
    assert sorted(jobs) == sorted(task for level in plan["levels"] for task in level)
    created = {task: job["metadata"]["creationTimestamp"] for task, job in jobs.items()}
    rows = {row["id"]: row for row in json.loads(sh("kubectl get pproj shop -o json", shell))["status"]["tasks"]}
    spec = json.loads(sh("kubectl get pproj shop -o json", shell))["spec"]
    for task in spec["tasks"]:
        for parent in task.get("dependencies", []):
            assert created[task["id"]] >= rows[parent]["completionTime"], f"{task['id']} started before {parent} ended"
    if scheduling == "Levels":
        for above, below in zip(plan["levels"], plan["levels"][1:], strict=False):
            assert min(created[task] for task in below) >= max(rows[task]["completionTime"] for task in above)

    columns = sh("kubectl get pproj shop --no-headers", shell).split()
    assert columns[:7] == ["shop", "True", "AllSucceeded", "L6", "21/21", "0", "0"]
    assert "succeeded" in sh("pproj why shop 9.2", shell)
    assert "shop" in sh("kubectl pproj list", shell)
    sh("pproj wait shop --timeout 5", shell)
    sh("pproj delete shop --wait", shell)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_accepted_and_ends(operator: OperatorProcess, shell: dict[str, str], path: Path):
    sh(f"kubectl apply --server-side -f {path}", shell)
    sh(f"kubectl wait --for=condition=Accepted --timeout=90s pproj/{path.stem}", shell)
    sh(f"kubectl wait --for=condition=Completed --timeout=60s pproj/{path.stem}", shell)
