"""What ``pproj retry`` asks for where checks of what has landed have stopped a project."""

from typing import Any

from parallelproject.cli.commands.retry import retry_patch, verified_again

Json = dict[str, Any]


def project(retries: list[Json] | None = None, **status: Any) -> Json:
    spec = {"tasks": [{"id": "a"}, {"id": "b"}], **({"retries": retries} if retries else {})}
    return {"metadata": {"name": "p"}, "spec": spec, "status": status}


def test_each_retry_in_a_cluster_is_a_new_spec() -> None:
    found = project(verification={"levels": 0})
    for count in (1, 2, 3):
        patch = retry_patch(found, verified_again(found))
        assert patch["spec"]["retries"] == [{"id": "a", "forgive": count}]
        found = project(patch["spec"]["retries"], verification={"levels": 0})


def test_a_local_run_is_started_again_without_one() -> None:
    assert verified_again(project()) == {}
