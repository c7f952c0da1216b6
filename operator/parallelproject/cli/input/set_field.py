"""``--set path=value``: one field of a manifest. Pure."""

import re
from typing import Any

import yaml

from parallelproject.cli.output.failure import Failure

_PART = re.compile(r"\.?([^.\[\]]+)|\[([^\[\]]+)\]")
_NUMBER = re.compile(r"[0-9]{1,9}")
"""Of an item. ``str.isdigit`` also takes ``²``, of which ``int`` makes nothing."""
_ROOTS = ("spec", "metadata")


def set_all(manifest: dict[str, Any], settings: list[str]) -> None:
    """Sets each ``path=value`` in turn.

    A path has names with dots between, and in brackets a number from 0, the id or name of an item, or a key with
    dots: ``spec.tasks[api].priority``, ``metadata.labels[app.kubernetes.io/name]``. A value is a YAML scalar.

    Raises:
        Failure: one of them is not such a setting, or its path leads nowhere.
    """
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise Failure(f"--set {setting}: write it as PATH=VALUE", code=2)
        _set(manifest, path.strip(), _value(path, text))


def _value(path: str, text: str) -> Any:
    try:
        value = yaml.safe_load(text) if text.strip() else ""
    except yaml.YAMLError:
        raise Failure(f"--set {path}: {text!r} is no YAML value", hint="put it into quotes", code=2) from None
    return value if isinstance(value, (str, int, float, bool, list, dict)) or value is None else text


def _set(manifest: dict[str, Any], path: str, value: Any) -> None:
    parts = _parts(path)
    if parts[0] not in _ROOTS or len(parts) < 2:
        raise Failure(f"--set {path}: a path starts with {' or '.join(f'{root}.' for root in _ROOTS)}", code=2)
    at: Any = manifest
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if isinstance(at, list):
            index = _index(at, part, path)
            if last:
                at[index : index + 1] = [value]
                return
            if index == len(at):
                at.append({})
            at = at[index]
        elif isinstance(at, dict):
            if last:
                at[part] = value
                return
            if at.get(part) is None:
                at[part] = [] if _NUMBER.fullmatch(parts[number + 1]) else {}
            at = at[part]
        else:
            raise Failure(f"--set {path}: {part} is within a {type(at).__name__}, which has no fields", code=2)


def _parts(path: str) -> list[str]:
    parts = []
    end = 0
    while end < len(path):
        found = _PART.match(path, end)
        if not found:
            raise Failure(
                f"--set {path}: not a path from {path[end:]!r} on", hint="as in spec.tasks[0].priority", code=2
            )
        parts.append(found[1] or found[2])
        end = found.end()
    return parts or [""]


def _index(items: list[Any], part: str, path: str) -> int:
    """The item of a list that is meant: a number (one more than there are adds one), or an id or name."""
    if _NUMBER.fullmatch(part) and int(part) <= len(items):
        return int(part)
    for index, item in enumerate(items):
        if isinstance(item, dict) and part in (item.get("id"), item.get("name")):
            return index
    raise Failure(f"--set {path}: no item {part} in a list of {len(items)}", code=2)
