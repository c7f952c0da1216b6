"""Detects the format of a text, and parses it as far as that takes. Reads no files and makes no tasks."""

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from parallelproject.model.names import GROUP, KIND
from parallelproject.model.problem import ProblemsError
from parallelproject.sources.formats.argo.workflow import KIND_LINE, is_argo
from parallelproject.sources.formats.beads import Entry
from parallelproject.sources.formats.features import is_features
from parallelproject.sources.formats.github import is_github
from parallelproject.sources.formats.manifest import is_project
from parallelproject.sources.formats.taskmaster_tags import is_tagged
from parallelproject.sources.selection.markers import MARKER
from parallelproject.sources.selection.options import Format
from parallelproject.sources.text import json_text
from parallelproject.sources.text.check_boxes import find_boxes
from parallelproject.sources.text.findings import Findings

PROJECT_LINE = re.compile(rf"^(?:kind:\s*[\"']?{KIND}\b|apiVersion:\s*[\"']?{re.escape(GROUP)}/)", re.MULTILINE)
"""A line that only our manifests have."""
_MARKDOWN_NAMES = frozenset({".md", ".markdown", ".mdx"})
_TASKMASTER_KEYS = frozenset({"subtasks", "details", "testStrategy"})
_ALL = ", ".join(Format)


@dataclass(frozen=True)
class Detected:
    """A text's format, and its JSON where it is that."""

    format: Format
    data: Any = None
    """TaskMaster's and groups' JSON; for Beads a list of ``Entry``; None for a manifest and Markdown."""


def detect(text: str, findings: Findings, forced: Format | None = None) -> Detected:
    """Detects a text's format by its content; the file's name decides only where the content does not.

    Args:
        text: The text.
        findings: Names the file; receives the problems.
        forced: The format it must have.

    Raises:
        ProblemsError: it is empty, has a syntax error, or none of the formats.
    """
    if not text.strip():
        findings.stop(findings.file, "is empty", f"give a file of one of the formats {_ALL}")
    json_like = text.lstrip()[:1] in ("{", "[")
    ending = PurePath(findings.file).suffix.lower()
    if forced in (Format.MANIFEST, Format.ARGO):
        return Detected(forced)
    if forced is Format.BACKLOG:
        findings.stop(findings.file, "is a file; Backlog.md's format is a folder", "give the folder backlog")
    if forced is Format.TASKMASTER:
        return Detected(forced, json_text.parse(text, findings))
    if forced in (Format.FEATURES, Format.GITHUB):
        return Detected(forced, json_text.parse(text, findings))
    if forced is Format.BEADS:
        return Detected(forced, _issues(text, findings))
    if forced is Format.GROUPS:
        return Detected(forced, json_text.parse(text, findings) if json_like and not find_boxes(text) else None)
    if ending in _MARKDOWN_NAMES:
        return Detected(Format.GROUPS)
    if json_like and ending not in (".yaml", ".yml") and not (ending != ".json" and find_boxes(text)):
        return _of_json(text, ending, findings)
    if not PROJECT_LINE.search(text) and KIND_LINE.search(text) and ending not in _MARKDOWN_NAMES:
        return Detected(Format.ARGO)
    if not PROJECT_LINE.search(text) and ending not in (".yaml", ".yml") and find_boxes(text):
        return Detected(Format.GROUPS)
    if not PROJECT_LINE.search(text) and ending not in (".yaml", ".yml"):
        findings.stop(findings.file, "has an unknown format", f"give --format, one of {_ALL}")
    return Detected(Format.MANIFEST)


def _of_json(text: str, ending: str, findings: Findings) -> Detected:
    if ending == ".jsonl" or _is_lines(text):
        return Detected(Format.BEADS, _issues(text, findings))
    data = json_text.parse(text, findings)
    if is_project(data):
        return Detected(Format.MANIFEST)
    if is_argo(data):
        return Detected(Format.ARGO)
    if is_github(data):
        return Detected(Format.GITHUB, data)
    if is_features(data):
        return Detected(Format.FEATURES, data)
    if isinstance(data, dict):
        if isinstance(data.get("tasks"), list) or is_tagged(data):
            return Detected(Format.TASKMASTER, data)
        if "title" in data or data.get("_type") == "memory":
            return Detected(Format.BEADS, [(data, findings.file)])
        found = "is an object of an unknown format"
        findings.stop(findings.file, found, 'TaskMaster writes {"tasks": […]}, a manifest has a kind')
    if not isinstance(data, list):
        findings.stop(findings.file, "is neither a list nor an object", f"give a file of one of {_ALL}")
    if any(map(_is_issue, data)):
        return Detected(Format.BEADS, _listed(data, findings))
    tasks = [entry for entry in data if isinstance(entry, dict)]
    if any(map(_is_marked, tasks)):
        return Detected(Format.GROUPS, data)
    if any("title" in entry or not _TASKMASTER_KEYS.isdisjoint(entry) for entry in tasks):
        return Detected(Format.TASKMASTER, data)
    return Detected(Format.GROUPS, data)


def _is_issue(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    links = entry.get("dependencies")
    linked = isinstance(links, list) and any(isinstance(link, dict) for link in links)
    return linked or "issue_type" in entry or "acceptance_criteria" in entry


def _is_marked(entry: dict[str, Any]) -> bool:
    texts = (entry.get("description"), entry.get("title"))
    return any(isinstance(text, str) and MARKER.search(text) for text in texts)


def _is_lines(text: str) -> bool:
    """Whether the first line is a JSON object by itself, and more follows."""
    first, _, rest = text.strip().partition("\n")
    if not rest.strip() or first[:1] != "{":
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _issues(text: str, findings: Findings) -> list[Entry]:
    if text.lstrip().startswith("["):
        return _listed(json_text.parse(text, findings), findings)
    if text.lstrip().partition("\n")[0].strip() == "{":  # one issue, spread over lines
        return [(json_text.parse(text, findings), findings.file)]
    return _parse_lines(text, findings)


def _parse_lines(text: str, findings: Findings) -> list[Entry]:
    entries: list[Entry] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            with contextlib.suppress(ProblemsError):  # noted in findings; the other lines are also checked
                entries.append((json_text.parse(line, findings, first_line=number), findings.line(number)))
    findings.stop_if_errors()
    return entries


def _listed(data: object, findings: Findings) -> list[Entry]:
    if not isinstance(data, list):
        findings.stop(findings.file, "is not a list of issues", "give bd's export")
    return [(entry, findings.at(f"[{index}]")) for index, entry in enumerate(data)]
