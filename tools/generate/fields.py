"""The reference of every field of a ParallelProject, as a Markdown page."""

import json
import re
from collections.abc import Iterator
from typing import Any

from parallelproject.model.crd import COLUMNS, INTEGER_MAX, Schema, places, project_schema
from parallelproject.model.names import API_VERSION, KIND, PLURAL, SHORT

_INTRODUCTION = f"""\
<!-- Generated from operator/parallelproject/model by `make generate`; don't edit. -->
# Fields of a {KIND}

`apiVersion: {API_VERSION}`, `kind: {KIND}`. In a terminal: `kubectl explain {PLURAL}.spec --recursive`.

`spec.tasks[].id` is the field `id` of each item of the list `tasks`. Every field is optional that is not marked
**required**. `kubectl` and `pproj` refuse a field that is not listed here.

`metadata.name` has at most 63 characters, as it becomes a label's value.
"""


def fields() -> str:
    """The page's text."""
    schema = project_schema()
    sections = [_INTRODUCTION]
    for place, node in places(schema):
        if place.startswith(("spec", "status")) and "properties" in node:
            sections.append(_section(place, node))
    sections.append(_columns())
    return "\n".join(sections)


def _section(place: str, node: Schema) -> str:
    """An object: what it is, its fields, and the rules about it."""
    level = 2 if "." not in place else 3
    lines = [f"{'#' * level} {place}", "", node["description"], ""]
    lines += ["| Field | Type | Default | Bounds | Description |", "|---|---|---|---|---|"]
    lines += [
        row([f"**{name}**", _type(f"{place}.{name}", field), default, _bounds(field), field["description"]])
        for name, field in node["properties"].items()
        for default in [_default(name in node.get("required", ()), field)]
    ]
    if node.get("x-kubernetes-preserve-unknown-fields"):
        lines += ["", "Kubernetes' other fields of this object are kept as they are."]
    for rule in _rules(node):
        lines += ["", f"Rule: {rule}."]
    return "\n".join(lines) + "\n"


def _rules(node: Schema) -> Iterator[str]:
    for holder in (node, *node["properties"].values()):
        for rule in holder.get("x-kubernetes-validations", ()):
            yield rule["message"]


def _type(place: str, field: Schema) -> str:
    kind: str = field["type"]
    if kind == "array":
        key = field.get("x-kubernetes-list-map-keys")
        unique = f", each {key[0]} once" if key else ""
        return f"list of {_type(f'{place}[]', field['items'])}{unique}"
    if kind == "object":
        if "additionalProperties" in field:
            return f"map of {_type(f'{place}{{}}', field['additionalProperties'])}"
        return f"[object](#{anchor(place)})"
    if "enum" in field:
        return " · ".join(f"`{value}`" for value in field["enum"])
    return "time" if field.get("format") == "date-time" else kind


def _default(required: bool, field: Schema) -> str:
    if required:
        return "**required**"
    if "default" not in field or isinstance(field["default"], dict):
        return ""
    default = field["default"]
    return f"`{default if isinstance(default, str) and default else json.dumps(default)}`"


def _bounds(field: Schema) -> str:
    if "enum" in field or field.get("format") == "date-time":
        return ""
    found = []
    if field["type"] == "integer" and field["maximum"] < INTEGER_MAX:
        found.append(f"{field['minimum']:,} to {field['maximum']:,}")
    elif field["type"] == "integer" and field["minimum"] > -INTEGER_MAX:
        found.append(f"{field['minimum']:,} or more")
    for least, most, unit in (
        ("minLength", "maxLength", "character"),
        ("minItems", "maxItems", "item"),
        ("", "maxProperties", "entry"),
    ):
        if most in field:
            span = f"{field[least]} to {field[most]:,}" if least in field else f"up to {field[most]:,}"
            found.append(f"{span} {unit[:-1] + 'ies' if unit.endswith('y') else unit + 's'}")
    if "pattern" in field:
        found.append(f"`{field['pattern']}`")
    for name in ("items", "additionalProperties"):
        inner = _bounds(field[name]) if name in field and field[name]["type"] != "object" else ""
        if inner:
            found.append(f"each {inner}")
    return "; ".join(found)


def _columns() -> str:
    lines = [
        "## Columns",
        "",
        f"What `kubectl get {SHORT}` shows, after the name; with `-o wide` also those marked wide.",
        "",
        "| Column | Value | |",
        "|---|---|---|",
    ]
    lines += [
        row(
            [
                f"**{column['name'].upper()}**{' (wide)' if column.get('priority') else ''}",
                f"`{column['jsonPath']}`",
                column["description"],
            ]
        )
        for column in COLUMNS
    ]
    return "\n".join(lines) + "\n"


def anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def row(cells: list[Any]) -> str:
    """A row of a table."""
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"
