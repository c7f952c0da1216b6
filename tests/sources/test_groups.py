"""Lists with [P:Group-X] markers, as JSON and as Markdown: the chain, the markers, the boxes."""

import json
from typing import Any

import pytest

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Format, Imported, Options, read
from parallelproject.sources.text.bounds import DEPENDENCIES_MAX


def listed(*descriptions: str, **options: Any) -> Imported:
    data = [{"id": f"t{n}", "description": text} for n, text in enumerate(descriptions, start=1)]
    return read(json.dumps(data), file="list.json", options=Options(**options))


def markdown(text: str, **options: Any) -> Imported:
    return read(text, file="list.md", options=Options(**options))


def needs(imported: Imported) -> dict[str, list[str]]:
    return {task.id: task.dependencies for task in imported.project.spec.tasks}


def problems(text: str, file: str = "list.json") -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read(text, file=file, format="groups")
    return [str(problem) for problem in caught.value.problems]


def test_a_run_of_one_group_runs_together_and_all_else_is_a_chain():
    imported = listed("[P:Group-A] a", "[P:Group-A] b", "c", "d", "[P:Group-B] e", "[P:Group-B] f", "[P:Group-C] g")
    assert needs(imported) == {
        "t1": [],
        "t2": [],
        "t3": ["t1", "t2"],
        "t4": ["t3"],
        "t5": ["t4"],
        "t6": ["t4"],
        "t7": ["t5", "t6"],
    }
    groups = [task.group for task in imported.project.spec.tasks]
    assert groups == ["A", "A", "_sequential", "_sequential", "B", "B", "C"]
    assert imported.report.format is Format.GROUPS


def test_a_group_that_comes_again_waits_for_what_is_between():
    assert needs(listed("[P:Group-A] a", "b", "[P:Group-A] c")) == {"t1": [], "t2": ["t1"], "t3": ["t2"]}


@pytest.mark.parametrize(
    ("marker", "group"),
    [
        ("[P:Group-infra-1]", "infra-1"),
        ("[P:group-x]", "x"),
        ("[P: B]", "B"),
        ("[P:X]", "X"),
        ("[P]", "P"),
        ("[P:]", "P"),
        ("[P:_sequential]", "_sequential"),
        ("[Q:X]", "_sequential"),
        ("[p]", "_sequential"),
    ],
)
def test_markers(marker: str, group: str):
    imported = listed(f"{marker} do it", f"{marker} do that")
    task = imported.project.spec.tasks[0]
    assert task.group == group
    assert needs(imported)["t2"] == (["t1"] if group == "_sequential" else [])
    if marker.startswith("[P"):
        assert (task.title, task.description) == ("do it", "do it")
    assert not imported.report.warnings


def test_a_marker_elsewhere_counts_with_a_warning():
    imported = listed("do [P:Group-A] it", "[P:Group-A] b")
    assert needs(imported) == {"t1": [], "t2": []}
    assert imported.project.spec.tasks[0].title == "do it"
    assert [w.place for w in imported.report.warnings] == ["list.json: [0].description"]


def test_of_several_markers_the_first_counts_with_a_warning():
    imported = listed("[P:Group-A] x [P:Group-B]")
    assert imported.project.spec.tasks[0].group == "A"
    assert len(imported.report.warnings) == 1


def test_dependencies_in_the_data_are_added_to_the_chain():
    data = [
        {"id": 1, "description": "[P:Group-A] a"},
        {"id": 2, "description": "[P:Group-A] b", "dependencies": [1]},
        {"id": 3, "description": "c", "dependencies": ["1"]},
    ]
    assert needs(read(json.dumps(data))) == {"1": [], "2": ["1"], "3": ["1", "2"]}


def test_what_is_done_is_passed_over_but_still_parts_the_runs():
    data = [
        {"id": "a", "description": "[P:Group-A] a"},
        {"id": "b", "description": "b", "status": "done"},
        {"id": "c", "description": "[P:Group-A] c"},
    ]
    assert needs(read(json.dumps(data))) == {"a": [], "c": ["a"]}
    assert needs(read(json.dumps(data), options=Options(include_done=True))) == {"a": [], "b": ["a"], "c": ["b"]}


def test_what_is_deferred_takes_only_what_names_it():
    data = [
        {"id": "a", "description": "a", "status": "deferred"},
        {"id": "b", "description": "b"},
        {"id": "c", "description": "c", "dependencies": ["a"]},
        {"id": "d", "description": "d"},
    ]
    imported = read(json.dumps(data))
    assert needs(imported) == {"b": [], "d": ["b"]}
    assert [row.id for row in imported.report.left_out] == ["a", "c"]


def test_further_fields_of_the_list():
    data = [
        {
            "id": "a",
            "title": "Build",
            "description": "[P:Group-A] with src/x.ts",
            "priority": 7,
            "files": ["lib/**"],
            "subagent_type": "go-expert",
        },
        {"id": "b", "title": "[P:Group-A] The React part", "description": "in src/b.tsx", "priority": "high"},
    ]
    a, b = read(json.dumps(data)).project.spec.tasks
    assert (a.title, a.description, a.priority, a.files, a.role) == (
        "Build", "with src/x.ts", 7, ["lib/**"], "go-expert"
    )  # fmt: skip
    assert (b.title, b.group, b.priority, b.files, b.role) == (
        "The React part", "A", 75, ["src/b.tsx"], "frontend-developer"
    )  # fmt: skip


def test_wrong_lists_are_told():
    assert problems('[1, {"id": true, "title": "a"}, {"id": null}, {"id": "x"}, {"id": "x"}]') == [
        'list.json: [0]: "1" is not a task (write an object with id and description)',
        'list.json: [1].id: "True" is not an id (give it a number or a text)',
        "list.json: [2].id: has no id (give it a number or a text)",
        'list.json: [4]: "x" is already the id at [3] (give each its own)',
    ]


def test_a_large_group_before_a_task_is_refused_with_the_mend():
    most = DEPENDENCIES_MAX
    assert len(needs(listed(*["[P:Group-A] a"] * most, "b"))[f"t{most + 1}"]) == most
    with pytest.raises(ProblemsError, match="put a task between"):
        listed(*["[P:Group-A] a"] * (most + 1), "b")


def test_groups_that_make_too_many_dependencies_are_refused_with_the_mend():
    groups = [f"[P:Group-{name}] x" for name in "ABC" for _ in range(800)]
    assert len(listed(*groups[:1600]).project.spec.tasks) == 1600
    with pytest.raises(ProblemsError, match=r"more than 1,000,000 dependencies \(put a task between"):
        listed(*groups)


MARKDOWN = """\
# Tasks

- [x] 1.0 Set up
  - [ ] 1.1 Counted as done with its parent
- [ ] 2.0 Build
  - [ ] 2.1 [P:Group-A] The `login` form [Files: src/login.tsx, `src/login.test.tsx`]
    More about it, in lib/form.ts.
  - [>] 2.2 [P:Group-A] The API (depends on 2.1)
  - [!] 2.3 Failed before
```
- [ ] 9.9 only an example
```
- [ ] 3.0 Ship
"""


def test_markdown_boxes_nest_and_their_ids_are_read():
    imported = markdown(MARKDOWN)
    assert needs(imported) == {"2.1": [], "2.2": ["2.1"], "2.3": ["2.1", "2.2"], "3.0": ["2.3"]}
    assert imported.report.lines()[:2] == [
        "5 tasks found: 4 to run, 1 done",
        "2 parent tasks, run through their subtasks",
    ]
    first = imported.project.spec.tasks[0]
    assert first.title == "The `login` form"
    assert first.files == ["src/login.tsx", "src/login.test.tsx"]
    assert "More about it" in first.description
    assert first.description.startswith("Part of 2.0: Build\n")
    assert needs(markdown(MARKDOWN, include_done=True))["2.1"] == ["1.1"]


def test_indented_lines_belong_to_the_entry_that_they_are_within():
    imported = markdown(
        """\
- [ ] one

  of one
  - [ ] two
    of two
- [ ] three
  * of three

of none
  of none either
- [ ] four
""",
        infer_roles=False,
    )
    assert [(task.id, task.description) for task in imported.project.spec.tasks] == [
        ("one.two", "Part of one.\n\ntwo\n\nof two\n\n## About one\n\nof one"),
        ("three", "three\n\n* of three"),
        ("four", "four"),
    ]


def test_markdown_parents_can_be_the_tasks():
    imported = markdown(MARKDOWN, subtasks="parents")
    assert needs(imported) == {"2.0": [], "3.0": ["2.0"]}
    assert "- [ ] 2.2: The API" in imported.project.spec.tasks[0].description


def test_entries_of_any_list_are_read():
    imported = markdown("* [X] one\n+ [ ] 2 columns\n1. [ ] three\n2) [ ] four\n- no box\n- [] none\n- [ ]\n")
    assert needs(imported) == {"2-columns": [], "three": ["2-columns"], "four": ["three"]}
    assert [task.title for task in imported.project.spec.tasks] == ["2 columns", "three", "four"]


def test_an_entry_without_an_id_among_others_is_no_task_and_is_reported():
    imported = markdown("- [ ] T001 a\n- [ ] T002 [P] b\n- [ ] and c\n- [ ] **T004**: d\n- [ ] T5: e")
    assert list(needs(imported)) == ["T001", "T002", "T004", "T5"]
    assert [task.title for task in imported.project.spec.tasks] == ["a", "b", "d", "e"]
    assert [w.place for w in imported.report.warnings] == ["list.md:3"]
    assert imported.report.ignored == ((3, "without an id"),)


def test_a_dependency_on_an_unknown_id_in_markdown_is_told_and_prose_is_not_one():
    assert problems("- [ ] T01 a\n- [ ] T02 b (depends on T01, T09)", "x.md") == [
        'x.md:2: "T09" is not a task (did you mean "T02"?)'
    ]
    assert needs(markdown("- [ ] T01 a\n- [ ] T02 b (depends on the weather)")) == {"T01": [], "T02": ["T01"]}


def test_an_unknown_box_runs_with_a_warning():
    imported = markdown("- [?] a")
    assert needs(imported) == {"a": []}
    assert '"?"' in str(imported.report.warnings[0])


def test_duplicate_ids_in_markdown_are_errors_with_their_lines():
    assert problems("- [ ] T01 a\n\n- [ ] T01 b", "x.md") == [
        'x.md:3: "T01" is already the id at line 1 (give each its own)'
    ]


def test_windows_line_ends_and_odd_characters_keep_the_line_numbers():
    imported = markdown("- [ ] a\x0b\u2028b\r\n- [?] c\r\n")
    assert [task.title for task in imported.project.spec.tasks] == ["a b", "c"]
    assert imported.report.warnings[0].place == "list.md:2"


def test_a_text_without_boxes_is_told():
    assert problems("# nothing here", "x.md") == [
        "x.md: contains no tasks: no list with check boxes, and no numbered task headings "
        "(write - [ ] [P:Group-A] what to do, or ### Task 1: Title)"
    ]


def test_lines_that_were_meant_as_tasks_are_told():
    text = "- [ ] a\n-[ ] b\n[ ] c\n- [x]d\n[x](link) and [x]: link\n```\n-[ ] code\n```\n"
    imported = markdown(text)
    assert [task.title for task in imported.project.spec.tasks] == ["a"]
    assert [problem.place for problem in imported.report.warnings] == ["list.md:2", "list.md:3", "list.md:4"]
    hint = "(write - [ ] with a blank on each side of the box)"
    assert (
        str(imported.report.warnings[0]) == f'list.md:2: "-[ ] b" is not an entry of a list, so it is not a task {hint}'
    )


def test_a_marker_without_an_end_is_told():
    imported = markdown("- [ ] [P:Group-A one\n- [ ] [P:Group-A] two\n")
    assert [task.group for task in imported.project.spec.tasks] == ["_sequential", "A"]
    assert "has no end, so it is ignored (close it with ])" in str(imported.report.warnings[0])
