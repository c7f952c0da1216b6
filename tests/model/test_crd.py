"""The CRD follows the models: complete, bounded, described, and without what comes later."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
import yaml

from parallelproject.model import crd as module
from parallelproject.model.base import Later, Model
from parallelproject.model.crd import (
    COLUMNS,
    LIST_KEYS,
    NOT_OBSERVED,
    NULLABLE,
    RULES,
    SERVER_DEFAULTS,
    crd,
    places,
    project_schema,
)
from parallelproject.model.spec import MAX_TASKS, Spec
from parallelproject.model.status import Status

CRD = crd()
(VERSION,) = CRD["spec"]["versions"]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
BY_PLACE = dict(places(SCHEMA))
OURS = {place: node for place, node in BY_PLACE.items() if not place.startswith("metadata")}
FIELDS = {place: node for place, node in OURS.items() if place and not place.endswith(("[]", "{}"))}

STRUCTURAL_KEYWORDS = {
    *("type", "description", "default", "enum", "format", "nullable", "pattern", "required"),
    *("properties", "items", "additionalProperties"),
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-preserve-unknown-fields"),
    "x-kubernetes-validations",
}


def of_type(kind: str) -> list[Any]:
    return [pytest.param(node, id=place) for place, node in OURS.items() if node["type"] == kind]


def test_has_the_fields_of_the_contract():
    assert {
        *("spec.suspend", "spec.scheduling", "spec.parallelism", "spec.failurePolicy", "spec.activeDeadlineSeconds"),
        *("spec.ttlSecondsAfterFinished", "spec.executor", "spec.conflicts.onFileOverlap"),
        *("spec.roles[].name", "spec.roles[].maxConcurrent", "spec.roles[].podTemplate.spec.containers[].command"),
        *("spec.defaults.role", "spec.defaults.maxAttempts", "spec.defaults.backoffSeconds"),
        *("spec.defaults.activeDeadlineSeconds", "spec.tasks[].id", "spec.tasks[].title", "spec.tasks[].description"),
        *("spec.tasks[].dependencies[]", "spec.tasks[].files[]", "spec.tasks[].priority", "spec.tasks[].group"),
        *("spec.tasks[].role", "spec.tasks[].maxAttempts", "spec.tasks[].activeDeadlineSeconds"),
        *("spec.tasks[].estimateSeconds", "spec.tasks[].parameters[].name", "spec.tasks[].parameters[].value"),
        *("status.observedGeneration", "status.progress", "status.level", "status.counts.running"),
        *("status.conditions[].type", "status.levels[].index", "status.tasks[].jobName", "status.metrics.speedup"),
    } <= set(BY_PLACE)


@pytest.mark.parametrize("node", [pytest.param(node, id=place or "root") for place, node in BY_PLACE.items()])
def test_is_structural(node: dict[str, Any]):
    assert set(node) <= STRUCTURAL_KEYWORDS
    assert node["type"] in {"object", "array", "string", "integer", "boolean"}
    assert not ("properties" in node and "additionalProperties" in node)
    assert set(node.get("required", ())) <= set(node.get("properties", ()))


@pytest.mark.parametrize("node", [pytest.param(node, id=place) for place, node in FIELDS.items()])
def test_every_field_is_described_by_a_sentence(node: dict[str, Any]):
    assert re.fullmatch(r"[A-Z$].{3,}\.", node["description"])
    assert "\n" not in node["description"]


@pytest.mark.parametrize("node", of_type("array"))
def test_every_list_is_bounded_and_says_how_it_is_merged(node: dict[str, Any]):
    assert 0 < node["maxItems"] <= 2 * MAX_TASKS
    assert node["x-kubernetes-list-type"] in {"atomic", "map"}
    for key in node.get("x-kubernetes-list-map-keys", ()):
        assert key in node["items"]["required"]


@pytest.mark.parametrize("node", of_type("string"))
def test_every_string_is_bounded(node: dict[str, Any]):
    assert "enum" in node or 0 < node["maxLength"] <= 65_536


@pytest.mark.parametrize("node", of_type("integer"))
def test_every_integer_is_bounded_and_fits_its_format(node: dict[str, Any]):
    bits = {"int32": 31, "int64": 53}[node["format"]]  # JSON readers keep 53
    assert -(2**bits) < node["minimum"] < node["maximum"] < 2**bits


@pytest.mark.parametrize("node", of_type("object"))
def test_every_object_tells_its_fields_or_its_bound(node: dict[str, Any]):
    assert "properties" in node or node["maxProperties"]


def later_places(annotation: Any, place: str) -> Iterator[str]:
    """Every field of a model, at any depth, that is marked as coming later."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        for name, field in annotation.model_fields.items():
            inner = f"{place}.{field.alias or name}"
            if any(isinstance(mark, Later) and not mark.values for mark in field.metadata):
                yield inner
            yield from later_places(field.annotation, inner)
    else:
        inner = f"{place}[]" if get_origin(annotation) is list else place
        for argument in get_args(annotation):
            yield from later_places(argument, inner)


def test_fields_of_later_versions_are_left_out():
    later = [*later_places(Spec, "spec"), *later_places(Status, "status")]
    assert not set(later) & set(BY_PLACE)
    for place, node in BY_PLACE.items():
        assert not {f"{place}.{name}" for name in node.get("required", ())} & set(later)


def test_only_scalars_outside_of_lists_get_a_default_from_the_server():
    assert {place for place, node in BY_PLACE.items() if "default" in node} == SERVER_DEFAULTS | {"status"}
    assert BY_PLACE["status"]["default"] == NOT_OBSERVED
    for place in SERVER_DEFAULTS:
        assert "[]" not in place
        assert BY_PLACE[place]["type"] in {"boolean", "integer", "string"}


def test_defaults_are_the_models():
    spec = Spec().model_dump(by_alias=True, mode="json")
    assert {f"spec.{name}": spec[name] for name in spec if f"spec.{name}" in SERVER_DEFAULTS} == {
        place: BY_PLACE[place]["default"] for place in SERVER_DEFAULTS
    }


def test_a_default_is_told_to_those_who_ask_kubectl():
    assert BY_PLACE["spec.parallelism"]["description"].endswith("Defaults to 4.")
    assert BY_PLACE["spec.defaults.maxAttempts"]["description"].endswith("Defaults to 2.")
    assert BY_PLACE["spec.suspend"]["description"].endswith("Defaults to false.")
    assert BY_PLACE["spec.failurePolicy"]["description"].endswith("Defaults to FinishLevel.")
    assert "Defaults to" not in BY_PLACE["spec.tasks[].title"]["description"]


@pytest.mark.parametrize("place", [*LIST_KEYS, *RULES, *sorted(SERVER_DEFAULTS), *sorted(NULLABLE)])
def test_what_is_said_of_a_place_is_said_of_one_that_is_there(place: str):
    assert place in BY_PLACE


@pytest.mark.parametrize("rule", [rule for rules in RULES.values() for rule in rules])
def test_every_rule_says_what_is_wrong_and_what_to_do(rule: dict[str, str]):
    wrong, _, hint = rule["message"].partition("; ")
    assert wrong
    assert hint


def test_every_column_shows_a_field_that_is_there():
    for column in COLUMNS:
        if column["name"] == "Age":
            continue
        place = re.sub(r"\[\?\(.*?\)\]", "[]", column["jsonPath"]).removeprefix(".")
        assert BY_PLACE[place]["type"] == column["type"], column


def test_a_pod_template_and_a_workflow_are_open_to_the_rest_of_their_kind():
    for place in ("", ".metadata", ".spec", ".spec.containers[]"):
        assert BY_PLACE[f"spec.roles[].podTemplate{place}"]["x-kubernetes-preserve-unknown-fields"] is True
    assert [p for p, n in BY_PLACE.items() if "x-kubernetes-preserve-unknown-fields" in n] == [
        *(f"spec.roles[].podTemplate{place}" for place in ("", ".metadata", ".spec", ".spec.containers[]")),
        "spec.roles[].workflowSpec",
    ]


def test_is_made_anew_each_time():
    crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].clear()
    project_schema()["properties"].clear()
    crd()["spec"]["versions"][0]["additionalPrinterColumns"][0]["name"] = "X"
    assert crd() == CRD
    assert module.COLUMNS[0]["name"] == "Succeeded"


def test_is_small_enough_for_a_plain_kubectl_apply(pytestconfig: pytest.Config):
    (file,) = (pytestconfig.rootpath / "crds").glob("*.yaml")
    annotation = json.dumps(yaml.safe_load(file.read_text()), separators=(",", ":"))  # as kubectl writes it
    assert len(annotation) < 96 * 1024  # at most 256 KiB
