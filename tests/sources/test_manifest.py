"""Manifests: YAML and JSON, several documents, errors with line and path, YAML's traps."""

import json
from typing import Any

import pytest
import yaml

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Format, Imported, Options, read
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.yaml_text import NODES_MAX, parse

HEAD = "apiVersion: parallelproject.io/v1alpha1\nkind: ParallelProject\nmetadata: {name: shop}\n"


def load(text: str, **options: Any) -> Imported:
    return read(text, file="shop.yaml", options=Options(**options))


def problems(text: str, file: str = "shop.yaml") -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read(text, file=file)
    return [str(problem) for problem in caught.value.problems]


def test_the_whole_spec_is_taken_as_it_is():
    imported = load(
        HEAD
        + """
spec:
  parallelism: 7
  roles: [{name: coder, podTemplate: {spec: {containers: [{name: a, image: b}]}}}]
  defaults:
  tasks:
  - {id: a, title: The API, files: ["src/**"]}
  - {id: b, dependencies: [a], description: "in src/x.ts"}
"""
    )
    spec = imported.project.spec
    assert (imported.project.name, spec.parallelism, spec.roles[0].name) == ("shop", 7, "coder")
    assert [(task.id, task.role, task.files) for task in spec.tasks] == [("a", None, ["src/**"]), ("b", None, [])]
    assert (imported.report.format, imported.report.found, imported.report.taken) == (Format.MANIFEST, 2, 2)
    assert imported.report.lines() == ["2 tasks found: 2 to run"]


def test_json_and_yaml_give_the_same_and_the_manifest_reads_back():
    first = load(HEAD + "spec: {tasks: [{id: a, priority: 3}, {id: b, dependencies: [a]}], parallelism: 2}")
    manifest = first.project.manifest()
    assert read(json.dumps(manifest), file="x.json").project == first.project
    assert load(yaml.safe_dump(manifest)).project == first.project


def test_of_several_documents_the_one_project_is_read():
    imported = load("---\nkind: Secret\n---\n" + HEAD + "---\n---\nkind: Namespace\n")
    assert imported.project.name == "shop"
    assert str(imported.report.warnings[0]).startswith("shop.yaml: 2 other objects")


def test_none_or_two_projects_are_errors():
    assert problems("kind: Secret") == [
        "shop.yaml: contains no ParallelProject "
        "(write apiVersion: parallelproject.io/v1alpha1 and kind: ParallelProject)"
    ]
    assert problems(HEAD + "---\n" + HEAD) == [
        "shop.yaml:4: holds 2 ParallelProjects, on lines 1, 4 (give each its own file)"
    ]


def test_a_project_from_a_cluster_loses_its_status():
    imported = load(HEAD + "spec: {tasks: []}\nstatus: {anything: [goes]}")
    assert set(imported.project.manifest()) == {"apiVersion", "kind", "metadata", "spec"}


def test_a_name_may_be_given_and_one_is_found_when_there_is_none():
    assert load(HEAD, name="other").project.name == "other"
    unnamed = load(HEAD.replace("metadata: {name: shop}", "metadata: {labels: {a: b}}"))
    assert unnamed.project.metadata == {"labels": {"a": "b"}, "name": "project"}
    assert "has no name" in str(unnamed.report.warnings[0])


def test_everything_wrong_is_told_with_line_and_path():
    text = """\
apiVersion: parallelproject.io/v2
kind: ParallelProject
metadata:
  name: Shop!
sepc: {}
spec:
  parallelism: 0
  tasks:
  - id: a
    maxAtempts: 3
  - id: 1.10
    dependencies: [2024-01-01, 007, yes]
"""
    lines = problems(text)
    assert lines[0] == 'shop.yaml:5: sepc: is not a field (did you mean "spec"?)'
    assert lines[1].startswith('shop.yaml:1: apiVersion: "parallelproject.io/v2" is not known (write parallel')
    assert lines[2].startswith('shop.yaml:4: metadata.name: "Shop!" is not a name')
    assert lines[3].startswith("shop.yaml:7: spec.parallelism: 0:")
    assert lines[4] == 'shop.yaml:10: spec.tasks[0].maxAtempts: is not a field (did you mean "maxAttempts"?)'
    assert lines[5].startswith("shop.yaml:11: spec.tasks[1].id: 1.1: ")
    assert lines[5].endswith('(write it in quotes: "1.10")')
    assert lines[6].startswith("shop.yaml:12: spec.tasks[1].dependencies[1]: 7: ")
    assert lines[6].endswith('(write it in quotes: "007")')
    assert lines[7].endswith('(write it in quotes: "yes")')
    assert lines[8].startswith('shop.yaml:12: spec.tasks[1].dependencies[0]: "2024-01-01" is not a task')
    assert len(lines) == 9


def test_a_date_is_text():
    assert load(HEAD + "spec: {tasks: [{id: 2024-01-01}]}").project.spec.tasks[0].id == "2024-01-01"


def test_aliases_and_merges_are_filled_in():
    spec = load(
        HEAD
        + """
spec:
  tasks:
  - &one {id: a, title: T, files: &f [src/a]}
  - {<<: *one, id: b}
  - <<: [{title: first}, *one]
    id: c
    files: *f
"""
    ).project.spec
    assert [(task.id, task.title, task.files) for task in spec.tasks] == [
        ("a", "T", ["src/a"]),
        ("b", "T", ["src/a"]),
        ("c", "first", ["src/a"]),
    ]


def test_a_bomb_of_aliases_is_refused_before_it_is_built():
    text = HEAD + "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for n in range(30):
        text += f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n"
    (line,) = problems(text)
    assert f"more than {NODES_MAX:,} values" in line


def test_a_key_given_twice_is_an_error_that_hides_no_other():
    lines = problems(HEAD + "spec:\n  parallelism: 2\n  parallelism: {a: [3]}\n  tasks: [{id: a, dependencies: [a]}]\n")
    assert lines == [
        'shop.yaml:6: "parallelism" is there twice (remove one of them)',
        'shop.yaml:7: spec.tasks[0].dependencies: "a" depends on itself (remove that dependency)',
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [*a]", "the alias *a is used before its anchor is defined"),
        ("a: *b", "the alias *b is used before its anchor is defined"),
        ("a: &a 1\nb: &a [*a]", "the alias *a is used before its anchor is defined"),
        ("? [a]\n: b", "a key must be plain text"),
        ("a: !!python/object:os.system x", "is not allowed"),
        ("a: !!binary x", "is not allowed"),
        ("a: !!set {x: }", "is not allowed"),
        ("a: .nan", "is not a usable number"),
        ("a: -.inf", "is not a usable number"),
        ("a: 1e999", None),
        ("a: 1.0e+999", "is not a usable number"),
        ("a: " + "9" * 5000, "is not a usable number"),
        ("<<: 5", "merges mappings only"),
        ("<<: [{a: 1}, 5]", "merges mappings only"),
        ("a: [", "not YAML"),
        ("a: b: c", "not YAML"),
        ("\tx: 1", "not YAML"),
        ("a: \x00", "does not allow"),
        ("a: \ud800", "does not allow"),
        ("[" * 5000 + "]" * 5000, "nested deeper"),
        ("- " * 100_000, "nested deeper"),
        ("a: !!int x", "is not a usable number"),
        ("a: !!bool x", "is not a usable number"),
    ],
)
def test_traps_of_yaml(text: str, said: str | None):
    if said is None:
        assert parse(text, Findings("x.yaml"))[0].data == {"a": "1e999"}
        return
    with pytest.raises(ProblemsError) as caught:
        parse(text, Findings("x.yaml"))
    (problem,) = caught.value.problems
    assert said in problem.found
    assert problem.place.startswith("x.yaml:")


def test_syntax_errors_name_line_and_column():
    assert problems(HEAD + "spec: {tasks: [}")[0].startswith("shop.yaml:4:16: not YAML: ")
    assert problems('{"kind": "ParallelProject",\n "spec": {,}}', "x.json") == [
        "x.json:2:11: not JSON: expecting property name enclosed in double quotes"
    ]


def test_yaml_may_be_written_in_braces():
    text = "{apiVersion: parallelproject.io/v1alpha1, kind: ParallelProject, metadata: {name: shop}}"
    assert load(text).project.name == "shop"


def test_a_character_that_yaml_forbids_is_told_with_its_line():
    assert problems(HEAD + "# \x07") == ["shop.yaml:4: not YAML: a character that YAML does not allow (remove it)"]


def test_half_a_character_in_a_manifest_is_an_error():
    manifest = {**yaml.safe_load(HEAD), "spec": {"tasks": [{"id": "a", "title": "\ud800"}]}}
    assert "lone surrogate" in problems(json.dumps(manifest), "x.json")[0]


@pytest.mark.parametrize("data", [{"metadata": []}, {"spec": []}, {"spec": {"tasks": {}}}, {"spec": {"tasks": [1]}}])
def test_parts_of_the_wrong_type_are_told(data: dict[str, Any]):
    assert problems(json.dumps({**yaml.safe_load(HEAD), **data}), "x.json")
