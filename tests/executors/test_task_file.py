"""What a task is told of those that it depends on."""

from parallelproject.core.planner.attempt import Record
from parallelproject.executors.base.task_file import task_document
from parallelproject.model.status import TaskState
from tests.core.projects import compiled


def test_a_dependency_that_is_skipped_is_said_to_be_so() -> None:
    tasks = [{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d", "dependencies": ["a", "b", "c"]}]
    graph, _ = compiled(tasks=tasks, skip=["a", "b"])
    records = {task: Record(TaskState.SUCCEEDED, 1) for task in "bc"}
    found = task_document("demo", graph, 3, 1, records)["dependencies"]
    assert {each["id"]: each["state"] for each in found} == {"a": "Skipped", "b": "Succeeded", "c": "Succeeded"}


def test_instructions_and_skills_of_the_role_are_in_it() -> None:
    role = {"name": "x", "instructions": "Be brief.", "skills": ["review"]}
    graph, spec = compiled(tasks=[{"id": "a", "role": "x"}], roles=[role, {"name": "y"}])
    found = task_document("p", graph, 0, 1, {}, role=spec.role("x"))
    assert (found["instructions"], found["skills"]) == ("Be brief.", ["review"])
    assert not {"instructions", "skills"} & set(task_document("p", graph, 0, 1, {}, role=spec.role("y")))
