"""TaskMaster's tasks.json: shapes, tags, subtasks, states, and what each task waits for."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from parallelproject.model.problem import ProblemsError
from parallelproject.model.spec import Spec, Task
from parallelproject.sources import Imported, LeftOut, Options, read
from parallelproject.sources.text.bounds import DEPENDENCIES_MAX, TASKS_MAX


def task(id: int | str, *needs: int | str, **more: Any) -> dict[str, Any]:
    return {"id": id, "title": f"T{id}", "description": "", "status": "pending", "dependencies": [*needs], **more}


def load(data: Any, current: str | None = None, **options: Any) -> Imported:
    return read(json.dumps(data), file="tasks.json", options=Options(**options), current_tag=current)


def needs(imported: Imported) -> dict[str, list[str]]:
    return {task.id: task.dependencies for task in imported.project.spec.tasks}


def problems(data: Any, **options: Any) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(data, **options)
    return [str(problem) for problem in caught.value.problems]


def test_numbers_become_text_and_references_follow():
    assert needs(load({"tasks": [task(1), task("2", 1), task("HAM-1", "1", 2)]})) == {
        "1": [],
        "2": ["1"],
        "HAM-1": ["1", "2"],
    }


def test_a_fraction_written_as_a_number_keeps_its_digits():
    text = json.dumps([task(1, subtasks=[task("X")]), task(2, "X")]).replace('"X"', "1.10")
    assert needs(read(text)) == {"1.10": [], "2": ["1.10"]}


@pytest.mark.parametrize(
    "data",
    [
        [task(1)],
        {"tasks": [task(1)]},
        {"tasks": [task(1)], "meta": {}, "metadata": {}},
        {"tasks": [task(1)], "version": 3},
        {"master": {"tasks": [task(1)], "metadata": {}}},
        {"master": {"tasks": [task(1)]}, "other": {"tasks": [task(2)]}},
        {"b": {"tasks": [task(1)]}, "a": {"tasks": [task(2)]}},
    ],
    ids=["list", "plain", "meta", "other key", "tagged", "master first", "first tag"],
)
def test_every_shape_is_read(data: Any):
    assert needs(load(data)) == {"1": []}


def test_a_tag_is_chosen_by_option_then_current_then_master_then_first():
    data = {"x": {"tasks": [task(1)]}, "master": {"tasks": [task(2)]}, "y": {"tasks": [task(3)]}}
    assert list(needs(load(data))) == ["2"]
    assert list(needs(load(data, current="y"))) == ["3"]
    both = read(json.dumps(data), options=Options(tag="x"), current_tag="y")
    assert list(needs(both)) == ["1"]
    assert both.report.tag == "x"
    assert both.report.other_tags == ("master", "y")


def test_a_current_tag_that_the_file_has_not_is_passed_over_with_a_warning():
    imported = load({"master": {"tasks": [task(2)]}}, current="gone")
    assert list(needs(imported)) == ["2"]
    assert '"gone"' in str(imported.report.warnings[0])


def test_an_unknown_tag_is_an_error_that_names_the_close_one():
    assert problems({"master": {"tasks": []}, "feature": {"tasks": []}}, tag="featur") == [
        'tasks.json: has no tag "featur" (did you mean "feature"?)'
    ]


def test_what_holds_no_tasks_is_told():
    hint = ' (TaskMaster writes {"tasks": […]}, also below the name of a tag)'
    for text, said in (("{}", "contains no list of tasks"), ('{"tasks": 5}', 'tasks: "5" is not a list')):
        with pytest.raises(ProblemsError) as caught:
            read(text, file="tasks.json", format="taskmaster")
        assert str(caught.value) == f"tasks.json: {said}{hint}"


def test_a_list_beside_tags_is_told():
    imported = load({"master": {"tasks": [task(1)]}, "tasks": [task(2)]})
    assert needs(imported) == {"1": []}
    assert str(imported.report.warnings[0]).startswith("tasks.json: tasks: is a list next to tags")


def test_each_tag_but_master_has_a_project_name_of_its_own():
    data = {"master": {"tasks": []}, "Feature/X": {"tasks": []}}
    assert load(data).project.name == "project"
    assert load(data, tag="Feature/X").project.name == "project-feature-x"


def test_leaves_are_the_tasks_and_wait_for_what_their_parent_waits_for():
    data = [task(1), task(5, 1, subtasks=[task(1), task(2, 1)])]
    imported = load(data)
    assert needs(imported) == {"1": [], "5.1": ["1"], "5.2": ["5.1", "1"]}
    assert imported.report.containers == 1
    assert imported.project.spec.tasks[1].description.startswith("Part of 5: T5\n")


def test_a_dependency_on_a_task_with_subtasks_means_all_its_leaves():
    data = [task(1, subtasks=[task(1), task(2)]), task(2, 1), task(3, "1.2")]
    assert needs(load(data)) == {"1.1": [], "1.2": [], "2": ["1.1", "1.2"], "3": ["1.2"]}


def test_a_number_in_a_subtask_is_the_sibling_then_the_task_at_the_top():
    data = [task(1), task(9), task(5, subtasks=[task(1), task(2, 1, 9, "9")])]
    assert needs(load(data))["5.2"] == ["5.1", "9"]


def test_a_task_is_not_its_own_sibling():
    data = [task(2), task(5, subtasks=[task(1), task(2, 2)])]
    assert needs(load(data))["5.2"] == ["2"]


def test_a_task_that_waits_for_itself_is_left_to_the_graph():
    assert needs(load([task(1, 1)])) == {"1": ["1"]}


def test_a_subtask_that_waits_for_its_own_parent_is_told_and_freed():
    imported = load([task(5, subtasks=[task(1, 5), task(2)])])
    assert needs(imported) == {"5.1": [], "5.2": []}
    assert "subtasks[0].dependencies[0]" in str(imported.report.warnings[0])


def test_subtask_ids_may_be_complete_already_and_nest():
    data = [task(5, subtasks=[task("5.1"), task(2, "5.1", subtasks=[task(1), task(2, 1)])])]
    assert needs(load(data)) == {"5.1": [], "5.2.1": ["5.1"], "5.2.2": ["5.2.1", "5.1"]}


def test_dangling_is_an_error_with_its_place_and_the_close_id():
    data = {"master": {"tasks": [task(9), task(2, 9, 99), task(3, subtasks=[task(1, 77)])]}}
    assert problems(data) == [
        'tasks.json: tags.master.tasks[1].dependencies[1]: "99" is not a task (did you mean "9"?)',
        'tasks.json: tags.master.tasks[2].subtasks[0].dependencies[0]: "77" is not a task'
        " (remove it, add the task, or drop it with --dangling warn)",
    ]


def test_dangling_can_be_a_warning():
    imported = load([task(1, 99)], dangling="warn")
    assert needs(imported) == {"1": []}
    assert '"99" is not a task' in str(imported.report.warnings[0])


def test_what_a_parent_dangles_on_is_told_once():
    assert len(problems([task(1, 99, subtasks=[task(1), task(2), task(3)])])) == 1


def test_dangling_of_what_is_done_plays_no_part():
    assert needs(load([task(1, 99, status="done"), task(2, 1)])) == {"2": []}


def test_done_tasks_are_neither_run_nor_waited_for():
    data = [task(1, status="done"), task(2, 1, status="completed"), task(3, 1, 2), task(4, 3)]
    imported = load(data)
    assert needs(imported) == {"3": [], "4": ["3"]}
    assert imported.report.lines()[0] == "4 tasks found: 2 to run, 2 done"


def test_all_takes_what_is_done_as_if_it_were_not():
    data = [task(1, status="done"), task(2, 1, status="completed"), task(3, 1, 2)]
    assert needs(load(data, include_done=True)) == {"1": [], "2": ["1"], "3": ["1", "2"]}


def test_the_subtasks_of_a_done_task_are_done():
    data = [task(1, status="done", subtasks=[task(1), task(2, status="deferred")]), task(2, 1)]
    imported = load(data)
    assert needs(imported) == {"2": []}
    assert imported.report.done == 2
    assert needs(load(data, include_done=True))["2"] == ["1.1", "1.2"]


def test_a_task_with_subtasks_is_done_when_they_are():
    data = [task(1, subtasks=[task(1, status="done"), task(2, status="done")]), task(2, 1)]
    assert needs(load(data)) == {"2": []}


def test_deferred_is_left_out_with_all_that_needs_it():
    data = [task(1, status="deferred"), task(2, 1), task(3, 2), task(4), task(5, 4)]
    report = load(data).report
    assert report.left_out == (
        LeftOut("1", "deferred"),
        LeftOut("2", "needs a deferred task"),
        LeftOut("3", "needs a deferred task"),
    )
    assert report.because == {"2": "1", "3": "1"}
    assert report.lines()[0] == "5 tasks found: 2 to run, 3 skipped (needs a deferred task 2, deferred 1)"


def test_the_subtasks_of_a_deferred_task_are_deferred_unless_done():
    data = [task(1, status="deferred", subtasks=[task(1), task(2, status="done")]), task(2, "1.2"), task(3, 1)]
    imported = load(data)
    assert needs(imported) == {"2": []}
    assert [row.why for row in imported.report.left_out] == ["deferred", "needs a deferred task"]


def test_cancelled_satisfies_unless_told_otherwise():
    data = [task(1, status="cancelled"), task(2, 1), task(3, status="cancelled", subtasks=[task(1)]), task(4, 3)]
    imported = load(data)
    assert needs(imported) == {"2": [], "4": []}
    assert [row.id for row in imported.report.left_out] == ["1", "3.1"]
    strict = load(data, cancelled_satisfies=False)
    assert needs(strict) == {}
    assert LeftOut("2", "needs a cancelled task") in strict.report.left_out


@pytest.mark.parametrize("status", ["pending", "in-progress", "in_progress", None, ""])
def test_states_that_run_without_a_word(status: str | None):
    imported = load([task(1, status=status)])
    assert needs(imported) == {"1": []}
    assert not imported.report.warnings


@pytest.mark.parametrize("status", ["review", "blocked", "strange", 7])
def test_states_that_run_with_a_warning(status: object):
    imported = load([task(1, status=status)])
    assert needs(imported) == {"1": []}
    assert len(imported.report.warnings) == 1


def test_priorities_are_numbers_and_subtasks_have_their_parents():
    words = ["low", "medium", "high", "critical", None, "High", "urgent"]
    data = [task(n, priority=word) for n, word in enumerate(words)]
    data.append(task(20, priority="high", subtasks=[task(1), task(2, priority="low")]))
    imported = load(data)
    assert [t.priority for t in imported.project.spec.tasks] == [25, 50, 75, 100, 50, 75, 50, 75, 25]
    assert len(imported.report.warnings) == 1


def test_texts_become_sections():
    (made,) = load([task(1, description="Do it.", details="How\r\nso", testStrategy="Try \x00it.")]).project.spec.tasks
    assert made.description == "Do it.\n\n## Details\n\nHow\nso\n\n## Test strategy\n\nTry it."


def test_relevant_files_that_are_only_read_are_no_files():
    files = [
        {"path": "src/a.ts", "action": "modify"},
        {"path": "src/b.ts", "action": "reference"},
        {"path": "./src/c.ts"},
        {"path": "/etc/passwd"},
        {"path": "../up.ts"},
    ]
    imported = load([task(1, details="see src/d.ts", relevantFiles=files)])
    assert imported.project.spec.tasks[0].files == ["src/a.ts", "src/c.ts"]
    assert len(imported.report.warnings) == 2
    assert imported.report.files == {}


def test_duplicate_ids_at_the_top_are_errors():
    assert problems([task(1), task("1")]) == ['tasks.json: [1].id: "1" is already the id of [0] (give each its own)']


def test_duplicate_subtask_ids_are_told_apart_where_nothing_refers_to_them():
    data = [task(4, subtasks=[task(4), task(4), task(4)]), task(5, 4)]
    imported = load(data)
    assert needs(imported) == {"4.4": [], "4.4-2": [], "4.4-3": [], "5": ["4.4", "4.4-2", "4.4-3"]}
    assert len(imported.report.warnings) == 2


def test_a_dependency_on_a_duplicate_subtask_id_is_an_error():
    assert problems([task(4, subtasks=[task(4), task(4)]), task(5, "4.4")]) == [
        'tasks.json: [1].dependencies[0]: "4.4" is the id of 2 subtasks (give each its own id)'
    ]


def test_what_is_done_may_refer_to_a_duplicate_subtask_id():
    data = [task(4, subtasks=[task(4), task(4)]), task(5, "4.4", status="done"), task(6, 5)]
    assert needs(load(data)) == {"4.4": [], "4.4-2": [], "6": []}


def test_many_doubtful_tasks_are_told_in_one_line():
    (warning,) = load([task(n, status="review") for n in range(12)]).report.warnings
    assert warning.found == "in review, and will run: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"


def test_a_cycle_of_siblings_is_explained_where_reading_top_level_numbers_would_break_it():
    data = [task(1), task(4), task(12, subtasks=[task(1, 4), task(4, 1)])]
    imported = load(data)
    assert needs(imported)["12.1"] == ["12.4"]
    (warning,) = imported.report.warnings
    assert '"12.1", "12.4" wait for each other' in str(warning)
    assert "tasks at the top" in warning.hint


def test_other_cycles_are_left_to_the_graph():
    assert not load([task(1, 2), task(2, 1)]).report.warnings
    assert not load([task(12, subtasks=[task(1, 4), task(4, 1)])]).report.warnings


def test_cycles_among_done_tasks_are_silent_until_all_are_planned():
    data = [task(1), task(4), task(12, status="done", subtasks=[task(1, 4), task(4, 1)])]
    assert not load(data).report.warnings
    assert len(load(data, include_done=True).report.warnings) == 1


def test_parents_can_be_the_tasks_with_all_that_is_in_them():
    data = [
        task(1, subtasks=[task(1, status="done"), task(2, status="done")]),
        task(2, subtasks=[task(1), task(2, 1, 3, details="Look.")]),
        task(3, "1.2"),
        task(4, "2.1"),
    ]
    imported = load(data, subtasks="parents")
    assert needs(imported) == {"2": ["3"], "3": [], "4": ["2"]}
    assert imported.report.found == 4
    assert imported.report.done == 1
    assert "- [ ] 2.2: T2\n" in imported.project.spec.tasks[0].description


def test_everything_wrong_is_told_at_once():
    data = {"tasks": [7, {"status": "done"}, task(1, priority="x"), {"id": True}, task(2, None), task(3, subtasks=5)]}
    data["tasks"].append({**task(4), "dependencies": {"a": 1}})
    assert problems(data) == [
        'tasks.json: tasks[0]: "7" is not a task (write an object with an id and a title)',
        "tasks.json: tasks[1].id: has no id (give it a number or a text)",
        'tasks.json: tasks[3].id: "True" is not an id (give it a number or a text)',
        'tasks.json: tasks[4].dependencies[0]: "None" is not an id (write the id of a task)',
        'tasks.json: tasks[5].subtasks: "5" is not a list (write a list of tasks)',
        "tasks.json: tasks[6].dependencies: \"{'a': 1}\" is not a list (write a list of ids, as in [1, 2])",
    ]


def test_an_id_that_is_no_label_value_is_changed_and_told():
    imported = load([task("a b/ü"), task(2, "a b/ü")])
    new = imported.project.spec.tasks[0].id
    assert new.startswith("a-b-")
    assert needs(imported)["2"] == [new]
    assert imported.report.renamed == {new: "a b/ü"}
    assert "a b/ü" in str(imported.report.warnings[0])
    assert new in str(imported.report.warnings[0])


def test_more_tasks_than_a_project_holds_are_refused(monkeypatch: pytest.MonkeyPatch):
    assert Spec(tasks=[Task(id="a")] * TASKS_MAX)
    with pytest.raises(ValidationError):
        Spec(tasks=[Task(id="a")] * (TASKS_MAX + 1))
    monkeypatch.setattr("parallelproject.sources.selection.build.TASKS_MAX", 20)
    assert problems([task(n) for n in range(21)]) == [
        "tasks.json: holds 21 tasks to run; a project has at most 20 (split it, or remove tasks that can wait)"
    ]
    assert len(load([task(n) for n in range(20)]).project.spec.tasks) == 20


def test_more_dependencies_than_a_task_may_have_are_refused():
    most = DEPENDENCIES_MAX
    data = [task(n) for n in range(most + 1)]
    (line,) = problems([*data, task("last", *range(most + 1))])
    assert f"waits for {most + 1:,} tasks" in line
    assert len(needs(load([*data, task("last", *range(most))]))["last"]) == most
