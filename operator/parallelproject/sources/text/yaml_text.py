"""YAML from strangers: plain data with the line of every part, in bounded time and memory. Knows no format.

Built on the parser's events rather than on a loader: nothing recurses, aliases are counted before they
are copied, no tag makes an object, and a scalar's own spelling is kept for the error message.
"""

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from parallelproject.model.problem import quoted
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.json_text import DEPTH_MAX, DIGITS_MAX

NODES_MAX = 1_000_000
"""Most values in a file, each use of an alias counted; a project of 2,000 tasks has about 40,000."""

_TAG = "tag:yaml.org,2002:"
_RESOLVER: Any = Resolver()
_CONSTRUCTOR = SafeConstructor()


@dataclass
class YamlDocument:
    """One document of a YAML stream."""

    data: Any = None
    line: int = 1
    lines: dict[str, int] = field(default_factory=dict)
    """By path, as in ``spec.tasks[3].id``: its line, from 1."""
    spelled: dict[str, str] = field(default_factory=dict)
    """By path of a value that is not text: how it is written there."""

    def line_of(self, path: str) -> int:
        """The line of a path, or of what contains it."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, self.line)


@dataclass
class _OpenNode:
    """A mapping or sequence that is being read."""

    value: Any
    path: str
    anchor: str | None
    nodes: int = 1
    key: str | None = None
    line: int = 1
    """Of the key."""
    merge: bool = False
    merged: list[Any] = field(default_factory=list)


def parse(text: str, findings: Findings) -> list[YamlDocument]:
    """Reads all documents of a stream; numbers, booleans and nulls as YAML 1.1 has them, dates as text.

    A key given twice is an error that is noted in ``findings``; the first one counts.

    Raises:
        ProblemsError: not YAML, a tag that makes objects, an alias of what contains it, numbers that JSON has
            not, deeper than ``DEPTH_MAX``, or more than ``NODES_MAX`` values.
    """
    reader = _Reader(findings)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = findings.line(mark.line + 1, mark.column + 1) if mark else findings.file
        findings.stop(place, f"not YAML: {error.problem or error.context}")
    except (yaml.YAMLError, UnicodeError) as error:
        # the reader, on a character that YAML forbids: its position counts characters
        position = getattr(error, "position", None) or getattr(error, "start", 0)
        place = findings.line(text.count("\n", 0, position) + 1)
        findings.stop(place, "not YAML: a character that YAML does not allow", "remove it")
    return reader.documents


class _Reader:
    """Builds data from events, one at a time."""

    def __init__(self, findings: Findings) -> None:
        self.documents: list[YamlDocument] = []
        self._findings = findings
        self._open: list[_OpenNode] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents.append(YamlDocument(line=line))
            self._anchors = {}
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor), line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._start({} if isinstance(event, yaml.MappingStartEvent) else [], event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._open.pop()
            merged = [part for more in done.merged for part in (more if isinstance(more, list) else [more])]
            for more in merged:
                if not isinstance(more, dict):
                    self._findings.stop(self._findings.line(line), "<< merges mappings only", "give it an alias of one")
                done.value.update({key: value for key, value in more.items() if key not in done.value})
            if done.anchor is not None:
                self._anchors[done.anchor] = (done.value, done.nodes)
            if self._open:
                self._open[-1].nodes += done.nodes

    def _start(self, value: Any, event: Any, line: int) -> None:
        plain = (None, "!", f"{_TAG}map", f"{_TAG}seq")
        if event.tag not in plain:
            self._refuse_tag(event.tag, line)
        if len(self._open) >= DEPTH_MAX:
            self._findings.stop(self._findings.line(line), f"nested deeper than {DEPTH_MAX} levels")
        path = self._put(value, line, 0)
        self._count(1, line)
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)  # an alias within it is refused
        self._open.append(_OpenNode(value, path, event.anchor))

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        top = self._open[-1] if self._open else None
        self._count(1, line)
        if top is not None and isinstance(top.value, dict) and top.key is None and not top.merge:
            if event.value == "<<" and event.implicit[0]:
                top.merge = True
            else:
                top.key = event.value
                top.line = line
            return
        value = self._value(event, line)
        path = self._put(value, line, 1)
        if not isinstance(value, str):
            self.documents[-1].spelled[path] = event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchors:
            found = f"the alias *{quoted(anchor)[1:-1]} is used before its anchor is defined"
            self._findings.stop(self._findings.line(line), found, "define its anchor earlier, and not around it")
        value, nodes = self._anchors[anchor]
        self._count(nodes, line)
        self._put(copy.deepcopy(value), line, nodes)

    def _put(self, value: Any, line: int, nodes: int) -> str:
        """Puts a value where it belongs and gives its path."""
        document = self.documents[-1]
        if not self._open:
            document.data = value
            return ""
        top = self._open[-1]
        top.nodes += nodes
        if isinstance(top.value, list):
            path = f"{top.path}[{len(top.value)}]"
            top.value.append(value)
        elif top.merge:
            path = top.path
            top.merge = False
            top.merged.append(value)
        elif top.key is None:
            self._findings.stop(self._findings.line(line), "a key must be plain text")
        else:
            path = f"{top.path}.{top.key}" if top.path else top.key
            line = top.line
            if top.key in top.value:
                self._findings.error(
                    self._findings.line(line), f"{quoted(top.key)} is there twice", "remove one of them"
                )
            else:
                top.value[top.key] = value
                document.lines[path] = line
            top.key = None
            return path
        document.lines[path] = line
        return path

    def _value(self, event: yaml.ScalarEvent, line: int) -> object:
        tag = event.tag
        if tag in (None, "!"):
            tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit) if tag is None else f"{_TAG}str"
        node = yaml.ScalarNode(tag, event.value)
        try:
            if tag in (f"{_TAG}int", f"{_TAG}float") and len(event.value) > DIGITS_MAX:
                raise ValueError
            if tag == f"{_TAG}int":
                return int(_CONSTRUCTOR.construct_yaml_int(node))
            if tag == f"{_TAG}float":
                number = float(_CONSTRUCTOR.construct_yaml_float(node))
                if not math.isfinite(number):
                    raise ValueError
                return number
            if tag == f"{_TAG}bool":
                return bool(_CONSTRUCTOR.construct_yaml_bool(node))
        except (ValueError, OverflowError, KeyError):
            found = f"{quoted(event.value, 40)} is not a usable number"
            self._findings.stop(self._findings.line(line), found, "write text in quotes")
        if tag == f"{_TAG}null":
            return None
        if tag not in (f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value", f"{_TAG}merge"):
            self._refuse_tag(tag, line)
        return event.value

    def _refuse_tag(self, tag: str, line: int) -> None:
        self._findings.stop(self._findings.line(line), f"the tag {quoted(tag)} is not allowed", "remove it")

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > NODES_MAX:
            found = f"holds more than {NODES_MAX:,} values, each use of an alias counted"
            self._findings.stop(self._findings.line(line), found, "use fewer aliases, or smaller projects")
