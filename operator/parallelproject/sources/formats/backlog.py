"""Reads Backlog.md's folder: a file a task, ``backlog/tasks/task-12 - Title.md``, with front matter. Pure.

``backlog/config.yml`` names the states: the last one is done, the others run, with a warning where a state between the
first and the last may mean something else. A task in ``completed/`` is done, one in ``archive/`` is cancelled, a draft
is skipped. A task with subtasks (``parent_task_id``) waits for them, since it has acceptance criteria of its own, and
they wait for what it waits for. Ids are compared without case, as Backlog.md does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parallelproject.model.problem import ProblemsError, quoted
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.build import build
from parallelproject.sources.selection.choose import choose
from parallelproject.sources.selection.item import Item, ItemState, Need
from parallelproject.sources.selection.keys import Keys
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.report import Imported
from parallelproject.sources.text import yaml_text
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import as_id
from parallelproject.sources.text.texts import clean, without_comments

STATUSES = ("To Do", "In Progress", "Done")
"""The default of Backlog.md, if the configuration names none."""
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_DONE = frozenset({"done", "complete", "completed", "closed"})
_OPEN = frozenset({"to-do", "todo", "in-progress", "open", "backlog", "ready", "new"})
_READ = frozenset({"id", "title", "status", "labels", "priority", "parent_task_id", "parent", "role", "subagent_type"})
_KNOWN = frozenset(
    {
        "assignee", "assignees", "created_date", "createdDate", "documentation", "due_date", "milestone",
        "modified_files", "onStatusChange", "ordinal", "references", "reporter", "subtasks", "type", "updated_date",
        "updatedDate",
    }
)  # fmt: skip


@dataclass(frozen=True)
class File:
    """One task's file."""

    place: str
    """Its path, for messages."""
    text: str
    kind: str
    """The folder that it is in: tasks, completed, archive, drafts."""


def front_matter(text: str) -> str | None:
    """The YAML between the first two lines ``---``; None if there are no such lines."""
    found = _FRONT.match(text)
    return found[1] if found else None


def statuses_of(text: str, findings: Findings) -> tuple[str, ...]:
    """The states that a ``config.yml`` names; Backlog.md's own where it names none.

    Raises:
        ProblemsError: it is not YAML.
    """
    data = _first(yaml_text.parse(text, findings))
    named = data.get("statuses")
    found = tuple(word for word in named if isinstance(word, str) and word.strip()) if isinstance(named, list) else ()
    return found or STATUSES


def read_backlog(
    files: Sequence[File], statuses: Sequence[str], findings: Findings, options: Options, name: str
) -> Imported:
    """Reads a project from the files of a folder.

    Args:
        files: The files, in their order.
        statuses: The states, from the configuration.
        findings: Where to note what is wrong.
        options: What is taken.
        name: Name of the project, where the options give none.

    Raises:
        ProblemsError: everything wrong with them.
    """
    fields.bound(files, findings)
    reader = _Reader(findings, options, statuses)
    for file in files:
        reader.take(file)
    items = reader.linked()
    selection = choose(items, options, findings)
    taken = {item.id for item in selection.taken}
    for status, ids in reader.doubtful.items():
        doubtful = [id for id in ids if id in taken]
        fields.warn_of_doubtful(
            doubtful, f"in the state {status}", "move tasks that must not run to the last state", findings
        )
    return build(selection, Format.BACKLOG, name, options, findings, unread=reader.keys.tell(findings))


class _Reader:
    """Takes in files one by one, then links their tasks."""

    def __init__(self, findings: Findings, options: Options, statuses: Sequence[str]) -> None:
        self.doubtful: dict[str, list[str]] = {}
        self.keys = Keys(_READ, _KNOWN)
        self._items: list[tuple[Item, str]] = []  # with the kind of its file
        self._parents: dict[str, str] = {}
        self._findings = findings
        self._options = options
        self._words = [fields.status_word(status) for status in statuses]

    def take(self, file: File) -> None:
        """Takes in one file."""
        data = self._data(file)
        if data is None:
            return
        id = as_id(data.get("id"))
        if id is None:
            if file.kind in ("tasks", "completed"):
                self._findings.error(file.place, "id: is missing", "give it one, as in id: task-12")
            return
        front = _FRONT.match(file.text)
        body = clean(without_comments(file.text[front.end() if front else 0 :])).strip()
        item = Item(
            id=id,
            place=file.place,
            title=fields.title_of(data, id),
            needs=fields.dependencies(data, file.place, self._findings),
            sections=[("", re.sub(r"\n{3,}", "\n\n", body))],
            labels=fields.labels_of(data),
            role=fields.role_of(data, file.place, self._findings),
            priority=fields.priority_of(data.get("priority") or None, f"{file.place}: priority", self._findings),
        )
        self.keys.note(data, file.place)
        self._set_state(item, data.get("status"), file.kind)
        if parent := as_id(data.get("parent_task_id") or data.get("parent")):
            self._parents[id] = parent
        self._items.append((item, file.kind))

    def linked(self) -> list[Item]:
        """The items, their references by the ids as they are written; of archived ones those that others need."""
        archived = {item.id.lower() for item, kind in self._items if kind == "archive"}
        live = fields.refuse_duplicates([item for item, kind in self._items if kind != "archive"], self._findings)
        named = {need.target.lower() for item in live for need in item.needs} & archived
        ids = {item.id.lower() for item in live}
        items = live + [item for item, kind in self._items if kind == "archive" and item.id.lower() in named - ids]
        known: dict[str, str] = {}
        for item in items:
            known.setdefault(item.id.lower(), item.id)
        for item in items:
            for index, need in enumerate(item.needs):
                target = known.get(need.target.lower(), need.target)
                item.needs[index] = type(need)(target, need.place, need.fix)
            parent = known.get(self._parents.get(item.id, "").lower())
            if parent is not None and parent != item.id:
                item.parents = (parent,)
        by_id = {item.id: item for item in items}
        for item in items:
            for parent in item.parents:
                by_id[parent].needs.append(Need(item.id, by_id[parent].place))
        return items

    def _data(self, file: File) -> dict[str, Any] | None:
        front = front_matter(file.text)
        if front is None:
            self._findings.warn(file.place, "has no front matter, so it is not a task", "start it with --- and an id")
            return None
        try:
            return _first(yaml_text.parse(f"\n{front}", self._findings.of_file(file.place)))
        except ProblemsError:
            return None  # noted; the other files have errors too

    def _set_state(self, item: Item, value: object, kind: str) -> None:
        status = fields.status_word(value or (self._words[0] if self._words else "to-do"))
        last = self._words[-1:] if len(self._words) > 1 else []
        if kind == "completed" or status in last or status in _DONE:
            item.state = ItemState.DONE
        elif kind == "archive":
            item.state, item.why = ItemState.SKIPPED, "archived"
            item.satisfies = self._options.cancelled_satisfies
        elif kind == "drafts" or status == "draft":
            item.state, item.why = ItemState.SKIPPED, "draft"
        elif status not in self._words and status not in _OPEN:
            found = f"status: {quoted(value)} is not a known state; the task will run"
            self._findings.warn(item.place, found, f"one of {', '.join(self._words)}")
        elif status not in self._words[:1] and status not in _OPEN:
            self.doubtful.setdefault(str(value), []).append(item.id)


def _first(documents: Sequence[yaml_text.YamlDocument]) -> dict[str, Any]:
    data = documents[0].data if documents else None
    return dict(data) if isinstance(data, Mapping) else {}
