"""``pproj import``: a manifest that reads well, is accepted, and comes out the same when it goes in again."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from parallelproject.cli.input.check import check
from parallelproject.model.project import ParallelProject, parse_spec

from .conftest import MANIFEST, Pproj, real


def imported(pproj: Pproj, *arguments: object) -> dict[str, Any]:
    result = pproj("import", *arguments)
    assert result.code == 0, result.err
    manifest: dict[str, Any] = yaml.safe_load(result.out)
    return manifest


@real
def test_the_import_of_its_own_output_is_the_same(pproj: Pproj, file: Path, tmp_path: Path):
    once = pproj("import", file, "--dangling", "warn")
    assert once.code == 0
    again = tmp_path / "again.yaml"
    again.write_text(once.out)
    assert pproj("import", again).out == once.out
    as_json = pproj("import", file, "--dangling", "warn", "-o", "json").json
    assert as_json == yaml.safe_load(once.out)
    assert pproj("lint", again).code == 0


def test_keys_stand_in_their_order_and_long_texts_are_blocks(pproj: Pproj, tasks_json: Path):
    text = pproj("import", tasks_json).out
    assert text.startswith(
        "apiVersion: parallelproject.io/v1alpha1\nkind: ParallelProject\nmetadata:\n  name: shop\nspec:\n"
    )
    assert (
        "    description: |-\n      Part of 3: Backend\n\n      In src/api/routes.py.\n\n"
        "      All of them.\n      Really." in text
    )
    assert "  - id: '3.2'\n    title: Storage\n" in text
    assert "    dependencies: ['3.1', '2']\n" in text or "    dependencies: ['2', '3.1']\n" in text
    assert "&" not in text
    assert "*" not in text
    assert text.index("roles:") < text.index("tasks:")


def test_the_report_is_on_stderr(pproj: Pproj, tasks_json: Path):
    result = pproj("import", tasks_json)
    assert result.err.splitlines()[0] == "6 tasks found: 5 to run, 1 done"
    assert "warning: tasks only print themselves until you give --image and --command" in result.err


def test_every_role_used_gets_a_pod_that_passes_the_restricted_standard(pproj: Pproj, tasks_json: Path):
    spec = imported(pproj, tasks_json)["spec"]
    assert [role["name"] for role in spec["roles"]] == list(dict.fromkeys(task["role"] for task in spec["tasks"]))
    for role in spec["roles"]:
        pod = role["podTemplate"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 65532
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"]
        assert (container["image"], container["command"]) == ("busybox:1.37", ["cat", "$(PPROJ_TASK_FILE)"])


def test_image_and_command_go_into_every_role(pproj: Pproj, tasks_json: Path):
    result = pproj("import", tasks_json, "--image", "agent:1", "--command", "echo $$ $PPROJ_TASK_ID")
    assert "only print" not in result.err
    for role in yaml.safe_load(result.out)["spec"]["roles"]:
        container = role["podTemplate"]["spec"]["containers"][0]
        assert container["image"] == "agent:1"
        assert container["command"] == ["/bin/sh", "-c", "echo $$$$ $PPROJ_TASK_ID"]  # $$ is $ in a pod


def test_an_image_alone_still_prints_and_the_warning_says_what_is_missing(pproj: Pproj, tasks_json: Path):
    assert "until you give --command" in pproj("import", tasks_json, "--image", "agent:1").err


def test_tasks_without_a_role_get_the_default_one(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "local.yaml"
    file.write_text(MANIFEST.split("  roles:")[0] + "  tasks:\n  - {id: a}\n  - {id: b, role: writer}\n")
    spec = imported(pproj, file)["spec"]
    assert spec["defaults"] == {"role": "developer"}
    assert [role["name"] for role in spec["roles"]] == ["developer", "writer"]
    assert list(spec) == ["suspend", "parallelism", "roles", "defaults", "tasks"]


def test_a_manifest_comes_out_as_it_is_written(pproj: Pproj, manifest: Path):
    assert imported(pproj, manifest) == yaml.safe_load(MANIFEST)


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("spec.parallelism=8", ["parallelism"], 8),
        ("spec.scheduling=Graph", ["scheduling"], "Graph"),
        ("spec.suspend=true", ["suspend"], True),
        ("spec.defaults.maxAttempts=1", ["defaults", "maxAttempts"], 1),
        ("spec.tasks[0].priority=9", ["tasks", 0, "priority"], 9),
        ("spec.tasks[2].title=1:1 = 'x'", ["tasks", 0, "title"], "1:1 = 'x'"),
        ("spec.tasks[3.1].files=[a, b]", ["tasks", 1, "files"], ["a", "b"]),
        ("spec.tasks[0].parameters[0]={name: a, value: b}", ["tasks", 0, "parameters", 0], {"name": "a", "value": "b"}),
    ],
)
def test_fields_can_be_set(pproj: Pproj, tasks_json: Path, setting: str, path: list[Any], value: object):
    found: Any = imported(pproj, tasks_json, "--set", setting)["spec"]
    if setting.startswith("spec.tasks[2]"):
        path = ["tasks", 2, "title"]
    for part in path:
        found = found[part]
    assert found == value


def test_metadata_can_be_set_also_keys_with_dots(pproj: Pproj, tasks_json: Path):
    settings = ["--set", "metadata.namespace=agents", "--set", "metadata.labels[example.com/team]=blue"]
    assert imported(pproj, tasks_json, *settings)["metadata"] == {
        "name": "shop", "namespace": "agents", "labels": {"example.com/team": "blue"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "code", "told"),
    [
        ("spec.paralelism=8", 1, "spec.paralelism: is not a field"),
        ("spec.parallelism=many", 1, 'spec.parallelism: "many"'),
        ("spec.parallelism=0", 1, "spec.parallelism: 0"),
        ("parallelism=8", 2, "--set parallelism: a path starts with spec. or metadata."),
        ("spec.parallelism", 2, "write it as PATH=VALUE"),
        ("spec.tasks[nope].title=x", 2, "--set spec.tasks[nope].title: no item nope"),
        ("spec.tasks[99].title=x", 2, "no item 99 in a list of 5"),
        ("spec.tasks[²].title=x", 2, "no item ² in a list of 5"),
        (f"spec.tasks[{'9' * 5000}].title=x", 2, "no item 999"),
        ("spec.tasks[0].parameters[²].name=x", 1, "spec.tasks[0].parameters: "),
        ("spec.tasks[0.title=x", 2, "not a path from '[0.title'"),
        ("spec.tasks[0].title.x=1", 2, "within a str"),
        ("spec.parallelism={", 2, "is no YAML value"),
        ("spec=1", 2, "a path starts with"),
    ],
)
def test_a_wrong_setting_names_its_path(pproj: Pproj, tasks_json: Path, setting: str, code: int, told: str):
    result = pproj("import", tasks_json, "--set", setting)
    assert (result.code, result.out) == (code, "")
    assert told in result.err


def test_the_name_can_be_given_and_must_be_a_label(pproj: Pproj, tasks_json: Path):
    assert imported(pproj, tasks_json, "--name", "other")["metadata"] == {"name": "other"}
    assert pproj("import", tasks_json, "--name", "Not A Name").code == 1


def test_what_would_not_be_accepted_is_not_printed(pproj: Pproj, manifest: Path):
    manifest.write_text(MANIFEST.replace(', command: [sh, -c, "echo $PPROJ_TASK_ID"]', ""))
    result = pproj("import", manifest)
    assert (result.code, result.out) == (1, "")
    assert "command: is missing" in result.err
    assert pproj("import", manifest, "--command", "true").code == 0


ODD = ["0o7", "0x1f", "1_000", "1e3", "12:30:45", "y", "N", "on", "~", "null", "2024-01-01", "=", "#a", "a: b", " x ",
       "- a", "\ttab", "a\n  b\n", "x\n", "\n", "ü\U0001f600", "%x", "@x", "`x", "'", '"', "{a}", "[a]",
       "!x", "&a", "*a", ".5"]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_any_text_survives_yaml(pproj: Pproj, tmp_path: Path, odd: str):
    file = tmp_path / "odd.json"
    data = yaml.safe_load(MANIFEST)
    data["spec"]["tasks"] = [{"id": "a", "title": odd, "description": odd, "parameters": [{"name": "p", "value": odd}]}]
    file.write_text(json.dumps(data))
    result = pproj("import", file)
    assert result.code == 0, result.err
    (task,) = yaml.safe_load(result.out)["spec"]["tasks"]
    assert task == data["spec"]["tasks"][0]
    if odd in ("0o7", "0x1f", "1_000", "1e3", "y", "N"):
        assert f"title: '{odd}'" in result.out  # some readers of YAML take it for something else


def test_what_is_imported_passes_the_checks_of_the_operator(pproj: Pproj, tasks_json: Path):
    manifest = imported(pproj, tasks_json)
    project = ParallelProject(metadata=manifest["metadata"], spec=parse_spec(manifest["spec"]))
    assert check(project)[1] == []
