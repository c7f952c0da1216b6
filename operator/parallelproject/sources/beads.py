"""Reads Beads' issues: a line of JSON each (``issues.jsonl``, ``bd export``), or one list (``bd list --json``).

Epics only contain others: to wait for an open one is to wait for all within it. A child waits for what its
parents wait for, except for what lies within those parents themselves (an epic is often made to wait for
its own tasks). What Beads' states mean here:

* ``closed``: done; what waits for a closed epic does not wait for what is still open in it.
* ``open``, ``in_progress``: to run. What was in progress when the file was written starts again.
* ``blocked``, ``hooked``, ``pinned``: to run, with a warning that names them: its dependencies say what it
  waits for, and whether an agent is at work on it only its user knows.
* ``deferred``: left out, with what needs it.
* ``tombstone`` and lines of ``_type`` memory: left out; nothing waits for them.
* anything else: to run, with a warning.

Types that are mostly the tool's own book-keeping (``BOOK_KEEPING``) run with a warning that names them:
what is work is its user's to say. A task that runs only if another fails (``conditional-blocks``) cannot be
expressed: left out, with what needs it. Priorities 0 to 4 are 100, 75, 50, 25 and 0; none is 2, as ``bd``
has it.
"""

from typing import Any

from parallelproject.model.problem import quoted
from parallelproject.sources import fields
from parallelproject.sources.build import build
from parallelproject.sources.choose import choose
from parallelproject.sources.findings import Findings
from parallelproject.sources.ids import as_id
from parallelproject.sources.item import Item, Need, State
from parallelproject.sources.options import Format, Options
from parallelproject.sources.report import Imported
from parallelproject.sources.texts import as_text, one_line

BOOK_KEEPING = frozenset(
    {"agent", "convoy", "event", "gate", "merge-request", "message", "molecule", "rig", "role", "slot"}
)
"""Types of issue that are the tool's own book-keeping, or wait for something outside."""
PRIORITIES = (100, 75, 50, 25, 0)
_BLOCKING = frozenset({"blocks", "waits-for"})
_PRIORITY = 2
_DOUBTFUL = {
    "blocked": "marked as blocked",
    "hooked": "on an agent's hook",
    "pinned": "pinned, so as to stay open",
    "book-keeping": "of a type that is mostly no work (message, agent and the like)",
}
_SECTIONS = (
    ("", "description"),
    ("Design", "design"),
    ("Acceptance criteria", "acceptance_criteria"),
    ("Notes", "notes"),
)

Entry = tuple[Any, str]
"""An issue's data, and its place."""


def read_beads(entries: list[Entry], findings: Findings, options: Options, name: str) -> Imported:
    """Reads a project from issues.

    Args:
        entries: The issues with their places, in the file's order.
        findings: Where to note what is wrong.
        options: What is taken; subtasks are always tasks of their own.
        name: Name of the project, where the options give none.

    Raises:
        ProblemsError: everything wrong with them.
    """
    fields.bound(entries, findings)
    reader = _Reader(findings)
    for number, (entry, place) in enumerate(entries, start=1):
        reader.take(entry, place, number)
    items = fields.refuse_duplicates(reader.items, findings)
    reader.link({item.id: item for item in items})
    selection = choose(items, options, findings)
    reader.warn_of_doubtful({item.id for item in selection.taken})
    return build(selection, Format.BEADS, name, options, findings)


class _Reader:
    """Takes in issues one by one, then links them."""

    def __init__(self, findings: Findings) -> None:
        self.items: list[Item] = []
        self._findings = findings
        self._doubtful: dict[str, list[str]] = {}
        self._links: list[tuple[str, str, str, str]] = []  # (issue, type, what it depends on, place)
        self._parents: dict[str, tuple[str, str]] = {}  # by issue: its parent field, and the place
        self._conditional: set[str] = set()

    def take(self, entry: Any, place: str, number: int) -> None:
        """Takes in one issue, by itself."""
        if not isinstance(entry, dict):
            self._findings.error(place, f"{quoted(entry)} is not an issue", "write an object with a title")
            return
        memory = entry.get("_type") == "memory"
        title = one_line(entry.get("title"))
        if not title and not memory:
            self._findings.error(_at(place, "title"), "is missing", "give it a title")
            return
        id = as_id(entry.get("id"))
        if id is None:
            id = f"line-{number}"
            if not memory:
                found = f"{quoted(entry['id'])} is not an id" if entry.get("id") is not None else "has no id"
                self._findings.warn(place, f'{found}; "{id}" is taken', "give it an id that stays the same")
        type = fields.status_word(entry.get("issue_type") or "task")
        item = Item(
            id=id,
            place=place,
            title=title or "memory",
            container=type == "epic" and not memory,
            sections=[(heading, as_text(entry.get(field))) for heading, field in _SECTIONS],
            labels=tuple(map(as_text, labels)) if isinstance(labels := entry.get("labels"), list) else (),
            priority=self._priority(entry.get("priority"), _at(place, "priority")),
            role=fields.role_of(entry, place, self._findings),
            files=fields.files_of(entry.get("files"), _at(place, "files"), self._findings),
        )
        self._set_state(item, entry, type)
        self.items.append(item)
        if not memory:
            self._note_links(entry, item)

    def link(self, known: dict[str, Item]) -> None:
        """Sets what items wait for and lie within; what depends on another's failure is left out."""
        parents: dict[str, list[str]] = {}
        for owner, type, target, place in self._links:
            if owner not in known:
                self._findings.warn(place, f"issue_id: {quoted(owner)} is not in the file; not used")
            elif type == "parent-child":
                if target in known:
                    parents.setdefault(owner, []).append(target)
                elif known[owner].state is State.TODO:
                    self._findings.warn(place, f"its parent {quoted(target)} is not in the file")
            elif type in _BLOCKING:
                known[owner].needs.append(Need(target, place))
            elif type == "conditional-blocks":
                self._leave_out_conditional(known[owner], place)
        for item in known.values():
            own = parents.get(item.id) or self._other_parents(item, known)
            item.parents = tuple(dict.fromkeys(id for id in own if id != item.id))

    def warn_of_doubtful(self, taken: set[str]) -> None:
        """Names what will run although Beads has it in a state that may mean otherwise."""
        for status, meaning in _DOUBTFUL.items():
            ids = [id for id in self._doubtful.get(status, ()) if id in taken]
            fields.warn_of_doubtful(ids, meaning, "close or defer what shall not", self._findings)

    def _set_state(self, item: Item, entry: dict[str, Any], type: str) -> None:
        status = fields.status_word("open" if entry.get("status") in (None, "") else entry["status"])
        if entry.get("_type") == "memory" or status == "tombstone":
            item.state, item.satisfies = State.LEFT_OUT, True
            item.why = "tombstone" if status == "tombstone" else "memory"
        elif status == "closed":
            item.state = State.DONE
        elif status == "deferred":
            item.state, item.why = State.LEFT_OUT, "deferred"
        elif type in BOOK_KEEPING:
            self._doubtful.setdefault("book-keeping", []).append(item.id)
        elif entry.get("pinned") is True:
            self._doubtful.setdefault("pinned", []).append(item.id)
        elif status in _DOUBTFUL:
            self._doubtful.setdefault(status, []).append(item.id)
        elif status not in ("open", "in-progress"):
            found = f"{quoted(entry['status'])} is no state that is known; it will run"
            self._findings.warn(_at(item.place, "status"), found, "one of Beads', as in open or closed")

    def _note_links(self, entry: dict[str, Any], item: Item) -> None:
        dependencies = entry.get("dependencies")
        if dependencies is None:
            dependencies = []
        if not isinstance(dependencies, list):
            place = _at(item.place, "dependencies")
            self._findings.error(place, f"{quoted(dependencies)} is not a list", "write a list of objects")
            return
        for index, link in enumerate(dependencies):
            place = _at(item.place, f"dependencies[{index}]")
            target = as_id(link.get("depends_on_id", link.get("id"))) if isinstance(link, dict) else None
            if target is None:
                mend = 'write {"depends_on_id": …, "type": "blocks"}'
                self._findings.error(place, f"{quoted(link)} names no issue to depend on", mend)
                continue
            type = as_text(link.get("type", link.get("dependency_type"))) or "blocks"
            owner = as_id(link.get("issue_id")) or item.id
            self._links.append((owner, type, target, place))
        if parent := as_id(entry.get("parent")):
            self._parents[item.id] = (parent, item.place)

    def _leave_out_conditional(self, item: Item, place: str) -> None:
        if item.state is State.TODO:
            item.state, item.why = State.LEFT_OUT, "conditional"
            found = f"{quoted(item.id)} runs only if another fails, which a project cannot say; it is left out"
            self._findings.warn(place, found, "run it by hand when it is needed")

    def _other_parents(self, item: Item, known: dict[str, Item]) -> list[str]:
        """The parent by its field, or by the id: ``bd-a1b2.1`` is a child of ``bd-a1b2``."""
        if item.id in self._parents and self._parents[item.id][0] in known:
            return [self._parents[item.id][0]]
        stem, dot, _ = item.id.rpartition(".")
        return [stem] if dot and stem in known else []

    def _priority(self, value: object, place: str) -> int:
        number = _PRIORITY if value is None else fields.number_of(value)
        if number is None or not 0 <= number < len(PRIORITIES):
            found = f"{quoted(value)} is no priority; {_PRIORITY} is taken"
            self._findings.warn(place, found, f"a number from 0 (highest) to {len(PRIORITIES) - 1}")
            number = _PRIORITY
        return PRIORITIES[number]


def _at(place: str, path: str) -> str:
    """``issues.jsonl:3`` and a field: ``issues.jsonl:3: title``; ``issues.json: [3]``: ``issues.json: [3].title``."""
    return f"{place}.{path}" if place.endswith("]") else f"{place}: {path}"
