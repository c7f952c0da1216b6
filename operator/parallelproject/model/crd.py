"""The CustomResourceDefinition, made from the models of the spec and the status.

Descriptions, bounds and defaults are in the models. This file adds what only Kubernetes needs: how lists are merged,
which defaults the API server persists, rules across fields, columns.
"""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from parallelproject.model.base import Later, Model
from parallelproject.model.fielddocs import field_docs
from parallelproject.model.names import CRD_NAME, GROUP, KIND, PLURAL, SHORT, SINGULAR, VERSION
from parallelproject.model.spec import Spec
from parallelproject.model.status import Status

Schema = dict[str, Any]

INTEGER_MAX = 2**53 - 1
"""Bound of an integer for which the model has none: the largest that every JSON reader represents exactly."""
_INT32_MAX = 2**31 - 1

LIST_KEYS = {
    "spec.roles": "name",
    "spec.roles[].podTemplate.spec.containers": "name",
    "spec.retries": "id",
    "spec.approvals": "id",
    "spec.tasks[].parameters": "name",
    "status.conditions": "type",
}
"""Lists whose items a field identifies: the server refuses duplicates, and each item has its own owner.

All others are atomic. So are the tasks, for size: as a map list, 500 of them add 60–136 KiB of
managedFields. Parameters are within the tasks and so cost nothing.
"""

SERVER_DEFAULTS = frozenset(
    {"spec.suspend", "spec.scheduling", "spec.parallelism", "spec.failurePolicy", "spec.executor"}
)
"""Defaults that the API server writes into the object. The object then says how it is run, and that does not change
when a later version has another default.

The others are applied when the spec is read. Within an atomic list a written default would make the
live list differ from the applied one, a conflict for anyone else who applies the same; within an object
it would only be written where the object is given.
"""

NOT_OBSERVED = {"observedGeneration": -1}
"""The status of a new project, written by the API server. Without it, a tool that waits for the project (kstatus) would
treat one that the operator has not seen yet as ready."""

NULLABLE = frozenset({"spec.tasks[].group"})
"""Fields that may be null, which means none; any other optional field has to be absent instead."""

RULES: dict[str, list[dict[str, str]]] = {
    "": [
        {
            "rule": "self.metadata.name.size() <= 63",
            "message": "metadata.name must have at most 63 characters, as it becomes a label's value; shorten it",
            "fieldPath": ".metadata.name",
        }
    ],
    "spec.executor": [
        {
            "rule": "self == oldSelf",
            "message": "executor cannot be changed later; delete the project and create it again",
        }
    ],
    "spec.tasks[]": [
        {
            "rule": "!has(self.dependencies) || !(self.id in self.dependencies)",
            "message": "a task cannot depend on itself; remove its id from its dependencies",
            "messageExpression": """'"' + self.id + '" cannot depend on itself; remove it from its dependencies'""",
            "fieldPath": ".dependencies",
        }
    ],
}
"""CEL rules by their place. The condition Accepted reports what only the whole graph shows."""


def _column(name: str, kind: str, path: str, description: str, *, wide: bool = False) -> dict[str, Any]:
    column = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | {"priority": 1} if wide else column


_SUCCEEDED = '.status.conditions[?(@.type=="Succeeded")]'
_ATTENTION = '.status.conditions[?(@.type=="NeedsAttention")]'
_SUSPENDED = '.status.conditions[?(@.type=="Suspended")]'
COLUMNS = [
    _column("Succeeded", "string", f"{_SUCCEEDED}.status", "Whether all tasks succeeded; Unknown while it runs."),
    _column("Reason", "string", f"{_SUCCEEDED}.reason", "Why it is in this state, as one word."),
    _column("Level", "string", ".status.currentLevel", "The lowest level that is not done; the first is L0."),
    _column("Progress", "string", ".status.progress", "Tasks that succeeded, out of all tasks."),
    _column("Running", "integer", ".status.counts.running", "Running tasks."),
    _column("Failed", "integer", ".status.counts.failed", "Tasks that failed for good."),
    _column("Needs", "string", f"{_ATTENTION}.reason", "What waits for a person: Approval, Input, Login or Several."),
    _column("Age", "date", ".metadata.creationTimestamp", "Time since it was created."),
    _column("Skipped", "integer", ".status.counts.skipped", "Tasks that will not run.", wide=True),
    _column("Suspended", "string", f"{_SUSPENDED}.status", "Whether no new task starts.", wide=True),
    _column("Parallelism", "integer", ".spec.parallelism", "Maximum number of running tasks.", wide=True),
    _column("Speedup", "string", ".status.metrics.speedup", "Work divided by wall-clock time.", wide=True),
    _column("Message", "string", f"{_SUCCEEDED}.message", "Why it is in this state, as a sentence.", wide=True),
]
"""The columns of ``kubectl get`` after the name. The reason of Succeeded is the most useful one at any time."""


def crd() -> dict[str, Any]:
    """The CustomResourceDefinition, as plain data, new each time."""
    schema = project_schema()
    for place, node in places(schema):
        default = node.get("default")
        if default not in (None, "", [], {}) and node["type"] != "object":
            shown = default if isinstance(default, str) else json.dumps(default)
            node["description"] += f" Defaults to {shown}."  # `kubectl explain` shows no defaults
        if place not in SERVER_DEFAULTS:
            node.pop("default", None)
    schema["properties"]["status"]["default"] = dict(NOT_OBSERVED)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": SINGULAR,
                # Not in category "all": `kubectl delete all --all` would delete the projects too.
                "shortNames": [SHORT],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [dict(column) for column in COLUMNS],
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def project_schema() -> Schema:
    """The structural schema of a project, with every default of the models."""
    spec = _structural(Spec)
    root: Schema = {
        "type": "object",
        "description": "A graph of tasks, run in parallel, each exactly once.",
        "required": ["spec"],
        "properties": {
            # apiVersion, kind and metadata are implied; only a rule's fieldPath needs them.
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
            "spec": spec,
            "status": _structural(Status),
        },
    }
    for place, node in places(root):
        if node.get("type") == "array":
            key = LIST_KEYS.get(place)
            node["x-kubernetes-list-type"] = "map" if key else "atomic"
            if key:
                node["x-kubernetes-list-map-keys"] = [key]
        if place in NULLABLE:
            node["nullable"] = True
        if place in RULES:
            node["x-kubernetes-validations"] = [dict(rule) for rule in RULES[place]]
    return root


def places(schema: Schema, place: str = "") -> Iterator[tuple[str, Schema]]:
    """Yields every schema within one, itself first, by its place: ``spec.tasks[].id``; ``{}`` is any key of a map."""
    yield place, schema
    for name, node in schema.get("properties", {}).items():
        yield from places(node, f"{place}.{name}" if place else name)
    if "items" in schema:
        yield from places(schema["items"], f"{place}[]")
    if "additionalProperties" in schema:
        yield from places(schema["additionalProperties"], f"{place}{{}}")


def _structural(model: type[Model]) -> Schema:
    """Pydantic's JSON Schema of a model as Kubernetes requires it: no references, no null, no fields of later
    versions."""
    generated = model.model_json_schema(by_alias=True)
    parts = _parts(model)
    later = {part.__name__: _later(part) for part in parts}
    definitions = generated.pop("$defs", {})
    for part in parts:
        properties = (generated if part is model else definitions[part.__name__])["properties"]
        for name, text in field_docs(part).items():
            properties[part.model_fields[name].alias or name]["description"] = text

    def convert(node: Schema, name: str = "") -> Schema:
        if "$ref" in node:
            name = node["$ref"].removeprefix("#/$defs/")
            return convert(definitions[name] | {k: v for k, v in node.items() if k != "$ref"}, name)
        if "anyOf" in node:
            (one,) = (choice for choice in node["anyOf"] if choice != {"type": "null"})
            return convert(one | {k: v for k, v in node.items() if k != "anyOf"})
        return _node(node, convert, later.get(name, {}))

    return convert(generated, model.__name__)


def _node(node: Schema, convert: Callable[[Schema], Schema], later: dict[str, Later]) -> Schema:
    """One node of a schema, with its keywords in a fixed order."""
    made: Schema = {"description": " ".join(node["description"].split())} if "description" in node else {}
    made["type"] = node["type"]
    made |= {key: deepcopy(node[key]) for key in _KEPT if node.get(key) is not None}
    if made["type"] == "integer":
        made.setdefault("minimum", -INTEGER_MAX)
        made.setdefault("maximum", INTEGER_MAX)
        small = max(-made["minimum"], made["maximum"]) <= _INT32_MAX
        made["format"] = "int32" if small else "int64"
    if node["type"] != "object":
        if "items" in node:
            made["items"] = convert(node["items"])
        return made

    gone = {name for name, mark in later.items() if not mark.values}
    required = [name for name in node.get("required", []) if name not in gone]
    if required:
        made["required"] = required
    if "properties" in node:
        made["properties"] = {
            name: _without(convert(field), later[name].values if name in later else ())
            for name, field in node["properties"].items()
            if name not in gone
        }
        if isinstance(made.get("default"), dict):
            made["default"] = {k: v for k, v in made["default"].items() if k not in gone}
    if node.get("additionalProperties") is True:
        made["x-kubernetes-preserve-unknown-fields"] = True
    elif node.get("additionalProperties"):
        made["additionalProperties"] = convert(node["additionalProperties"])
    return made


_KEPT = (
    "default", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
    "maxProperties",
)  # fmt: skip


def _without(node: Schema, values: tuple[str, ...]) -> Schema:
    """A schema without the enum values of later versions."""
    if values:
        node["enum"] = [value for value in node["enum"] if value not in values]
    return node


def _later(model: type[Model]) -> dict[str, Later]:
    """The marks of a model's fields, by name on the wire."""
    return {
        field.alias or name: mark
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, Later)
    }


def _parts(model: type[Model]) -> set[type[Model]]:
    """A model and all models that it contains."""
    found: set[type[Model]] = set()
    open_: list[Any] = [model]
    while open_:
        kind = open_.pop()
        if isinstance(kind, type) and issubclass(kind, Model):
            if kind not in found:
                found.add(kind)
                open_ += [field.annotation for field in kind.model_fields.values()]
        else:
            open_ += getattr(kind, "__args__", ())
    return found
