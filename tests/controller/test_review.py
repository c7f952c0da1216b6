"""What the admission webhook answers, by the states of a project alone."""

from typing import Any

import pytest

from parallelproject.controller.projects import review
from parallelproject.executors.job.task_job import check_for_cluster
from tests.controller.cluster import spec, task

CYCLE = spec(task("a", "b"), task("b", "a"))
OTHER_CYCLE = spec(task("a", "b"), task("b", "a"), parallelism=2)
FINE = spec(task("a"), task("b", "a"))


def refusal(new: dict[str, Any], old: dict[str, Any] | None) -> str:
    return review.refusal(new, old, check_for_cluster)


def project(spec: object, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "n", **metadata}, "spec": spec}


def test_what_the_operator_accepts_may_be_stored():
    assert refusal(project(FINE), None) == ""
    assert refusal(project(FINE), project(CYCLE)) == ""


@pytest.mark.parametrize("old", [None, project(FINE), project(OTHER_CYCLE)], ids=["new", "was fine", "was wrong"])
def test_a_new_spec_that_the_operator_does_not_accept_is_refused(old: dict[str, Any] | None):
    assert refusal(project(CYCLE), old).startswith("spec.tasks[0].dependencies: ")


def test_a_project_whose_spec_stays_may_always_be_changed():
    assert refusal(project(CYCLE, labels={"a": "b"}), project(CYCLE, finalizers=["a/b"])) == ""


def test_a_deleted_project_may_always_be_changed():
    deleted = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}
    assert refusal(project(CYCLE, **deleted), project(FINE, **deleted)) == ""


def test_every_problem_has_its_line_and_the_first_of_many_are_named():
    two = refusal(project(spec(task("a", "x"), task("b", "y"))), None).splitlines()
    assert two[0] == "2 problems:"
    assert [line.partition(":")[0] for line in two[1:]] == [f"spec.tasks[{i}].dependencies[0]" for i in (0, 1)]
    many = refusal(project(spec(*(task(f"t{i}", "x") for i in range(90)))), None).splitlines()
    assert (many[0], len(many)) == ("90 problems:", 22)
    assert many[-1] == "and 70 more; pproj lint --cluster FILE reports all"


def test_a_long_problem_is_cut():
    found = refusal(project(spec(task("a"), **{"x" * 5000: 1})), None)
    assert found.endswith("…")
    assert len(found) == 500


@pytest.mark.parametrize("odd", ["text", [], {"tasks": {"a": "b"}}, {"tasks": [None]}], ids=str)
def test_whatever_stands_there_has_an_answer(odd: object):
    assert refusal(project(odd), None).startswith("spec")
