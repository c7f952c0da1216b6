"""Reads lists of tasks with ``[P:Group-X]`` markers: JSON objects with id and description, or Markdown.

The order of the list is a chain: a run of tasks with one marker runs together, unmarked tasks run one
after another, and each starts when all before it is done. Dependencies in the data are added to that.
``[P:Group-X]``, ``[P:X]`` and ``[P]`` are markers; the unmarked ones have the group ``_sequential``. In
Markdown a box with ``x`` is done; an empty one, ``>`` (at work) and ``!`` (failed) are to run; an entry with
entries within it only contains them. ``[Files: a, b]`` declares files and ``(depends on 1.2, T3)`` adds
dependencies. In JSON ``status`` means what it means in TaskMaster's files.
"""

import re
import textwrap
from typing import Any

from parallelproject.model.problem import quoted
from parallelproject.sources import fields
from parallelproject.sources.build import build
from parallelproject.sources.choose import Selection, choose
from parallelproject.sources.findings import Findings
from parallelproject.sources.fold import fold
from parallelproject.sources.ids import as_id
from parallelproject.sources.item import Item, Need, State
from parallelproject.sources.keys import Keys
from parallelproject.sources.markdown import Box, find_boxes, number, tell_near_misses
from parallelproject.sources.options import Format, Options
from parallelproject.sources.report import Imported
from parallelproject.sources.texts import as_text, clean, one_line

SEQUENTIAL = "_sequential"
"""Group of the tasks without a marker."""

MARKER = re.compile(r"\[P(?::[ \t]*(?:[Gg]roup-)?([^\[\]\n]{0,63}))?\]")
_UNCLOSED = re.compile(r"\s*\[P:[^\]]*$")
_UNNAMED = "P"
_FILES = re.compile(r"\[Files?:([^\]\n]*)\]", re.IGNORECASE)
_DEPENDS = re.compile(r"[(\[]depends(?:[ -]on)?:?[ \t]+([^)\]\n]*)[)\]]", re.IGNORECASE)
_REFERENCE = re.compile(r"(?:\d+(?:\.\d+)*|[A-Z][A-Za-z]{0,9}-?\d+)")
_READ = frozenset(
    {"id", "title", "description", "status", "priority", "files", "role", "subagent_type", "metadata"}
)  # fmt: skip
_DONE = frozenset({"done", "completed"})
_STATES = frozenset({"pending", "in-progress", "review", "blocked", "failed"})


def read_json_list(data: Any, findings: Findings, options: Options, name: str) -> Imported:
    """Reads a list of objects.

    Raises:
        ProblemsError: everything wrong with it.
    """
    if not isinstance(data, list):
        findings.stop(findings.file, "is not a list", 'write [{"id": …, "description": "[P:Group-A] …"}, …]')
    fields.bound(data, findings)
    items = []
    keys = Keys(_READ, frozenset())
    for index, entry in enumerate(data):
        item = _from_json(entry, f"[{index}]", findings, options)
        if item is not None:
            items.append(item)
            keys.note(entry, item.place)
    return _read(items, findings, options, name, unread=keys.tell(findings))


def read_markdown(text: str, findings: Findings, options: Options, name: str) -> Imported:
    """Reads a Markdown list with check boxes.

    Raises:
        ProblemsError: everything wrong with it.
    """
    boxes = find_boxes(text)
    tell_near_misses(text, findings)
    if not boxes:
        findings.stop(findings.file, "holds no list with check boxes", "write - [ ] [P:Group-A] what is to be done")
    fields.bound(boxes, findings)
    number(boxes, findings)
    containers = {box.parent for box in boxes}
    items = [_from_box(box, boxes, index in containers, findings) for index, box in enumerate(boxes)]
    return _read(items, findings, options, name)


def _read(items: list[Item], findings: Findings, options: Options, name: str, **more: object) -> Imported:
    items = fields.refuse_duplicates(items, findings)
    if options.subtasks == "parents":
        items = fold(items)
    selection = choose(items, options, findings)
    _chain(items, selection)
    return build(selection, Format.GROUPS, name, options, findings, **more)


def _chain(items: list[Item], selection: Selection) -> None:
    """Makes every task wait for the run of tasks before it; what does not run is passed over."""
    before: list[str] = []
    current: list[str] = []
    group: str | None = None
    taken = {item.id for item in selection.taken}
    for item in items:
        if item.container:
            continue
        if item.group != group or group == SEQUENTIAL:
            before, current, group = current or before, [], item.group
        if item.id in taken:
            needs = selection.needs[item.id]
            needs[:] = dict.fromkeys([*needs, *before])
            current.append(item.id)


def _from_json(entry: object, path: str, findings: Findings, options: Options) -> Item | None:
    place = findings.at(path)
    if not isinstance(entry, dict):
        findings.error(place, f"{quoted(entry)} is not a task", "write an object with id and description")
        return None
    id = as_id(entry.get("id"))
    if id is None:
        found = f"{quoted(entry['id'])} is not an id" if entry.get("id") is not None else "has no id"
        findings.error(f"{place}.id", found, "give it a number or a text")
        return None
    group, description = _marker(as_text(entry.get("description")), f"{place}.description", findings)
    in_title, title = _marker(one_line(entry.get("title")), f"{place}.title", findings)
    item = Item(
        id=id,
        place=place,
        title=title or one_line(description.partition("\n")[0]) or one_line(id),
        group=in_title if group == SEQUENTIAL else group,
        needs=fields.dependencies(entry, place, findings),
        sections=[("", description)],
        priority=_priority(entry.get("priority"), f"{place}.priority", findings),
        role=fields.role_of(entry, place, findings),
        files=fields.files_of(entry.get("files"), f"{place}.files", findings),
    )
    _set_state(item, entry.get("status"), options, findings)
    return item


def _priority(value: object, place: str, findings: Findings) -> int:
    number = fields.number_of(value)
    if number is not None and abs(number) <= 1_000_000:
        return number
    return fields.priority_of(value, place, findings)


def _set_state(item: Item, value: object, options: Options, findings: Findings) -> None:
    status = fields.status_word(value)
    if status in _DONE:
        item.state = State.DONE
    elif status in ("cancelled", "canceled"):
        item.state, item.why, item.satisfies = State.LEFT_OUT, "cancelled", options.cancelled_satisfies
    elif status == "deferred":
        item.state, item.why = State.LEFT_OUT, "deferred"
    elif status not in _STATES:
        found = f"{quoted(value)} is no state that is known; it will run"
        findings.warn(f"{item.place}.status", found, "as in pending or done")


def _from_box(box: Box, boxes: list[Box], container: bool, findings: Findings) -> Item:
    place = findings.line(box.line)
    group, text = _marker(clean(box.text), place, findings)
    depends = _DEPENDS.search(text)
    files = _FILES.search(text)
    title = one_line(_FILES.sub("", text))
    above = box.parent
    done = box.mark in "xX"
    while above is not None and not done:  # what lies within something done is done
        done = boxes[above].mark in "xX"
        above = boxes[above].parent
    if box.mark not in " xX>!":
        found = f"the box holds {quoted(box.mark)}, which is not known; it will run"
        findings.warn(place, found, "write [ ], [x], [>] or [!]")
    return Item(
        id=box.id,
        place=place,
        title=title or box.id,
        state=State.DONE if done else State.TODO,
        container=container,
        parents=() if box.parent is None else (boxes[box.parent].id,),
        needs=[Need(id, place) for id in _REFERENCE.findall(depends[1])] if depends else [],
        sections=[("", clean("\n\n".join(part for part in (text, _body(box)) if part)))],
        priority=fields.PRIORITIES["medium"],
        files=fields.files_of([part.strip(" `") for part in files[1].split(",")], place, findings) if files else (),
        group=group,
    )


def _body(box: Box) -> str:
    return textwrap.dedent("\n".join(box.body)).strip()


def _marker(text: str, place: str, findings: Findings) -> tuple[str, str]:
    """The group that a text is marked with, and the text without its marker."""
    found = MARKER.search(text)
    if found is None:
        if _UNCLOSED.match(text):
            findings.warn(
                place, f"the marker of {quoted(text, 40)} has no end, so it does not count", "close it with ]"
            )
        return SEQUENTIAL, text
    if text[: found.start()].strip():
        message = f"the marker {quoted(found[0])} is not at the start; it counts all the same"
        findings.warn(place, message, "put it before the text")
    group = (found[1] or "").strip() or _UNNAMED
    others = {match[0] for match in MARKER.finditer(text)} - {found[0]}
    if others:
        findings.warn(place, f"more than one marker; {quoted(found[0])} counts", "leave one")
    rest = f"{text[: found.start()].rstrip()} {text[found.end() :].lstrip()}".strip()
    return group, rest
