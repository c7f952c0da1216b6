"""Marks tasks as done in the text of their file; all else in it stays byte for byte. Pure: text in, text out.

Only what a tool itself would write when a task is done: TaskMaster's ``status``, a Markdown list's boxes, Beads'
``status`` and ``closed_at``, Backlog.md's ``status``. A feature's ``passes`` is not ours to set: it says that somebody
has tested the feature, and a task that ended well has not.
"""

import re
from collections.abc import Collection
from datetime import datetime

from parallelproject.sources.formats.markdown.checklists import checklists
from parallelproject.sources.formats.markdown.list_ids import choose_ids
from parallelproject.sources.selection.options import Format
from parallelproject.sources.selection.report import ImportReport
from parallelproject.sources.text.check_boxes import find_boxes
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.json_spans import JsonSpan, replaced, setting, spans
from parallelproject.sources.text.sections import TextOutline

WRITABLE = frozenset({Format.TASKMASTER, Format.GROUPS, Format.BEADS, Format.BACKLOG})
"""Formats that states are written to."""
_INDEX = re.compile(r"\[(\d+)\]")
_PATH = re.compile(r": ((?:tags\.(?P<tag>.*)\.)?(?P<list>tasks)?(?P<rest>\[\d+\](?:\.subtasks\[\d+\])*))$", re.DOTALL)
_LINE = re.compile(r":(\d+)$")
_BOX = re.compile(r"^([ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\[)(.)(\])")
_STATUS = re.compile(r"^(status[ \t]*:[ \t]*)(.*?)([ \t]*\r?)$", re.MULTILINE)
_DONE = frozenset({"done", "completed"})


class NotWrittenError(ValueError):
    """The file cannot be edited; the text says why."""


def marked(text: str, report: ImportReport, ids: Collection[str], now: datetime) -> str:
    """The text of a file with tasks marked as done.

    Args:
        text: The text, as the report's project was read from it.
        report: Of the reading; it has the tasks' places.
        ids: Of the tasks.
        now: When they were done.

    Raises:
        NotWrittenError: the text is not as it was read, or no states are written to its format.
    """
    places = [report.places[id] for id in ids if id in report.places]
    try:
        if report.format is Format.BEADS:
            return _beads(text, places, now)
        is_list = report.format is Format.GROUPS and text.lstrip("\ufeff \t\r\n")[:1] == "["
        if is_list or report.format is Format.TASKMASTER:
            return _json(text, places, report.tag)
        if report.format is Format.GROUPS:
            return _markdown(text, places)
    except (ValueError, IndexError) as error:
        raise NotWrittenError(str(error)) from None
    raise NotWrittenError(f"no states are written to a file of the format {report.format}")


def marked_front_matter(text: str, status: str) -> str:
    """The text of a Backlog.md task in a state.

    Raises:
        NotWrittenError: it has no front matter.
    """
    end = re.search(r"^(?:---|\.\.\.)[ \t]*\r?$", text[3:], re.MULTILINE) if text.startswith("---") else None
    if end is None:
        raise NotWrittenError("has no front matter")
    head, body = text[: 3 + end.start()], text[3 + end.start() :]
    value = status if re.fullmatch(r"[A-Za-z][A-Za-z0-9 _-]*", status) else "'" + status.replace("'", "''") + "'"
    if _STATUS.search(head):
        return _STATUS.sub(lambda found: f"{found[1]}{value}{found[3]}", head, count=1) + body
    newline = "\r\n" if "\r\n" in head else "\n"
    return f"{head}status: {value}{newline}{body}"


def _json(text: str, places: list[str], tag: str | None) -> str:
    root = spans(text, 1 if text.startswith("\ufeff") else 0)
    edits: dict[int, tuple[int, int, str]] = {}
    tasks = root
    if tag is not None:
        tasks = root.at([tag, "tasks"]) or root
    elif root.members:
        tasks = root.members.get("tasks", root)
    done: set[int] = set()
    for place in places:
        found = _PATH.search(place)
        path: list[str | int] = []
        for number in _INDEX.findall(found["rest"]) if found else ():
            path += ["subtasks", int(number)] if path else [int(number)]
        task = tasks.at(path) if path else None
        if task is None or not task.members:
            raise ValueError(f"{place} no longer exists")
        done.add(task.start)
        if not _is_done(text, task):
            edits[task.start] = setting(text, task, "status", '"done"')
    for task in tasks.items:  # one with subtasks is done when they are
        parts = task.members["subtasks"].items if "subtasks" in task.members else []
        ended = [part.start in done or _is_done(text, part) for part in parts]
        if parts and all(ended) and any(part.start in done for part in parts) and not _is_done(text, task):
            edits[task.start] = setting(text, task, "status", '"done"')
    return replaced(text, list(edits.values()))


def _is_done(text: str, task: JsonSpan) -> bool:
    status = task.members.get("status")
    return status is not None and text[status.start : status.end].strip('"').lower() in _DONE


def _beads(text: str, places: list[str], now: datetime) -> str:
    when = f'"{now.isoformat(timespec="seconds").replace("+00:00", "Z")}"'
    issues: list[JsonSpan] = []
    if text.lstrip("\ufeff \t\r\n")[:1] == "[":
        root = spans(text, 1 if text.startswith("\ufeff") else 0)
        for place in places:
            found = re.search(r"\[(\d+)\]$", place)
            issues.append(root.items[int(found[1])] if found else root)
    else:
        starts = [0]
        for line in text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        for place in places:
            number = _LINE.search(place)
            start = starts[int(number[1]) - 1] if number else 0
            issues.append(spans(text, start + text.startswith("\ufeff", start)))
    edits = []
    for issue in issues:
        status = issue.members.get("status")
        if not issue.members or (status and text[status.start : status.end] == '"closed"'):
            continue
        new = [("status", '"closed"'), ("closed_at", when)]
        new += [("updated_at", when)] if "updated_at" in issue.members else []
        for key, value in new:
            edits.append(setting(text, issue, key, value, after="status"))
    return replaced(text, edits)


def _markdown(text: str, places: list[str]) -> str:
    lines = text.split("\n")
    outline = TextOutline(text)
    boxes = find_boxes(outline)
    choose_ids(boxes, checklists(outline), outline.sections, Findings(""))  # by their ids some lie within others
    at = {box.line - 1: index for index, box in enumerate(boxes)}
    ticked: set[int] = set()
    for place in places:
        found = _LINE.search(place)
        line = int(found[1]) - 1 if found else -1
        if not 0 <= line < len(lines):
            raise ValueError(f"{place} no longer exists")
        if line in at:
            ticked.add(at[line])
        elif outline.lines[line].heading:
            own = outline.lines[line].section
            ticked |= {index for index, box in enumerate(boxes) if outline.within(box.section, own)}
        else:
            raise ValueError(f"{place} no longer has a box or a heading")
    within: dict[int, list[int]] = {}
    for index, box in enumerate(boxes):
        if box.parent is not None:
            within.setdefault(box.parent, []).append(index)
    for index in reversed(range(len(boxes))):  # one with entries in it is done when they are
        parts = within.get(index, [])
        if ticked.intersection(parts) and all(part in ticked or boxes[part].done for part in parts):
            ticked.add(index)
    for index in ticked:
        if not boxes[index].done:
            line = boxes[index].line - 1
            lines[line] = _BOX.sub(r"\1x\3", lines[line], count=1)
    return "\n".join(lines)
