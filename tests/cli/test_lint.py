"""``pproj lint``: every error with its place and hint; what lints clean is accepted."""

import json
from pathlib import Path

import pytest

from .conftest import MANIFEST, Pproj


def test_a_good_manifest_is_ok(pproj: Pproj, manifest: Path):
    result = pproj("lint", manifest)
    assert (result.code, result.out, result.err) == (0, f"{manifest}: ok, 3 tasks\n", "")


def test_every_error_of_the_graph_and_the_roles_is_told_with_line_and_mend(pproj: Pproj, manifest: Path):
    text = MANIFEST.replace("dependencies: [schema], estimateSeconds: 600", "dependencies: [shema]")
    text = text.replace(', command: [sh, -c, "echo $PPROJ_TASK_ID"]', "")
    manifest.write_text(text + "  - {id: schema, dependencies: [schema]}\n")
    result = pproj("lint", manifest, "--cluster")
    assert result.code == 1
    lines = result.err.splitlines()
    assert (
        f'error: {manifest}:15: spec.tasks[1].dependencies[0]: "shema" is not a task (did you mean "schema"?)' in lines
    )
    assert any(":17: spec.tasks[3].id:" in line and "already the id" in line for line in lines)
    assert any("spec.roles[0].podTemplate.spec.containers[0].command: is missing" in line for line in lines)
    assert lines[-1].endswith("errors, 0 warnings")


def test_fields_that_are_not_there_are_told_by_line(pproj: Pproj, manifest: Path):
    manifest.write_text(MANIFEST.replace("parallelism: 3", "paralelism: 3\n  executor: Workflow"))
    result = pproj("lint", manifest)
    assert result.code == 1
    assert f"error: {manifest}:6: spec.paralelism: is not a field" in result.err


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("name: checkout", f"name: {'x' * 64}", "metadata.name"),
        ("  tasks:", "  retries: [{id: a, forgive: 1}, {id: a, forgive: 2}]\n  tasks:", "spec.retries[1].id"),
        ("{name: agent,", "{name: agent}\n        - {name: agent,", "containers[1].name"),
        ("id: frontend", "id: front/end", "spec.tasks[2].id"),
        ("estimateSeconds: 60}", "files: [/etc/passwd]}", "spec.tasks[0].files[0]"),
    ],
)
def test_what_the_api_server_or_the_operator_would_refuse_is_an_error(
    pproj: Pproj, manifest: Path, before: str, after: str, told: str
):
    manifest.write_text(MANIFEST.replace(before, after, 1))
    result = pproj("lint", manifest, "--cluster")
    assert result.code == 1
    assert told in result.err


def test_what_a_local_run_would_refuse_in_workspaces_is_an_error(pproj: Pproj, manifest: Path):
    workspace = "  workspace: {cacheKey: [lock], copy: [.env, ../.env], link: [a/../../b]}\n  tasks:"
    manifest.write_text(MANIFEST.replace("  tasks:", workspace, 1))
    result = pproj("lint", manifest)
    assert result.code == 1
    assert "spec.workspace.cacheKey: is set, and setup is not (remove it, or set setup)" in result.err
    assert 'spec.workspace.copy[1]: "../.env" leaves the checkout (name files in it, as in .gitignore)' in result.err
    assert 'spec.workspace.link[0]: "a/../../b" leaves the checkout' in result.err
    assert "3 errors" in result.err


def test_more_tasks_than_an_object_holds_are_an_error_in_a_manifest(pproj: Pproj, manifest: Path):
    manifest.write_text(MANIFEST + "".join(f"  - {{id: t{i}}}\n" for i in range(2000)))
    assert "2,003 are more than a project in a cluster holds" in pproj("lint", manifest, "--cluster").err


def test_json_has_errors_and_warnings_as_data(pproj: Pproj, manifest: Path):
    assert pproj("lint", manifest, "-o", "json").json == {
        "file": str(manifest), "ok": True, "format": "manifest", "tasks": 3, "errors": [], "warnings": [],
    }  # fmt: skip
    manifest.write_text(MANIFEST.replace("[schema]", "[nope]", 1))
    result = pproj("lint", manifest, "-o", "json")
    assert result.code == 1
    assert result.json["ok"] is False
    (error,) = result.json["errors"]
    assert error["reason"] == "UnknownDependency"
    assert error["place"].endswith(":15: spec.tasks[1].dependencies[0]")


def test_a_cycle_in_a_task_file_is_told_by_task(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps({"tasks": [{"id": 1, "title": "a", "dependencies": [2]},
                                          {"id": 2, "title": "b", "dependencies": [1]}]}))  # fmt: skip
    result = pproj("lint", file)
    assert result.code == 1
    assert f"error: {file}: task 1: cycle of 2: 1 → 2 → 1" in result.err


def test_dangling_dependencies_are_errors_or_by_choice_warnings(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps({"tasks": [{"id": 1, "title": "a", "dependencies": [7]}]}))
    assert pproj("lint", file).code == 1
    result = pproj("lint", file, "--dangling", "warn")
    assert result.code == 0
    assert "warning: " in result.err
    assert result.out.endswith("ok, 1 task, 1 warning\n")


def test_paths_with_several_writers_are_warnings_where_the_policy_is_warn(pproj: Pproj, manifest: Path):
    text = MANIFEST.replace("estimateSeconds: 600", "files: [src/a.py]").replace(
        "estimateSeconds: 300", "files: [src/]"
    )
    manifest.write_text(text.replace("parallelism: 3", "parallelism: 3\n  conflicts: {onFileOverlap: Warn}"))
    result = pproj("lint", manifest)
    assert result.code == 0
    assert f"warning: {manifest}:17: spec.tasks[2].files" in result.err


@pytest.mark.parametrize("content", ["", "{", "kind: [", "\x00", "kind: ParallelProject\n", "[1, 2]", "not a format"])
def test_no_content_makes_a_traceback(pproj: Pproj, tmp_path: Path, content: str):
    file = tmp_path / "odd"
    file.write_text(content)
    result = pproj("lint", file)
    assert result.code == 1
    assert result.err.startswith("error: ")


def test_a_file_that_is_not_there_is_an_error(pproj: Pproj, tmp_path: Path):
    result = pproj("lint", tmp_path / "none.json")
    assert result.code == 1
    assert "No such file" in result.err


def test_control_characters_of_a_file_do_not_reach_the_terminal(pproj: Pproj, manifest: Path):
    manifest.write_text(MANIFEST.replace("[schema]", r'["\x1b[31m"]', 1))
    assert "\x1b" not in pproj("lint", manifest).err
