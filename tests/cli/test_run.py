"""``pproj run``: wired to the engine on this machine."""

import json
from pathlib import Path

import pytest

from tests.local.checkout import Checkout

from .conftest import MANIFEST, Pproj


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_task_file_runs_with_a_command_and_ends_with_0(pproj: Pproj, tasks_json: Path, tmp_path: Path):
    state = tmp_path / "state"
    command = f"echo $PPROJ_TASK_ID >> {tmp_path}/done"
    result = pproj("run", tasks_json, "--command", command, "--parallelism", "2", "--state-dir", state)
    assert result.code == 0, result.err
    assert sorted((tmp_path / "done").read_text().split()) == ["2", "3.1", "3.2", "4", "5"]
    assert result.err.splitlines()[0] == "6 tasks found: 5 to run, 1 done"
    assert state.is_dir()


def test_a_manifest_runs_as_it_is_and_a_failure_ends_with_1(pproj: Pproj, manifest: Path):
    assert pproj("run", manifest).code == 0
    manifest.write_text(MANIFEST.replace("echo $PPROJ_TASK_ID", "exit 3"))
    result = pproj("run", manifest, "--fresh", "--set", "spec.defaults.backoffSeconds=0")
    assert result.code == 1


def test_without_a_command_a_task_file_cannot_run(pproj: Pproj, tasks_json: Path):
    result = pproj("run", tasks_json)
    assert result.code == 1
    assert "--command" in result.err


def test_the_name_and_so_the_state_follow_the_tag(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "shop.json"
    tags = {tag: {"tasks": [{"id": 1, "title": tag}]} for tag in ("master", "next")}
    file.write_text(json.dumps(tags))
    assert pproj("run", file, "--command", "true").code == 0
    assert pproj("run", file, "--command", "true", "--tag", "next").code == 0
    assert {folder.name for folder in (tmp_path / ".pproj").iterdir()} >= {"shop", "shop-next"}


def test_errors_of_the_graph_are_told_with_their_places(pproj: Pproj, manifest: Path):
    manifest.write_text(MANIFEST.replace("[schema]", "[shema]", 1))
    result = pproj("run", manifest)
    assert result.code == 1
    assert f"{manifest}:15: spec.tasks[1].dependencies[0]" in result.err


@pytest.mark.parametrize("command", ["", "  "])
def test_an_empty_command_runs_nothing(pproj: Pproj, tasks_json: Path, tmp_path: Path, command: str):
    result = pproj("run", tasks_json, "--command", command)
    assert result.code == 2
    assert result.err.startswith("error: --command is empty")
    assert not (tmp_path / ".pproj").exists()


def test_what_is_missing_is_told_once_however_many_roles_there_are(pproj: Pproj, tasks_json: Path):
    errors = [line for line in pproj("run", tasks_json).err.splitlines() if line.startswith("error: ")]
    hint = "(give --command 'CMD', or a manifest whose roles have a podTemplate)"
    assert errors == [f"error: {tasks_json}: no command is set to run its tasks {hint}"]


def test_the_state_of_another_file_is_not_taken_for_its_own(pproj: Pproj, tmp_path: Path):
    one, two = tmp_path / "a" / "backlog.json", tmp_path / "b" / "backlog.json"
    for file in (one, two):
        file.parent.mkdir()
        file.write_text(json.dumps({"tasks": [{"id": 1, "title": str(file)}]}))
    assert pproj("run", one, "--command", "true").code == 0
    refused = pproj("run", two, "--command", "true")
    assert refused.code == 1
    assert str(one) in refused.err
    assert "--name" in refused.err
    assert pproj("run", two, "--command", "true", "--name", "two").code == 0
    assert pproj("run", one, "--command", "true").code == 0
    moved = one.rename(tmp_path / "backlog.json")
    assert pproj("run", moved, "--command", "true").code == 0, "a file that was moved takes its state along"


def test_a_repository_of_this_machine_is_for_a_run_on_it_and_not_for_a_cluster(
    pproj: Pproj, manifest: Path, tmp_path: Path
):
    checkout = Checkout(tmp_path)
    text = MANIFEST.replace("spec:\n", f"spec:\n  git: {{url: {checkout.path}}}\n  conflicts: {{maxReruns: 1}}\n", 1)
    manifest.write_text(text)
    assert pproj("lint", manifest).code == 0
    refused = pproj("lint", manifest, "--cluster")
    assert refused.code == 1
    assert "spec.git.url: is neither https://host/path" in refused.err + refused.out
    assert pproj("plan", manifest).code == 0
    result = pproj("run", manifest)
    assert result.code == 0, result.err
    assert (tmp_path / ".pproj").is_dir()


def test_the_option_for_a_repository_lands_there(pproj: Pproj, tasks_json: Path, tmp_path: Path):
    checkout = Checkout(tmp_path)
    result = pproj("run", tasks_json, "--repo", checkout.path, "--command", "touch $PPROJ_TASK_ID", "--name", "demo")
    assert result.code == 0, result.err
    assert sorted(checkout.tasks()) == ["2", "3.1", "3.2", "4", "5"]
    assert "Landed: 5 commits on parallel/demo" in result.out


def test_where_each_task_has_a_branch_all_land_beside_them(pproj: Pproj, tmp_path: Path):
    checkout = Checkout(tmp_path)
    tasks = [{"id": "a"}, {"id": "b", "dependencies": ["a"]}]
    git = {"url": str(checkout.path), "strategy": "BranchPerTask"}
    manifest = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "demo"}}
    file = tmp_path / "demo.yaml"
    file.write_text(json.dumps(manifest | {"spec": {"git": git, "tasks": tasks}}))
    result = pproj("run", file, "--command", "echo 1 > $PPROJ_TASK_ID.txt")
    assert result.code == 0, result.err
    assert "Landed: 2 commits on parallel/demo/_all" in result.out


def test_a_push_without_a_repository_is_refused(pproj: Pproj, manifest: Path):
    result = pproj("run", manifest, "--push")
    assert (result.code, "--push: there is no repository" in result.err) == (2, True)
