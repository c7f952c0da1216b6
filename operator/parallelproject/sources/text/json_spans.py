"""Where the values of a JSON text stand in it, so that one can be replaced and the rest stays as it is. Pure."""

import re
from dataclasses import dataclass, field
from json.decoder import scanstring  # type: ignore[attr-defined]

_BLANK = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r"[^\s,\[\]{}:\"]+")
_DEPTH_MAX = 100


@dataclass
class JsonSpan:
    """A value, and the values in it."""

    start: int
    end: int = 0
    """The first character behind it."""
    members: dict[str, "JsonSpan"] = field(default_factory=dict)
    """An object's; of a key given twice the last one, as in JSON."""
    items: list["JsonSpan"] = field(default_factory=list)
    """A list's."""

    def at(self, path: list[str | int]) -> "JsonSpan | None":
        """What is at a path; None where nothing is."""
        span: JsonSpan | None = self
        for part in path:
            if span is None:
                return None
            if isinstance(part, int):
                span = span.items[part] if part < len(span.items) else None
            else:
                span = span.members.get(part)
        return span


def spans(text: str, start: int = 0) -> JsonSpan:
    """The value that starts at an offset, after blanks.

    Raises:
        ValueError: not JSON, or nested too deeply.
    """
    return _value(text, start, 0)


def replaced(text: str, edits: list[tuple[int, int, str]]) -> str:
    """The text with spans (start, end, new text) replaced; none may overlap another."""
    parts, at = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        parts += [text[at:start], new]
        at = end
    return "".join(parts) + text[at:]


def setting(text: str, owner: JsonSpan, key: str, value: str, after: str | None = None) -> tuple[int, int, str]:
    """The edit that gives an object a member, in the place of the old one or as its neighbours are written.

    Args:
        text: The text.
        owner: The object.
        key: The member's key.
        value: Its value, as JSON.
        after: A key that it follows where it is new; by default it becomes the first member.
    """
    old = owner.members.get(key)
    if old is not None:
        return old.start, old.end, value
    first = _skip(text, owner.start + 1)
    gap = text[owner.start + 1 : first]
    colon = ": " if text[owner.start : owner.end].count('": ') else ":"
    neighbour = owner.members.get(after or "")
    if neighbour is not None:
        between = gap or (" " if ", " in text[owner.start : owner.end] else "")
        return neighbour.end, neighbour.end, f',{between}"{key}"{colon}{value}'
    comma = "," if owner.members else ""
    behind = gap or (" " if ", " in text[owner.start : owner.end] else "")
    return first, first, f'"{key}"{colon}{value}{comma}{behind if comma else ""}'


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> JsonSpan:
    at = _skip(text, at)
    if depth > _DEPTH_MAX or at >= len(text):
        raise ValueError("not JSON that can be edited")
    span = JsonSpan(at)
    match text[at]:
        case '"':
            _, span.end = scanstring(text, at + 1, False)
        case "{":
            at = _skip(text, at + 1)
            while text[at : at + 1] != "}":
                if text[at : at + 1] != '"':
                    raise ValueError("not JSON that can be edited")
                key, at = scanstring(text, at + 1, False)
                at = _expect(text, at, ":")
                member = _value(text, at, depth + 1)
                span.members[key] = member
                at = _next(text, member.end, "}")
            span.end = at + 1
        case "[":
            at = _skip(text, at + 1)
            while text[at : at + 1] != "]":
                item = _value(text, at, depth + 1)
                span.items.append(item)
                at = _next(text, item.end, "]")
            span.end = at + 1
        case _:
            found = _PLAIN.match(text, at)
            if found is None:
                raise ValueError("not JSON that can be edited")
            span.end = found.end()
    return span


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise ValueError("not JSON that can be edited")
    return at + 1


def _next(text: str, at: int, end: str) -> int:
    """Where the next member starts, or the end of what contains it is."""
    at = _skip(text, at)
    if text[at : at + 1] == end:
        return at
    return _skip(text, _expect(text, at, ","))
