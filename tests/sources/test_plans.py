"""Plans whose headings are the tasks: their shapes, their steps, and that none of their text is lost."""

import pytest

from parallelproject.sources import Imported, Options, read

PLAN = """\
# Orders plan

**Goal:** a list of orders.

## Global constraints
- No new packages.

### Task 1: Reader
**Files:** create `src/reader.py`

- [ ] **Step 1: Write the failing test**

```python
# Task 7: not a heading
```

- [ ] **Step 2: Make it pass**

Use port 8080 for the stub.

### Task 2: Page
- [ ] **Step 1: Write it**

## Acceptance checklist
- [ ] Everything is documented
"""


def plan(text: str, **options: bool) -> Imported:
    return read(text, file="plan.md", options=Options(infer_roles=False, **options))


def shown(text: str) -> list[tuple[str, str, list[str]]]:
    return [(task.id, task.title, task.dependencies) for task in plan(text).project.spec.tasks]


def test_headings_are_the_tasks_and_boxes_their_steps():
    assert shown(PLAN) == [("task-1", "Reader", []), ("task-2", "Page", ["task-1"])]
    first, second = plan(PLAN).project.spec.tasks
    assert first.files == ["src/reader.py"]
    assert second.files == []
    for text in ("- [ ] **Step 1: Write the failing test**", "# Task 7: not a heading", "Use port 8080 for the stub."):
        assert text in first.description
        assert text not in second.description


def test_no_text_is_lost_and_what_is_around_the_tasks_reaches_each():
    for task in plan(PLAN).project.spec.tasks:
        for text in ("**Goal:** a list of orders.", "- No new packages.", "- [ ] Everything is documented"):
            assert text in task.description


def test_entries_outside_of_the_tasks_are_reported():
    report = plan(PLAN).report
    assert report.ignored == ((25, "an entry outside of the tasks"),)
    assert [problem.place for problem in report.warnings] == ["plan.md:25"]


@pytest.mark.parametrize(
    ("headings", "ids"),
    [
        (("### Task 1: a", "### Task 2: b"), ["task-1", "task-2"]),
        (("#### Task 1.1 - a", "#### Task 1.2 - b"), ["task-1.1", "task-1.2"]),
        (("### T01 – a", "### T02 – b"), ["T01", "T02"]),
        (("### TASK-001: a", "### TASK-002: b"), ["TASK-001", "TASK-002"]),
        (("## Step 3", "## Step 4: b"), ["step-3", "step-4"]),
        (("## **Task 1:** a", "## [ ] Task #2: b"), ["task-1", "task-2"]),
        (("## 1. a", "## 2. b"), ["1", "2"]),
        (("### 1.1 a", "### 1.2 b"), ["1.1", "1.2"]),
        (("### - [ ] 1. a", "### - [ ] 1.1 b"), ["1", "1.1"]),
        (("## [ ] Write a", "## [ ] b"), ["write-a", "b"]),
        (("## Phase 1: a", "## Phase 2 - b"), ["phase-1", "phase-2"]),
    ],
)
def test_shapes_of_headings(headings: tuple[str, ...], ids: list[str]):
    found = plan("".join(f"{heading}\ndo it\n\n" for heading in headings)).project.spec.tasks
    assert [task.id for task in found] == ids
    assert found[1].title == "b"
    assert all("do it" in task.description for task in found)


def test_numbered_sections_with_boxes_are_sections():
    assert [row[0] for row in shown("## 1. Reader\n- [ ] write it\n- [ ] test it\n## 2. Page\n- [ ] draw it\n")] == [
        "write-it", "test-it", "draw-it"
    ]  # fmt: skip
    checked = "## 1. Reader\nread\n## 2. Page\ndraw\n## Acceptance\n- [ ] all is well\n"
    assert [row[0] for row in shown(checked)] == ["1", "2"]


def test_dotted_headings_hold_the_entries_below_them_as_steps():
    text = "## 1. Base\n### 1.1 Reader\n- [ ] write it\n- [ ] test it\n### 1.2 Page\n- [ ] draw it\n"
    assert [row[0] for row in shown(text)] == ["1.1", "1.2"]
    elsewhere = "## 1.1 Why\ntext\n## 1.2 How\ntext\n## Tasks\n- [ ] write it\n- [ ] test it\n"
    assert [row[0] for row in shown(elsewhere)] == ["write-it", "test-it"]


def test_entries_with_ids_of_their_own_are_the_tasks():
    assert [row[0] for row in shown("### Task 1: a\n- [ ] T001 b\n- [ ] T002 c\n### Task 2: d\n- [ ] T003 e\n")] == [
        "T001", "T002", "T003"
    ]  # fmt: skip


def test_what_is_done_is_known_by_its_heading_its_status_or_its_steps():
    text = (
        "### ✅ Task 1: a\n### Task 2: b [x]\n### Task 3: c\n**Status:** done\n"
        "### Task 4: d\n- [x] one\n- [X] two\n### Task 5: e\n- [x] one\n- [ ] two\n### Task 6: f (done)\n"
    )
    assert shown(text) == [("task-5", "e", [])]
    assert len(plan(text, include_done=True).project.spec.tasks) == 6


def test_tasks_within_tasks_are_the_ones_that_run():
    text = "## Task 1: a\nAll of it.\n### Task 1.1: b\n### Task 1.2: c\n## Task 2: d\n"
    assert shown(text) == [("task-1.1", "b", []), ("task-1.2", "c", ["task-1.1"]), ("task-2", "d", ["task-1.2"])]
    assert "All of it." in plan(text).project.spec.tasks[0].description


def test_dependencies_and_markers_of_plans():
    text = "### Task 1: a\n### Task 2: [P] b\n### Task 3: [P] c\n### Task 4: d\n**Depends on:** Task 1, Task 9\n"
    assert shown(text)[1:] == [
        ("task-2", "b", ["task-1"]), ("task-3", "c", ["task-1"]), ("task-4", "d", ["task-1", "task-2", "task-3"])
    ]  # fmt: skip
    assert 'waits for "task-9", which is not a task' in str(plan(text).report.warnings[0]) or "9" in str(
        plan(text).report.warnings[0]
    )
    graph = (
        "### Task 1: a\n**Dependencies:** None\n### Task 2: b\n**Dependencies:** None\n"
        "### Task 3: c\n**Dependencies:** Tasks 1 and 2\n"
    )
    assert [row[2] for row in shown(graph)] == [[], [], ["task-1", "task-2"]]


def test_numbers_that_start_again_are_no_ids():
    text = "## Part A\n### Task 1: Read\n### Task 2: Test\n## Part B\n### Task 1: Draw\n### Task 2: Test\n"
    assert [row[0] for row in shown(text)] == ["read", "part-a.test", "draw", "part-b.test"]
    assert "used more than once" in str(plan(text).report.warnings[0])


def test_phases_around_tasks_are_their_context_only():
    text = "## Phase 1: Base\nOnly the base.\n### Task 1: a\n## Phase 2: Rest\nNow the rest.\n### Task 2: b\n"
    first, second = plan(text).project.spec.tasks
    assert "Only the base." in first.description
    assert "Only the base." not in second.description
