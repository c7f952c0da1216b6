"""Files and standard input: formats told apart, names, encodings, TaskMaster's state."""

import io
import json
import sys
from pathlib import Path

import pytest
import yaml

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Format, Options, load, load_roles, read
from parallelproject.sources.load import BYTES_MAX

HEAD = "apiVersion: parallelproject.io/v1alpha1\nkind: ParallelProject\nmetadata: {name: shop}\n"


def problem(path: object, **more: object) -> str:
    with pytest.raises(ProblemsError) as caught:
        load(path, **more)  # type: ignore[arg-type]
    (found,) = caught.value.problems
    return str(found)


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (HEAD, "manifest"),
        (json.dumps(yaml.safe_load(HEAD)), "manifest"),
        (HEAD + "spec:\n  tasks:\n  - id: a\n    description: |\n      - [ ] one\n      - [ ] two\n", "manifest"),
        ('{"tasks": []}', "taskmaster"),
        ('{"master": {"tasks": []}}', "taskmaster"),
        ('[{"id": 1, "title": "a", "description": "b"}]', "taskmaster"),
        ('[{"id": 1, "description": "b", "subtasks": []}]', "taskmaster"),
        ('{"title": "a"}', "beads"),
        ('{"title": "a"}\n{"title": "b"}', "beads"),
        ('\n{"_type": "memory"}\n', "beads"),
        ('[{"id": "a", "title": "a", "issue_type": "bug"}]', "beads"),
        ('[{"id": "a", "title": "a", "dependencies": [{"depends_on_id": "a"}]}]', None),
        ('[{"id": 1, "description": "[P:Group-A] b"}]', "groups"),
        ('[{"id": 1, "title": "t", "description": "[P] b"}]', "groups"),
        ('[{"id": 1, "description": "b"}]', "groups"),
        ("[]", "groups"),
        ("# Plan\n\n- [ ] a\n", "groups"),
        ("1. [x] a", "groups"),
    ],
)  # fmt: skip
def test_formats_are_told_by_content(text: str, format: str | None):
    for file in ("stdin", "x", "x.txt"):
        assert read(text, file=file).report.format == (format or "beads")


def test_the_ending_decides_where_the_content_does_not(tmp_path: Path):
    md = tmp_path / "plan.md"
    md.write_text("[a link first](x)\n\n- [ ] a\n")
    assert load(md).report.format is Format.GROUPS
    lines = tmp_path / "issues.jsonl"
    lines.write_text('{"title": "a", "tasks": []}')
    assert load(lines).report.format is Format.BEADS


def test_a_format_can_be_forced_and_must_be_known(tmp_path: Path):
    file = tmp_path / "x.json"
    file.write_text('[{"id": 1, "title": "a"}, {"id": 2, "title": "b"}]')
    assert load(file, format="groups").project.spec.tasks[1].dependencies == ["1"]
    assert load(file, format=Format.TASKMASTER).project.spec.tasks[1].dependencies == []
    assert load(file, format="beads").report.format is Format.BEADS
    assert problem(file, format="manifest").startswith(f"{file}: contains no ParallelProject")
    assert "one of manifest, taskmaster, beads, groups" in problem(file, format="yaml")


def test_the_report_has_lines_for_people():
    data = {
        "master": {"tasks": [{"id": "a/b", "title": "The API in src/a.py", "subtasks": [{"id": 1, "title": "x"}]}]},
        "old": {"tasks": []},
    }
    assert read(json.dumps(data)).report.lines() == [
        "1 task found: 1 to run",
        "1 parent task, run through its subtasks",
        "tag master; not read: old",
        "roles chosen by words: developer 1",
        "ids changed because they cannot be label values: 1",
    ]
    data["master"]["tasks"][0].pop("subtasks")
    assert read(json.dumps(data)).report.lines()[2:4] == [
        "roles chosen by words: backend-architect 1",
        "files found in the text of 1 task",
    ]


@pytest.mark.parametrize("format", ["taskmaster", "beads", "groups"])
def test_more_entries_than_can_be_handled_are_refused(monkeypatch: pytest.MonkeyPatch, format: str):
    monkeypatch.setattr("parallelproject.sources.selection.fields.ITEMS_MAX", 2)
    entries = [{"id": n, "title": "a"} for n in range(3)]
    for text in (json.dumps(entries), *(["- [ ] a\n" * 3] if format == "groups" else [])):
        with pytest.raises(ProblemsError, match="holds 3 tasks; at most 2 are read"):
            read(text, format=format)
    assert read(json.dumps(entries[:2]), format=format).report.found == 2


@pytest.mark.parametrize("text", ["", " \n\t", "\ufeff", "hello", "a: b", "5", '"x"', "null", "{}", '{"a": 1}'])
def test_what_is_none_of_the_formats_is_told(tmp_path: Path, text: str):
    for name in ("x", "x.json", "x.md", "x.yaml", "x.jsonl"):
        file = tmp_path / name
        file.write_text(text)
        assert problem(file).startswith(str(file))


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch):
    data = io.BytesIO(b'{"tasks": [{"id": 1, "title": "a", "dependencies": [2]}]}')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    hint = "remove it, add the task, or drop it with --dangling warn"
    assert problem("-") == f'stdin: tasks[0].dependencies[0]: "2" is not a task ({hint})'


def test_what_cannot_be_read_is_told(tmp_path: Path):
    assert "No such file" in problem(tmp_path / "none")
    assert "Is a directory" in problem(tmp_path)
    assert "not the name of a file" in problem("a\0b")
    problem(tmp_path / "a\udcff\nb").encode()
    with pytest.raises(ProblemsError):
        load_roles(tmp_path / "none")


def test_files_must_be_utf8_and_may_have_a_byte_order_mark(tmp_path: Path):
    file = tmp_path / "tasks.json"
    file.write_bytes(b"\xef\xbb\xbf" + '{"tasks": [{"id": 1, "title": "ü"}]}'.encode())
    assert load(file).project.spec.tasks[0].title == "ü"
    file.write_bytes(b'{"tasks":\n"\xff"}')
    assert problem(file) == f"{file}:2: is not UTF-8 (byte 0xff at 11) (save it as UTF-8)"
    file.write_bytes('{"tasks": []}'.encode("utf-16"))
    assert "is not UTF-8" in problem(file)


def test_files_beyond_the_bound_are_refused(tmp_path: Path):
    file = tmp_path / "x.json"
    with file.open("wb") as handle:
        handle.truncate(BYTES_MAX + 1)
    assert "is larger than 32 MiB" in problem(file)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("My Shop/.taskmaster/tasks/tasks.json", "my-shop"),
        ("shop/tasks/tasks.json", "shop"),
        ("shop/.beads/issues.jsonl", "shop"),
        ("shop/Release_Plan.md", "release-plan"),
    ],
)
def test_a_project_is_named_after_its_file_or_folder(tmp_path: Path, place: str, name: str):
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    file.write_text("- [ ] a" if file.suffix == ".md" else '{"title": "a", "tasks": []}')
    assert load(file).project.name == name
    assert load(file, options=Options(name="mine")).project.name == "mine"
    assert "is not a valid name" in problem(file, options=Options(name="Not mine"))


@pytest.mark.parametrize("place", [".taskmaster/tasks/tasks.json", "tasks/tasks.json", "tasks.json"])
def test_the_current_tag_is_read_from_taskmasters_state(tmp_path: Path, place: str):
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"master": {"tasks": []}, "x": {"tasks": [{"id": 1, "title": "a"}]}}))
    state = tmp_path / ".taskmaster" / "state.json"
    state.parent.mkdir(exist_ok=True)
    state.write_text('{"currentTag": "x"}')
    assert load(file).report.tag == "x"
    state.write_text('{"currentTag": ""}')
    assert not load(file).report.warnings
    for broken in ("", "[]", '{"currentTag": 5}', "[" * 10_000, "\xff"):
        state.write_text(broken)
        assert load(file).report.tag == "master"
