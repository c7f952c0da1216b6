"""The Job of a publishing: what it is told has room, whatever the project is."""

import json
from typing import Any

import pytest

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.publish_pod import problems_of
from parallelproject.executors.job.publish_job import publish_manifest
from parallelproject.forge.publishing.request import PublishRequest
from parallelproject.git.container import instructions
from parallelproject.model.project import parse_spec

GIT = {"url": "https://git.example/acme/shop.git", "credentialsSecretRef": {"name": "c"},
       "forge": {"type": "GitHub", "tokenSecretRef": {"name": "f", "key": "t"}},
       "pullRequest": {"title": "{{ project }}", "merge": "WhenChecksPass"}}  # fmt: skip


def told(count: int, failed: int = 0, gates: int = 0, **task: Any) -> dict[str, Any]:
    steps = [{"name": f"gate-{i}", "command": ["x"], "gate": True} for i in range(gates)]
    tasks = [{"id": f"{'x' * 58}-{i}", "role": "r" * 40, **task} for i in range(count)]
    more = {"defaults": {"maxAttempts": 1}, "roles": [{"name": "r" * 40}], "steps": steps}
    spec = parse_spec({"git": GIT, "tasks": tasks, **more})
    graph = compile_graph(spec)
    phases = [Phase.SUCCEEDED] * (count - failed) + [Phase.FAILED] * failed
    seen = {
        t.id: [
            Attempt(1, Phase.HELD, ended=1.0),
            *(Attempt(i, Phase.PASSED, ended=1.0, step=f"gate-{i - 2}") for i in range(2, gates + 1)),
            Attempt(gates + 1, phase, ended=1.0, step=f"gate-{gates - 1}"),
        ]
        if gates
        else [Attempt(1, phase, ended=1.0, reason="BranchRewritten")]
        for t, phase in zip(spec.tasks, phases, strict=True)
    }
    planned = plan(graph, spec, Ledger(start_time=0.0), seen, 2.0)
    assert spec.git
    made = publish_manifest(Owner("p", "n", "uid"), spec, spec.git, graph, planned, "revision", 1, "image")
    text = made["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/publish"]
    assert len(text.encode()) < 210_000
    found: dict[str, Any] = json.loads(text)
    instructions.as_type(PublishRequest, instructions.parse(text))
    return found


def test_of_too_many_tasks_as_many_are_told_as_have_room_those_that_failed_first() -> None:
    few = told(3, failed=1, title="A title")
    assert (len(few["tasks"]), few["tasks"][0]["title"], few["merge"]) == (3, "A title", "Manual")
    many = told(2000, failed=1600, title="é" * 500)
    assert 1600 < len(many["tasks"]) < 2000
    assert ["failed" in row for row in many["tasks"][1598:1602]] == [True, True, False, False]


def test_titles_are_cut_before_gates_are_left_out_and_gates_before_tasks() -> None:
    def shape(count: int) -> tuple[int, int, int]:
        rows = told(count, gates=3, title="a title " * 20, role=None)["tasks"]
        return len(rows), len(rows[0].get("title", "")), len(rows[0].get("gates", ()))

    assert [shape(count) for count in (400, 650, 750, 1300)] == [
        (400, 160, 3), (650, 60, 3), (750, 60, 0), (1300, 0, 0),
    ]  # fmt: skip


def test_the_whole_is_merged_where_that_is_asked_for() -> None:
    assert told(2)["merge"] == "WhenChecksPass"


@pytest.mark.parametrize("git", [{"strategy": "BranchPerTask"}, {"pullRequest": {"scope": "Level"}}])
def test_more_tasks_than_can_be_told_are_refused_where_none_may_be_left_out(git: dict[str, Any]) -> None:
    def found(count: int, parents: int = 0, **more: Any) -> list[str]:
        ids = [f"{'x' * 58}-{i}" for i in range(count)]
        tasks = [{"id": id, "dependencies": ids[max(0, i - parents) : i]} for i, id in enumerate(ids)]
        return [str(problem) for problem in problems_of(parse_spec({"git": GIT | git | more, "tasks": tasks}))]

    assert found(1000) == []
    (told,) = found(2000)
    assert told.startswith("spec.tasks: the instruction to publish them needs about 3")
    assert found(2000, pullRequest={"scope": "Project"}, strategy="SharedBranch") == []
    assert bool(found(500, parents=10)) is ("strategy" in git)  # only there dependencies are told


def test_it_is_pulled_by_what_the_tasks_pods_are_pulled_by() -> None:
    container = {"name": "agent", "image": "x", "command": ["x"]}
    pods = [{"containers": [container], "imagePullSecrets": [{"name": name}]} for name in ("one", "two", "one")]
    roles = [{"name": f"r{i}", "podTemplate": {"spec": pod}} for i, pod in enumerate(pods)]
    spec = parse_spec({"git": GIT, "tasks": [{"id": "a", "role": "r0"}], "roles": roles})
    graph = compile_graph(spec)
    planned = plan(graph, spec, Ledger(start_time=0.0), {"a": [Attempt(1, Phase.SUCCEEDED, ended=1.0)]}, 2.0)
    assert spec.git
    made = publish_manifest(Owner("p", "n", "uid"), spec, spec.git, graph, planned, "revision", 1, "image")
    assert made["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
