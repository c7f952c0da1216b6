"""Random specs, small and odd, for the property tests of the core."""

from typing import Any

from hypothesis import strategies as st

from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec

FILES = ["a", "b", "d/x", "d/y", "d/*", "d/", "e/**/f.py", "*.md"]


def compiled(**fields: Any) -> tuple[CompiledGraph, Spec]:
    spec = parse_spec(fields)
    return compile_graph(spec), spec


@st.composite
def acyclic_parents(draw: st.DrawFn, most: int = 9, fewest: int = 0) -> list[list[int]]:
    """By task, the tasks that it waits for; the tasks stand in any order."""
    size = draw(st.integers(fewest, most))
    turn = draw(st.permutations(range(size)))
    parents: list[list[int]] = [[] for _ in range(size)]
    for place, task in enumerate(turn):
        if place:
            parents[task] = draw(st.lists(st.sampled_from(turn[:place]), max_size=3, unique=True))
    return parents


@st.composite
def task_lists(draw: st.DrawFn, most: int = 9, roles: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    parents = draw(acyclic_parents(most, draw(st.sampled_from([1, 1, 5]))))
    tasks = []
    for i, above in enumerate(parents):
        task: dict[str, Any] = {"id": f"t{i}", "dependencies": [f"t{p}" for p in above]}
        task |= {"priority": draw(st.integers(-1, 1)), "estimateSeconds": draw(st.integers(1, 9))}
        task["files"] = draw(st.lists(st.sampled_from(FILES), max_size=2))
        if roles:
            task["role"] = draw(st.sampled_from(roles))
        if draw(st.integers(0, 3)) == 0:
            task["maxAttempts"] = draw(st.integers(1, 3))
        tasks.append(task)
    return tasks


@st.composite
def specs(
    draw: st.DrawFn,
    scheduling: tuple[str, ...] = ("Levels", "Graph"),
    policies: tuple[str, ...] = ("FinishLevel", "Continue", "FailFast"),
    overlap: tuple[str, ...] = ("Serialize", "Serialize", "Warn", "Ignore"),
    deadlines: bool = True,
) -> Spec:
    roles = draw(st.sampled_from([(), ("one",), ("one", "two")]))
    caps = [draw(st.sampled_from([None, 1, 2])) for _ in roles]
    backoff, attempts = draw(st.integers(0, 7)), draw(st.integers(1, 3))
    fields: dict[str, Any] = {
        "scheduling": draw(st.sampled_from(scheduling)),
        "failurePolicy": draw(st.sampled_from(policies)),
        "parallelism": draw(st.integers(1, 4)),
        "conflicts": {"onFileOverlap": draw(st.sampled_from(overlap))},
        "roles": [{"name": name, "maxConcurrent": cap} for name, cap in zip(roles, caps, strict=True)],
        "defaults": {"maxAttempts": attempts, "backoffSeconds": backoff},
        "tasks": draw(task_lists(roles=roles)),
    }
    if deadlines and draw(st.integers(0, 4)) == 0:
        fields["activeDeadlineSeconds"] = draw(st.integers(5, 80))
    return parse_spec(fields)
