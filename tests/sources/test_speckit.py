"""Spec Kit's task lists: phases, markers that end at headings, user stories side by side, ids with letters."""

from parallelproject.sources import Imported, Options, read

PHASES = """\
# Tasks: Orders

## Format: `[ID] [P?] [Story] Description`
- **[P]**: may run in parallel
- [P] marks other files

## Phase 1: Setup
Keep to the folders of the plan.

- [ ] T001 [P] Schema in db/orders.sql
- [ ] T002 [P] Lint rules in lint/rules.toml

## Phase 2: Tests first
- [ ] T003 [P] [US1] Contract test in tests/contract/test_list.py
- [ ] T004 [P] [US1] Journey in tests/journey/test_order.py

## Phase 3: Core
- [ ] T005 [US1] Service in src/services/list.py (depends on T003, T004)
- [ ] T005a [US1] Cache in src/services/cache.py
- [x] T006 [P] Model in src/models/order.py
- [ ] T031-MIN Smallest version of it

## Notes
- [ ] check that it is quick
<!--
- [ ] T099 an example
-->
```
- [ ] T098 code
```
"""

STORIES = """\
# Tasks
## Phase 1: Foundation
- [ ] T001 Base
**Checkpoint**: user story implementation can now begin in parallel

## Phase 2: User Story 1 - List
- [ ] T002 [US1] a
- [ ] T003 [US1] b

## Phase 3: User Story 2 - Page
### Tests
- [ ] T004 [P] [US2] c
### Code
- [ ] T005 [P] [US2] d

## Phase 4: Polish
- [ ] T006 e
"""


def listed(text: str, **options: bool) -> Imported:
    return read(text, file="tasks.md", options=Options(infer_roles=False, **options))


def needs(text: str) -> dict[str, list[str]]:
    return {task.id: task.dependencies for task in listed(text).project.spec.tasks}


def test_a_heading_ends_a_run_of_p_so_that_phases_follow_one_another():
    assert needs(PHASES) == {
        "T001": [],
        "T002": [],
        "T003": ["T001", "T002"],
        "T004": ["T001", "T002"],
        "T005": ["T003", "T004"],
        "T005a": ["T005"],
        "T031-MIN": ["T005a"],
    }


def test_legend_notes_comments_and_code_are_no_tasks_and_are_reported():
    report = listed(PHASES).report
    assert (report.found, report.done) == (8, 1)
    assert sorted(report.ignored) == [
        (5, "a letter in the box"),
        (24, "without an id"),
        (26, "in a comment"),
        (29, "in code"),
    ]
    assert [problem.place for problem in report.warnings] == ["tasks.md:24"]
    assert "4 more look like tasks but are not" in "\n".join(report.lines())


def test_a_named_group_goes_on_below_the_next_heading():
    text = "## A\n- [ ] T01 [P:Group-X] a\n## B\n- [ ] T02 [P:Group-X] b\n- [ ] T03 [P] c\n## C\n- [ ] T04 [P] d\n"
    assert needs(text) == {"T01": [], "T02": [], "T03": ["T01", "T02"], "T04": ["T03"]}


def test_files_are_the_paths_of_the_description_and_not_of_what_stands_around_it():
    text = "## Phase 1\nSee docs/plan/all.md first.\n- [ ] T001 Write src/a/b.py\n- [ ] T002 Nothing\n"
    first, second = listed(text).project.spec.tasks
    assert (first.files, second.files) == (["src/a/b.py"], [])
    assert "See docs/plan/all.md first." in first.description
    assert "Section: Phase 1" in second.description


def test_user_stories_run_side_by_side_where_the_text_says_that_they_may():
    assert needs(STORIES) == {
        "T001": [],
        "T002": ["T001"],
        "T003": ["T002"],
        "T004": ["T001"],
        "T005": ["T004"],
        "T006": ["T003", "T005"],
    }


def test_user_stories_follow_one_another_where_it_does_not():
    chain = needs(STORIES.replace("can now begin in parallel", "can now begin"))
    assert chain["T004"] == ["T003"]
    for denied in ("- Different user stories CANNOT run in parallel", "- Stories must not be worked on in parallel"):
        assert needs(STORIES + denied)["T004"] == ["T003"]
    inside = "- All tests for user stories can run in parallel\n- Tasks of stories marked [P] may run in parallel"
    assert needs(STORIES.replace("can now begin in parallel", "begins") + inside)["T004"] == ["T003"]


def test_a_story_that_depends_on_another_waits_for_it():
    assert needs(STORIES + "- **User Story 2 (P2)**: Depends on User Story 1 completion\n")["T004"] == ["T003"]
    assert needs(STORIES + "- **User Story 1**: starts after US2\n")["T002"] == ["T005"]
    free = "- **User Story 2 (P2)**: after Foundation - no dependencies on other stories; may use User Story 1\n"
    assert needs(STORIES + free)["T004"] == ["T001"]


def test_only_the_stories_that_are_named_run_side_by_side():
    third = "## Phase 5: User Story 3\n- [ ] T007 f\n\n"
    text = STORIES.replace("can now begin in parallel", "begins").replace("## Phase 4", third + "## Phase 4")
    pair = "- **User Story 2 (Phase 3)**: Depends on Foundation - CAN run in parallel with US1\n"
    found = needs(text + pair)
    assert (found["T004"], found["T007"], found["T006"]) == (["T001"], ["T003", "T005"], ["T007"])


def test_ranges_of_ids_and_lines_below_are_read_as_dependencies():
    text = (
        "- [ ] T001 [P] a\n- [ ] T002 [P] b\n- [ ] T003 [P] c\n- [ ] T004 [P] d (depends on T001-T003)\n"
        "- [ ] T005 [P] e, depends on T002 and T004\n- [ ] T006 [P] f\n  - **Dependencies:** T001, T005\n"
    )
    found = needs(text)
    assert (found["T004"], found["T005"], found["T006"]) == (
        ["T001", "T002", "T003"], ["T002", "T004"], ["T001", "T005"]
    )  # fmt: skip


def test_where_every_task_says_what_it_waits_for_the_order_does_not_count():
    text = (
        "- [ ] T001 a\n  - Depends on: none\n- [ ] T002 b\n  - Depends on: none\n- [ ] T003 c\n  - Depends on: T001\n"
    )
    assert needs(text) == {"T001": [], "T002": [], "T003": ["T001"]}
    assert needs(text.replace("  - Depends on: none\n- [ ] T002", "- [ ] T002"))["T002"] == ["T001"]


def test_entries_without_an_id_within_a_task_are_its_steps():
    imported = listed("- [ ] T001 a\n  - [ ] first\n    more\n  - [x] second\n- [ ] T002 b\n")
    assert [task.id for task in imported.project.spec.tasks] == ["T001", "T002"]
    text = imported.project.spec.tasks[0].description
    assert text == "a\n\n- [ ] first\n  more\n- [x] second"
    assert not imported.report.warnings


def test_entries_of_a_checklist_are_no_tasks_unless_they_have_an_id_of_the_kind():
    text = "## Work\n- [ ] T001 a\n## Validation Checklist (all)\n- [ ] all is well\n- [ ] FR-1 holds\n- [ ] T002 b\n"
    imported = listed(text)
    assert [task.id for task in imported.project.spec.tasks] == ["T001", "T002"]
    assert imported.report.ignored == ((4, "in a checklist"), (5, "in a checklist"))
    assert [str(problem.place) for problem in imported.report.warnings] == ["tasks.md:4"]
    alone = listed("# Release checklist\n## Checklist\n- [ ] bump it\n- [ ] tag it\n")
    assert [task.id for task in alone.project.spec.tasks] == ["bump-it", "tag-it"]
    titles = listed("# Release checklist\n- [ ] a\n# Later\n- [ ] b\n")
    assert [task.id for task in titles.project.spec.tasks] == ["a", "b"]
    feature = listed("## Work\n- [ ] a\n## Phase 2: Build the checklist\n- [ ] b\n")
    assert [task.id for task in feature.project.spec.tasks] == ["a", "b"]


def test_code_and_comments_without_an_end_are_reported():
    imported = listed("- [ ] T001 a\n```\n- [ ] T002 b\n")
    assert "code that starts here has no end, so 1 entry below are not tasks" in str(imported.report.warnings[0])
    imported = listed("- [ ] T001 a\n<!-- todo\n- [ ] T002 b\n- [ ] T003 c\n")
    assert str(imported.report.warnings[0]).startswith("tasks.md:2: a comment that starts here has no end, so 2")


def test_comments_within_a_line_and_in_code_spans_hide_nothing():
    text = (
        "- [ ] T001 Use `<!--` for it\n- [ ] T002 a <!-- why -->\n- [ ] T003 b <!-- more\n  of it --> \n- [ ] T004 c\n"
    )
    assert list(needs(text)) == ["T001", "T002", "T003", "T004"]


def test_code_in_markdown_that_shows_markdown_is_code():
    inner = "````markdown\n```sh\n- [ ] T009 x\n```\n- [ ] T008 y\n````\n"
    assert list(needs(f"- [ ] T001 a\n{inner}- [ ] T002 b\n")) == ["T001", "T002"]
    broken = inner.replace("````", "```")
    assert list(needs(f"- [ ] T001 a\n{broken}- [ ] T002 b\n")) == ["T001", "T002"]


def test_code_below_an_entry_is_its_text_even_where_it_is_not_indented():
    text = "- [ ] T001 a\n  ```sh\nmake\n  ```\n- [ ] T002 b\nwhich goes on here\n\nand not here\n"
    first, second = listed(text).project.spec.tasks
    assert "make" in first.description
    assert second.description == "b\n\nwhich goes on here"
