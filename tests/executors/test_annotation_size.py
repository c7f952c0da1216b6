"""The annotations of a pod have no more bytes than the API server accepts, whatever spec, outputs and feedback have."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Record
from parallelproject.executors.job.annotation_size import ANNOTATIONS_BYTES, known_size
from parallelproject.executors.job.task_job import check_for_cluster, job_manifest
from parallelproject.model.names import ANNOTATION_FEEDBACK, ANNOTATION_TASK
from parallelproject.model.project import parse_spec
from parallelproject.model.status import TaskState
from tests.core.examples import examples
from tests.executors.test_delivery_pod import GIT, OWNER

Json = dict[str, Any]
CONTAINER = {"name": "agent", "image": "x", "command": ["agent"]}


def spec_of(task: Json, role: Json | None = None, **fields: Any) -> Json:
    metadata = (role or {}).pop("metadata", {})
    made = {"name": "r", "podTemplate": {"metadata": metadata, "spec": {"containers": [CONTAINER]}}, **(role or {})}
    parents = [{"id": each} for each in task.get("dependencies", [])]
    return {"roles": [made], "tasks": [*parents, {"id": "last", **task}], **fields}


def annotations(data: Json, feedback: str = "", outputs: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
    """Those of the pod of the last task; all that it depends on has succeeded with these outputs."""
    spec = parse_spec(data)
    graph = compile_graph(spec)
    commit = "0123456789" * 4
    records = {id: Record(TaskState.SUCCEEDED, 1, outputs=outputs, commit=commit) for id in graph.ids[:-1]}
    made = job_manifest(OWNER, spec, graph, len(graph.ids) - 1, 1, records, feedback=feedback)
    found: dict[str, str] = made["spec"]["template"]["metadata"]["annotations"]
    return found


def size_of(found: dict[str, str]) -> int:
    return sum(len(text.encode()) for pair in found.items() for text in pair)


texts = st.text(st.sampled_from('a"\\\n\x01ü<€'), max_size=30).flatmap(
    lambda text: st.integers(1, 600).map(lambda times: (text * times)[:15_000])
)
parameters = st.lists(texts.map(lambda text: text[:4000]), max_size=20).map(
    lambda values: [{"name": f"p{i}", "value": value} for i, value in enumerate(values)]
)
tasks = st.fixed_dictionaries(
    {
        "title": texts.map(lambda text: text.replace("\n", "")[:200]),
        "description": texts,
        "parameters": parameters,
        "dependencies": st.integers(0, 300).map(lambda count: [f"t{i}" for i in range(count)]),
    }
)
roles = st.fixed_dictionaries(
    {"instructions": texts, "metadata": st.builds(lambda text: {"annotations": {"example.org/note": text}}, texts)}
)


@examples(60)
@given(tasks, roles, st.booleans(), texts, st.integers(0, 30))
def test_what_is_accepted_fits(task: Json, role: Json, git: bool, text: str, times: int) -> None:
    data = spec_of(task, dict(role), **({"git": GIT} if git else {}))
    spec = parse_spec(data)
    if check_for_cluster(spec):
        return
    known = known_size(spec, spec.tasks[-1], spec.roles[0])
    assert size_of(annotations(data)) <= known <= ANNOTATIONS_BYTES
    outputs = tuple((f"o{i}", text[:1000]) for i in range(4))
    assert size_of(annotations(data, text * times, outputs)) <= ANNOTATIONS_BYTES


def values(count: int) -> list[Json]:
    """Parameters that take about 8 KiB each: they stand in the task, and by themselves."""
    return [{"name": f"p{i}", "value": "x" * 4096} for i in range(count)]


@pytest.mark.parametrize(
    ("task", "role", "fields"),
    [
        ({"parameters": values(33)}, {}, {}),
        ({"parameters": values(30)}, {"instructions": "x" * 16_000}, {}),
        ({"parameters": values(25)}, {"metadata": {"annotations": {"example.org/note": "x" * 60_000}}}, {}),
        ({"parameters": values(18), "description": "€" * 32_000}, {}, {"git": GIT}),
        ({"dependencies": [f"t{i}" for i in range(1400)]}, {}, {}),
    ],
)
def test_what_does_not_fit_is_refused_by_us(task: Json, role: Json, fields: Json) -> None:
    data = spec_of(task, role, **fields)
    (problem,) = check_for_cluster(parse_spec(data))
    assert problem.place == f"spec.tasks[{len(data['tasks']) - 1}]"
    assert re.fullmatch("the annotations of its pod need about 2[678].,... bytes; .* accepts 262,144", problem.found)


def test_long_feedback_keeps_its_start_and_its_end() -> None:
    data = spec_of({"parameters": values(24)}, {"instructions": "x" * 10_000})
    found = annotations(data, "it failed\n" + "ü" * 100_000 + "\nthe newest answer")
    assert 250_000 < size_of(found) <= ANNOTATIONS_BYTES
    assert found[ANNOTATION_FEEDBACK].startswith("it failed\n")
    assert found[ANNOTATION_FEEDBACK].endswith("\nthe newest answer")
    assert "\n[cut: " in found[ANNOTATION_FEEDBACK]
    assert json.loads(found[ANNOTATION_TASK])["instructions"] == "x" * 10_000


def test_short_feedback_is_whole() -> None:
    assert annotations(spec_of({}), "it failed\n")[ANNOTATION_FEEDBACK] == "it failed\n"
