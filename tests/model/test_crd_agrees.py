"""The CRD and the model accept the same specs, but for the differences listed here."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from kubernetes import client, config

from parallelproject.model.crd import Schema, project_schema
from parallelproject.model.names import API_VERSION, KIND, PLURAL
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import MAX_TASKS
from rig import ControlPlane
from tests.core.examples import tries

pytestmark = pytest.mark.cluster

SPEC = project_schema()["properties"]["spec"]
Says = Callable[[Any], str]
"""Gives what is wrong with a spec, or an empty string."""
CREATE = "application/json"
APPLY = "application/apply-patch+yaml"


def encoded(project: object) -> bytes:
    """JSON that is YAML as well: an applied body is read as YAML, which has no surrogate pairs and no raw controls."""
    text = json.dumps(project, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def says(connection: client.ApiClient, spec: object, how: str) -> str:
    """What the API server says of a spec: a dry run that refuses unknown fields."""
    project = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "shop"}, "spec": spec}
    path = f"/apis/{API_VERSION}/namespaces/default/{PLURAL}"
    query = "?dryRun=All&fieldValidation=Strict"
    verb, url = ("POST", path + query) if how == CREATE else ("PATCH", f"{path}/shop{query}&fieldManager=test")
    answer = connection.rest_client.pool_manager.request(
        verb,
        connection.configuration.host + url,
        body=encoded(project),
        headers={"Content-Type": how, "Authorization": connection.configuration.get_api_key_with_prefix("BearerToken")},
    )
    if answer.status in (200, 201):
        return ""
    told = str(answer.json()["message"])
    if answer.status in (400, 422) or "failed to create typed patch object" in told:
        return told
    raise AssertionError(told)  # not about the manifest


@pytest.fixture(scope="module")
def connection(control_plane: ControlPlane) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(str(control_plane.kubeconfig)) as opened:
        yield opened


@pytest.fixture(scope="module")
def server(connection: client.ApiClient) -> Says:
    """What the API server says of a spec that is applied by the server, as ``pproj submit`` does."""
    return lambda spec: says(connection, spec, APPLY)


def model(spec: object) -> str:
    """What the model says of a spec."""
    try:
        parse_spec(spec)
    except ProblemsError as refused:
        return str(refused)
    return ""


# Specs near the bounds that the schema tells.

TEXT = st.characters(exclude_categories=["Cs"])


def texts(node: Schema) -> st.SearchStrategy[str]:
    least, most = node.get("minLength", 0), node["maxLength"]
    if "pattern" in node:
        return st.from_regex(node["pattern"], fullmatch=True).filter(lambda text: len(text) <= most)
    return st.text(TEXT, min_size=least, max_size=8) | TEXT.map(lambda character: character * most)


def values(node: Schema) -> st.SearchStrategy[Any]:
    """What the schema accepts."""
    if "enum" in node:
        return st.sampled_from(node["enum"])
    match node["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            bounds = st.sampled_from([node["minimum"], node["maximum"]])
            return bounds | st.integers(node["minimum"], node["maximum"])
        case "string":
            return texts(node)
        case "array":
            key = node.get("x-kubernetes-list-map-keys")
            unique = (lambda item: item[key[0]]) if key else None
            return st.lists(values(node["items"]), max_size=3, unique_by=unique)
    if "properties" not in node:  # a map, as of the limits of roles: the model has further rules for its keys
        return st.just({})
    fields = {name: values(field) for name, field in node["properties"].items() if name != "podTemplate"}
    required = {name: fields.pop(name) for name in node.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def wrong(node: Schema) -> st.SearchStrategy[Any]:
    """What the schema may refuse: beyond a bound, or of another type; never null or a whole number with a point."""
    other: list[Any] = [
        True,
        1,
        2.5,
        10**12,
        -(10**12),
        "",
        "a",
        "-a",
        "a\n",
        "ä",
        "levels",
        [],
        ["a"],
        [[]],
        {},
        {"a": 1},
    ]
    if node["type"] == "string" and "maxLength" in node:
        other += ["a" * (node["maxLength"] + 1), "é" * (node["maxLength"] + 1), "𝔞" * node["maxLength"]]
    if node["type"] == "integer":
        other += [node["minimum"] - 1, node["maximum"] + 1, str(node["maximum"])]
    if node["type"] == "array" and node["items"]["type"] == "string":
        other += [["a"] * node["maxItems"], ["a", 1]]
        if node["maxItems"] < MAX_TASKS:  # a local run may have more tasks than an object can
            other.append(["a"] * (node["maxItems"] + 1))
    return st.sampled_from(other)


def parts(value: Any, node: Schema) -> Iterator[tuple[Any, Any, Schema]]:
    """Every (container, key, schema of what is there) within a value."""
    if isinstance(value, dict):
        for key in value:
            yield value, key, node["properties"][key]
            yield from parts(value[key], node["properties"][key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield value, index, node["items"]
            yield from parts(item, node["items"])


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(item)


@st.composite
def specs(draw: st.DrawFn) -> Any:
    """A spec, valid or with one thing wrong."""
    spec = draw(values(SPEC))
    for task in spec.get("tasks", ()):
        if task["id"] in task.get("dependencies", ()):
            task["dependencies"].remove(task["id"])
    places = list(parts(spec, SPEC))
    match draw(st.sampled_from(["nothing", "value", "value", "value", "unknown", "missing"])):
        case "value" if places:
            container, key, node = draw(st.sampled_from(places))
            container[key] = draw(wrong(node))
        case "unknown":
            draw(st.sampled_from(list(objects(spec))))["unknown"] = 1
        case "missing" if places:
            container, key, _ = draw(st.sampled_from(places))
            del container[key]
    return spec


@settings(
    max_examples=tries(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(spec=specs())
def test_the_server_accepts_what_the_model_accepts_and_nothing_else(server: Says, spec: Any):
    ours, theirs = model(spec), server(spec)
    event("refused" if ours else "accepted")
    assert bool(ours) == bool(theirs), f"the model: {ours or 'accepted'}\nthe server: {theirs or 'accepted'}"


def task(**fields: object) -> dict[str, Any]:
    return {"tasks": [{"id": "a", **fields}]}


NULLS = {
    "an optional field of a task": (task(role=None), "spec.tasks[0].role"),
    "an optional number": ({"activeDeadlineSeconds": None}, "spec.activeDeadlineSeconds"),
    "nothing below `defaults:`": ({"defaults": None}, "spec.defaults"),
    "nothing below `conflicts:`": ({"conflicts": None}, "spec.conflicts"),
    "nothing below `podTemplate:`": ({"roles": [{"name": "coder", "podTemplate": None}]}, "spec.roles[0].podTemplate"),
}
"""The API server drops a null that is created, and refuses one that is applied."""

REFUSED_BY_THE_SERVER_ALONE = {
    "a retry twice": ({"retries": [{"id": "a", "forgive": 1}] * 2}, ".spec.retries: duplicate entries"),
    "more tasks than an object can have": ({"skip": ["a"] * (MAX_TASKS + 1)}, "spec.skip: Too many: 2001"),
    # By the graph as well:
    "a task on itself": (task(dependencies=["a"]), "cannot depend on itself"),
    "a role twice": ({"roles": [{"name": "a"}, {"name": "a"}]}, ".spec.roles: duplicate entries"),
    "a parameter twice": (task(parameters=[{"name": "a"}, {"name": "a"}]), ".parameters: duplicate entries"),
}

REFUSED_BY_THE_MODEL_ALONE = {
    "a whole number with a point": {"parallelism": 4.0},  # stored as 4
    "null for a field with a default of the server's": {"scheduling": None},  # stored as the default
}


@pytest.mark.parametrize("case", NULLS)
def test_known_difference_null_is_refused_by_server_side_apply_alone(connection: client.ApiClient, case: str):
    spec, place = NULLS[case]
    assert model(spec) == ""
    assert says(connection, spec, CREATE) == ""
    assert f"{place}: Invalid value" in says(connection, spec, APPLY)


@pytest.mark.parametrize("case", REFUSED_BY_THE_SERVER_ALONE)
def test_known_difference_refused_by_the_server_alone(server: Says, case: str):
    spec, told = REFUSED_BY_THE_SERVER_ALONE[case]
    assert model(spec) == ""
    assert told in server(spec)


@pytest.mark.parametrize("case", REFUSED_BY_THE_MODEL_ALONE)
def test_known_difference_refused_by_the_model_alone(server: Says, case: str):
    spec = REFUSED_BY_THE_MODEL_ALONE[case]
    assert model(spec)
    assert server(spec) == ""


def test_null_for_a_group_is_accepted_by_both(connection: client.ApiClient):
    assert model(task(group=None)) == says(connection, task(group=None), APPLY) == ""
