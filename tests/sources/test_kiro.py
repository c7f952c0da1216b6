"""Kiro's and OpenSpec's lists: dotted ids are the hierarchy, parts may be optional, waves may give the graph."""

from parallelproject.sources import Imported, Options, read

KIRO = """\
# Implementation Plan

- [ ] 1. Set up
  - Make the folders
  - _Requirements: 1.1_
- [ ] 2. Core
  - Use one module each
- [ ] 2.1 Model
- [ ] 2.2 Service
  - _Requirements: 2.1, 2.3_
- [ ] 3. Page
- [ ]* 3.1 Tests of the page
- [-] 3.2 List
- [~] 3.3 Detail
"""


def listed(text: str, **options: bool) -> Imported:
    return read(text, file="tasks.md", options=Options(infer_roles=False, **options))


def needs(text: str) -> dict[str, list[str]]:
    return {task.id: task.dependencies for task in listed(text).project.spec.tasks}


def test_dotted_ids_are_a_hierarchy_with_and_without_indentation():
    flat = {"1": [], "2.1": ["1"], "2.2": ["2.1"], "3.1": ["2.2"], "3.2": ["3.1"], "3.3": ["3.2"]}
    assert needs(KIRO) == flat
    indented = "\n".join(
        f"  {line}" if line[6:8] in ("2.", "3.") and line[8:9].isdigit() else line for line in KIRO.split("\n")
    )
    assert needs(indented) == flat
    assert needs("- [ ] 1.0 a\n- [ ] 1.1 b\n- [ ] 1.1.1 c\n- [ ] 2.0 d\n") == {"1.1.1": [], "2.0": ["1.1.1"]}


def test_optional_parts_run_and_are_reported_and_other_states_are_known():
    report = listed(KIRO).report
    assert report.optional == ("3.1",)
    assert "1 optional, to run as well: 3.1" in report.lines()
    assert not report.warnings
    assert not report.ignored


def test_bullets_are_text_of_the_task_and_those_of_what_contains_it_are_context():
    tasks = {task.id: task for task in listed(KIRO).project.spec.tasks}
    assert tasks["1"].description == "Set up\n\n- Make the folders\n- _Requirements: 1.1_"
    assert tasks["2.1"].description == "Part of 2: Core\n\nModel\n\n## About 2\n\n- Use one module each"


def test_what_is_ticked_holds_for_all_within_it():
    assert list(needs("- [x] 1. a\n- [ ] 1.1 b\n- [ ] 2. c\n")) == ["2"]


def test_a_task_with_text_whose_parts_are_all_optional_is_a_task_before_them():
    text = "- [ ] 1. a\n  - do it\n  - [ ]* 1.1 test it\n- [ ] 2. b\n  - [ ]* 2.1 c\n"
    assert needs(text) == {"1": [], "1.1": ["1"], "2.1": ["1.1"]}


WAVES = (
    KIRO
    + """
- [ ] 4. Checkpoint

```json
{"waves": [{"id": 0, "tasks": ["1", "3.2"]}, {"id": 1, "tasks": [2]}, {"id": 2, "tasks": ["3.1", "3.3"]}]}
```
"""
)


def test_waves_give_the_graph_and_what_is_in_none_waits_for_all_before_it():
    imported = listed(WAVES)
    assert {task.id: task.dependencies for task in imported.project.spec.tasks} == {
        "1": [],
        "2.1": ["1", "3.2"],
        "2.2": ["1", "3.2"],
        "3.1": ["2.1", "2.2"],
        "3.2": [],
        "3.3": ["2.1", "2.2"],
        "4": ["1", "2.1", "2.2", "3.1", "3.2", "3.3"],
    }
    assert ["in no wave, and so after all before it: 4" in str(problem) for problem in imported.report.warnings] == [
        True
    ]


def test_waves_that_do_not_fit_are_reported():
    unknown = listed(WAVES.replace('"3.2"', '"3.2", "9"')).report.warnings
    assert 'a wave names "9", which is not a task' in str(unknown[0])
    broken = listed(WAVES.replace("]}]}", "]}"))
    assert "the waves cannot be read; the order of the list counts" in str(broken.report.warnings[0])
    assert broken.project.spec.tasks[1].dependencies == ["1"]


def test_round_markers_count_within_what_contains_them():
    text = "- [ ] 1. a\n  - [ ] 1.1 (P) b\n  - [ ] 1.2 (P) c\n- [ ] 2. d\n  - [ ] 2.1 (P) e\n  - [ ] 2.2 f (P)\n"
    assert needs(text) == {"1.1": [], "1.2": [], "2.1": ["1.1", "1.2"], "2.2": ["2.1"]}
    assert listed(text).project.spec.tasks[0].title == "b"


def test_openspec_sections_follow_one_another():
    text = "## 1. Reader\n- [x] 1.1 a\n- [ ] 1.2 b\n\n## 2. Page\n- [ ] 2.1 c\n  - [ ] 2.1.1 d\n  - [ ] 2.1.2 e\n"
    assert needs(text) == {"1.2": [], "2.1.1": ["1.2"], "2.1.2": ["2.1.1"]}
    assert "Section: 2. Page" in listed(text).project.spec.tasks[1].description


def test_a_ticked_entry_with_the_id_of_another_is_set_apart_and_open_ones_are_errors():
    imported = listed("- [x] 1.1 a\n- [ ] 1.1 b\n- [ ] 1.2 c\n")
    assert [(task.id, task.title) for task in imported.project.spec.tasks] == [("1.1", "b"), ("1.2", "c")]
    assert 'becomes "1.1-2"' in str(imported.report.warnings[0])


def test_numbers_that_start_again_in_each_section_are_no_ids():
    imported = listed("## A\n- [ ] 1. Write\n- [ ] 2. Test\n## B\n- [ ] 1. Build\n")
    assert len(imported.project.spec.tasks) == 3
    assert "the number 1 is used more than once, so the tasks are known by their text" in str(
        imported.report.warnings[0]
    )
