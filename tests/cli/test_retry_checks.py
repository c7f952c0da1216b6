"""What ``pproj retry`` asks for where checks of what has landed have stopped a project."""

from typing import Any

import pytest

from parallelproject.cli.commands.retry import checked_again, recheck_patch

Json = dict[str, Any]


def project(recheck: int = 0, **status: Any) -> Json:
    spec = {"tasks": [{"id": "a"}, {"id": "b"}], **({"recheck": recheck} if recheck else {})}
    return {"metadata": {"name": "p"}, "spec": spec, "status": status}


def ended(kind: str, reason: str) -> list[Json]:
    return [{"type": kind, "status": "False", "reason": reason, "message": "tests failed"}]


@pytest.mark.parametrize(
    ("kind", "reason", "said"),
    [
        ("Verified", "BaseFailed", "what has landed is verified again"),
        ("Succeeded", "HookFailed", "the hook that failed runs again, and the project continues"),
        ("Succeeded", "TasksFailed", ""),
    ],
)
def test_what_has_stopped_a_project_runs_again(kind: str, reason: str, said: str) -> None:
    assert checked_again(project(conditions=ended(kind, reason))) == said


def test_each_retry_is_a_new_spec_by_which_no_task_runs_again() -> None:
    found = project()
    for count in (1, 2, 3):
        assert recheck_patch(found)["spec"] == {"recheck": count}
        found = project(count)
