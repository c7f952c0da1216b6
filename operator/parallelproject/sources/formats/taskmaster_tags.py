"""Finds the list of tasks in TaskMaster's file: which of its shapes it has, and which tag is meant. Pure."""

import re
from dataclasses import dataclass
from typing import Any

from parallelproject.model.problem import quoted
from parallelproject.sources.text.findings import Findings

_PLAIN_KEYS = frozenset({"tasks", "meta", "metadata"})
_MAIN = "master"
_NAME_MAX = 63


@dataclass(frozen=True)
class Tagged:
    """The tasks of one tag."""

    tasks: list[Any]
    path: str
    """The list's path in the file, as in ``tags.master.tasks``."""
    tag: str | None = None
    """None where the file has no tags."""
    others: tuple[str, ...] = ()


def is_tagged(data: dict[str, Any]) -> bool:
    """Whether the top level's keys are tags: any key but tasks, meta and metadata that holds tasks."""
    return any(key not in _PLAIN_KEYS and _holds_tasks(value) for key, value in data.items())


def tasks_of(data: Any, findings: Findings, wanted: str | None, current: str | None) -> Tagged:
    """The tasks to read.

    Args:
        data: The file's JSON: a list, an object with ``tasks``, or an object of tags.
        findings: Where to note what is wrong.
        wanted: The tag that the user asked for.
        current: TaskMaster's own current tag; passed over, with a warning, when the file has it not.

    Raises:
        ProblemsError: none of the shapes, or no such tag.
    """
    if isinstance(data, list):
        return _untagged(data, "", findings, wanted)
    if isinstance(data, dict) and is_tagged(data):
        tags = [key for key, value in data.items() if _holds_tasks(value)]
        tag = _choose(tags, findings, wanted, current)
        others = tuple(_shown(key) for key in tags if key != tag)
        if isinstance(data.get("tasks"), list):
            findings.warn(findings.at("tasks"), "is a list next to tags; not read", "put it below a tag")
        return Tagged(data[tag]["tasks"], f"tags.{_shown(tag)}.tasks", _shown(tag), others)
    tasks = data.get("tasks") if isinstance(data, dict) else None
    if not isinstance(tasks, list):
        found = "contains no list of tasks" if tasks is None else f"tasks: {quoted(tasks)} is not a list"
        findings.stop(findings.file, found, 'TaskMaster writes {"tasks": […]}, also below the name of a tag')
    return _untagged(tasks, "tasks", findings, wanted)


def project_name(name: str, tag: str) -> str:
    """The name of a tag's project: each tag but the main one has its own, so that they can run side by side."""
    words = re.sub(r"[^a-z0-9]+", "-", tag.lower()).strip("-")
    return name if tag == _MAIN or not words else f"{name}-{words}"[:_NAME_MAX].rstrip("-")


def _untagged(tasks: list[Any], path: str, findings: Findings, wanted: str | None) -> Tagged:
    if wanted is not None and wanted != _MAIN:
        findings.stop(findings.file, f"has no tags, so it has no tag {quoted(wanted)}", "remove --tag")
    return Tagged(tasks, path)


def _choose(tags: list[str], findings: Findings, wanted: str | None, current: str | None) -> str:
    if wanted is not None:
        if wanted in tags:
            return wanted
        hint = findings.did_you_mean(wanted, tags) or f"it has {', '.join(map(_shown, tags[:20]))}"
        findings.stop(findings.file, f"has no tag {quoted(wanted)}", hint)
    if current is not None:
        if current in tags:
            return current
        findings.warn(findings.file, f"has no tag {quoted(current)}, which TaskMaster has as the current one")
    return _MAIN if _MAIN in tags else tags[0]


def _holds_tasks(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("tasks"), list)


def _shown(tag: str) -> str:
    return quoted(tag)[1:-1]
