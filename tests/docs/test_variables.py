"""docs/variables.md names every variable that a task sees: compared with a local run, and with a built Job."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from parallelproject.core.graph.graph import compile_graph
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.job.task_job import job_manifest
from parallelproject.model.project import parse_spec

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "variables.md"
PROGRAM = Path(sys.executable).parent / "pproj"

MANIFEST = """\
apiVersion: parallelproject.io/v1alpha1
kind: ParallelProject
metadata: {name: seen}
spec:
  defaults: {maxAttempts: 2, backoffSeconds: 0}
  roles: [{name: coder}]
  tasks: [{id: a, role: coder, parameters: [{name: endpoint-url, value: x}]}]
"""


def documented() -> dict[str, tuple[str, str]]:
    """By variable, its cells "On one machine" and "In a cluster"."""
    rows = re.findall(r"^\| `(PPROJ_\S+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", PAGE.read_text(), re.MULTILINE)
    return {name.replace("<NAME>", "ENDPOINT_URL"): (local.strip(), cluster.strip()) for name, local, cluster in rows}


def paths(cell: str) -> list[str]:
    return re.findall(r"`(/[^`]+)`", cell)


def run(folder: Path, command: str) -> None:
    arguments = [PROGRAM, "run", "seen.yaml", "--command", command]
    # The environment is given: readline, which pytest loads, changes the process's own behind Python's back.
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True, env=dict(os.environ))


def seen_locally(folder: Path) -> dict[str, str]:
    """The environment of a second attempt, and with it the variables of the first that it lacks."""
    (folder / "seen.yaml").write_text(MANIFEST)
    command = f'env -0 > "{folder}/env.$PPROJ_ATTEMPT"; [ "$PPROJ_ATTEMPT" = 2 ]'
    run(folder, command)
    first, second = (
        dict(entry.split("=", 1) for entry in (folder / f"env.{number}").read_text().split("\0") if entry)
        for number in (1, 2)
    )
    assert set(second) - set(first) == {"PPROJ_FEEDBACK"}
    return second


def seen_in_a_job() -> dict[str, str]:
    spec = parse_spec({
        "git": {"url": "https://git.example/a/b.git", "credentialsSecretRef": {"name": "x"}},
        "roles": [{"name": "coder", "podTemplate": {"spec": {"containers": [{"name": "agent", "command": ["x"]}]}}}],
        "tasks": [{"id": "a", "role": "coder", "parameters": [{"name": "endpoint-url", "value": "x"}]}],
    })  # fmt: skip
    made = job_manifest(Owner("seen", "agents", "uid-1"), spec, compile_graph(spec), 0, 2, {}, feedback="x")
    container = made["spec"]["template"]["spec"]["containers"][0]
    return {entry["name"]: entry["value"] for entry in container["env"]}


def test_it_names_what_a_task_sees_in_a_local_run(tmp_path: Path):
    env = seen_locally(tmp_path)
    assert {name for name in env if name.startswith("PPROJ_")} == set(documented())
    assert Path(env["PPROJ_WORKSPACE"]) == Path(env["PWD"])
    assert env["PPROJ_TASK_FILE"].startswith(f"{tmp_path}/.pproj/seen/tasks/")
    assert env["PPROJ_OUTPUTS"] == f"{tmp_path}/.pproj/seen/outputs/a"
    assert env["PPROJ_FEEDBACK"].endswith("/logs/a.1.log")
    added = {name for name in env if name not in os.environ and not name.startswith("PPROJ_")} - {"_", "SHLVL"}
    assert all(f"`{name}`" in PAGE.read_text() for name in added), added


def test_it_names_what_a_task_sees_in_a_job():
    env = seen_in_a_job()
    assert {name for name in env if name.startswith("PPROJ_")} == set(documented())
    others = {name for name in env if not name.startswith("PPROJ_")}
    assert others
    assert all(f"`{name}`" in PAGE.read_text() for name in others)
    for name, (_, cluster) in documented().items():
        for path in paths(cluster):
            assert env[name] == path
    assert env["PPROJ_RUN"] == "uid-1"


def test_a_task_file_has_the_keys_of_the_page(tmp_path: Path):
    (tmp_path / "seen.yaml").write_text(MANIFEST)
    command = f'cp "$PPROJ_TASK_FILE" "{tmp_path}/task.json"'
    run(tmp_path, command)
    section = PAGE.read_text().split("## The task file")[1].split("## ")[0]
    named = {key for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
    assert set(json.loads((tmp_path / "task.json").read_text())) == named
