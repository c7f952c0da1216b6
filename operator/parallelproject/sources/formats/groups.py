"""Reads lists of tasks with ``[P:Group-X]`` markers: JSON objects with id and description.

The order of the list is a chain: a run of tasks with one marker runs together, unmarked tasks run one
after another, and each starts when all before it is done. Dependencies in the data are added to that.
``[P:Group-X]``, ``[P:X]`` and ``[P]`` are markers; the unmarked ones have the group ``_sequential``.
``status`` means what it means in TaskMaster's files. One without an id is known by its text.
"""

from typing import Any

from parallelproject.model.problem import quoted
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.build import build
from parallelproject.sources.selection.choose import choose
from parallelproject.sources.selection.item import Item, ItemState
from parallelproject.sources.selection.keys import Keys
from parallelproject.sources.selection.markers import ids_of, take_marker
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.phases import SEQUENTIAL, chain
from parallelproject.sources.selection.report import Imported
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.texts import as_text, one_line

_READ = frozenset(
    {"id", "title", "name", "description", "status", "priority", "files", "role", "subagent_type", "metadata"}
)
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
    ids = ids_of(data, lambda entry: fields.title_of(entry, ""))
    for index, (entry, id) in enumerate(zip(data, ids, strict=True)):
        item = _from_json(entry, id, f"[{index}]", findings, options)
        if item is not None:
            items.append(item)
            keys.note(entry, item.place)
    items = fields.refuse_duplicates(items, findings)
    selection = choose(items, options, findings)
    chain(items, selection)
    return build(selection, Format.GROUPS, name, options, findings, unread=keys.tell(findings))


def _from_json(entry: object, id: str | None, path: str, findings: Findings, options: Options) -> Item | None:
    place = findings.at(path)
    if not isinstance(entry, dict):
        findings.error(place, f"{quoted(entry)} is not a task", "write an object with id and description")
        return None
    if id is None:
        found = f"{quoted(entry['id'])} is not an id" if entry.get("id") is not None else "has no id"
        findings.error(f"{place}.id", found, "give it a number or a text")
        return None
    group, description = take_marker(as_text(entry.get("description")), f"{place}.description", findings)
    in_title, title = take_marker(one_line(entry.get("title")), f"{place}.title", findings)
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
        item.state = ItemState.DONE
    elif status in ("cancelled", "canceled"):
        item.state, item.why, item.satisfies = ItemState.SKIPPED, "cancelled", options.cancelled_satisfies
    elif status == "deferred":
        item.state, item.why = ItemState.SKIPPED, "deferred"
    elif status not in _STATES:
        found = f"{quoted(value)} is not a known state; the task will run"
        findings.warn(f"{item.place}.status", found, "as in pending or done")
