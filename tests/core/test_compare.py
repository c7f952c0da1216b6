"""What was changed, beside what had been declared."""

from typing import Any

from parallelproject.core.report.drift import Comparison, compare
from tests.core.projects import compiled


def compared(tasks: list[dict[str, Any]], **changed: list[str]) -> Comparison:
    return compare(compiled(tasks=tasks)[0], changed)


def overlaps(tasks: list[dict[str, Any]], **changed: list[str]) -> dict[str, tuple[str, ...]]:
    return {overlap.path: overlap.tasks for overlap in compared(tasks, **changed).overlaps}


def test_what_a_task_changed_beside_its_files_is_named() -> None:
    found = compared([{"id": "a", "files": ["src/**"]}, {"id": "b"}], a=["src/x.py", "README"], b=["y"])
    assert found.undeclared == {"a": ("README",)}


def test_a_path_that_tasks_share_which_nothing_kept_apart_is_named_with_them() -> None:
    tasks = [{"id": "a", "files": ["x"]}, {"id": "b"}, {"id": "c"}]
    assert overlaps(tasks, a=["x"], b=["x"], c=["y"]) == {"x": ("a", "b")}


def test_tasks_that_declare_the_path_both_were_kept_apart() -> None:
    tasks = [{"id": "a", "files": ["src/*"]}, {"id": "b", "files": ["src/x"]}]
    assert overlaps(tasks, a=["src/x"], b=["src/x"]) == {}


def test_tasks_that_wait_for_one_another_were_kept_apart_however_far() -> None:
    tasks = [{"id": "a"}, {"id": "b", "dependencies": ["a"]}, {"id": "c", "dependencies": ["b"]}, {"id": "d"}]
    assert overlaps(tasks, a=["x"], c=["x"]) == {}
    assert overlaps(tasks, a=["x"], c=["x"], d=["x"]) == {"x": ("a", "c", "d")}
