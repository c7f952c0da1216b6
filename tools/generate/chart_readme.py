"""The chart's README: the words of ``chart.md``, and a table of all values with their comments.

The comments are those of helm-docs: one that begins with ``# --`` describes the value below it, whatever that holds;
``##@`` begins a section.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import NamedTuple

import yaml

from generate.fields import row

VALUES = Path(__file__).parents[2] / "charts" / "parallelproject" / "values.yaml"
_WORDS = Path(__file__).with_name("chart.md")
_TABLE = "| Value | Default | |\n|---|---|---|"


class Value(NamedTuple):
    """A value that has a description."""

    path: str
    """As in ``image.tag``."""
    default: object
    description: str
    section: str


def chart_readme() -> str:
    """The page, as Markdown."""
    lines: list[str] = []
    section = ""
    for value in values(VALUES.read_text()):
        if value.section != section:
            section = value.section
            lines += ["", f"### {section}", _TABLE] if lines else [f"### {section}", _TABLE]
        default = json.dumps(value.default, ensure_ascii=False)
        lines.append(row([f"`{value.path}`", f"`{default}`", value.description]))
    return Template(_WORDS.read_text()).substitute(values="\n".join(lines))


def values(text: str) -> Iterator[Value]:
    """Every value, in the order of the file.

    Raises:
        ValueError: A value has no description, and neither has one above or below it.
    """
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    yield from _values(text.splitlines(), root, "")


def _values(lines: list[str], node: yaml.MappingNode, prefix: str) -> Iterator[Value]:
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        if description := _comment(lines, key.start_mark.line):
            default = yaml.safe_load(yaml.serialize(value))
            yield Value(path, default, description, _section(lines, key.start_mark.line))
        elif isinstance(value, yaml.MappingNode) and value.value:
            yield from _values(lines, value, f"{path}.")
        else:
            raise ValueError(f"values.yaml, line {key.start_mark.line + 1}: {path} has no comment `# -- …` above it")


def _comment(lines: list[str], line: int) -> str:
    """The comment right above a line; empty if it describes nothing."""
    above: list[str] = []
    while (line := line - 1) >= 0 and (found := re.match(r"\s*# (.*)", lines[line])):
        above.insert(0, found[1].strip())
        if above[0].startswith("-- "):
            return " ".join(above).removeprefix("-- ")
    return ""


def _section(lines: list[str], line: int) -> str:
    return next((text[4:].strip() for text in reversed(lines[:line]) if text.startswith("##@ ")), "")
