"""What ``pproj retry`` asks for where checks of what has landed have failed a task, or have stopped the project."""

from typing import Any

from parallelproject.cli.commands.retry import failed_tasks, halted_by_checks, retry_patch

Json = dict[str, Any]


def project(*rows: Json, retries: list[Json] | None = None, **verification: Any) -> Json:
    return {
        "metadata": {"name": "p"},
        "spec": {"tasks": [{"id": "a"}, {"id": "b"}], **({"retries": retries} if retries else {})},
        "status": {"tasks": list(rows), "verification": verification},
    }


BROKEN: Json = {"id": "b", "state": "Failed", "reason": "VerificationFailed", "attempts": 3}


def test_each_retry_of_a_task_that_breaks_a_check_is_a_new_entry() -> None:
    found = project(BROKEN)
    for count in (1, 2, 3):
        patch = retry_patch(found, failed_tasks(found, []))
        assert patch["spec"]["retries"] == [{"id": "b", "forgive": count}]
        found = project(BROKEN, retries=patch["spec"]["retries"])


def test_a_project_that_its_checks_have_stopped_continues_by_a_new_entry() -> None:
    stopped = {"id": "b", "state": "Skipped", "reason": "Stopped"}
    done = {"id": "a", "state": "Succeeded"}
    assert halted_by_checks(project(done, stopped, stopped=True)) == {"b": {"id": "b", "forgive": 1}}
    assert halted_by_checks(project(done, stopped, retries=[{"id": "b", "forgive": 4}], stopped=True)) == {
        "b": {"id": "b", "forgive": 5}
    }
    assert halted_by_checks(project(done, stopped=True)) == {"a": {"id": "a", "forgive": 1}}
    assert halted_by_checks(project(done, stopped)) == {}
    assert halted_by_checks({"metadata": {}, "spec": {"tasks": []}}) == {}
