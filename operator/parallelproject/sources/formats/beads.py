"""Reads Beads' issues: a line of JSON each (``issues.jsonl``, ``bd export``), or one list (``bd list --json``).

Epics, molecules and milestones only contain others: to wait for an open one is to wait for all of its children, or, if
it is empty, for its own dependencies. A child waits for what its parents wait for, except for what lies within
those parents themselves (an epic is often made to wait for its own tasks). What Beads' states mean here:

* ``closed``: done; what waits for a closed epic does not wait for what is still open in it.
* ``open``, ``in_progress``: to run. What was in progress when the file was written starts again.
* ``blocked``, ``hooked``: to run, with a warning that names them: its dependencies say what it waits for, and whether
  an agent is working on it only its user knows.
* ``deferred``, also by ``defer_until``: skipped, with what needs it.
* ``tombstone`` and lines of ``_type`` memory: skipped; nothing waits for them.
* anything else: to run, with a warning.

What is no work for an agent never runs, and what needs it is held until it is closed: gates, which a person or an
event passes; what is ephemeral, a template or pinned; and the tool's own book-keeping (``BOOK_KEEPING``), as in ``bd
ready``. A task that runs only if another fails (``conditional-blocks``) gets that condition. If that one is closed
already, its ``close_reason`` says whether it has failed: by the words of ``bd`` for that. Priorities 0 to 4 are 100,
75, 50, 25 and 0; none is 2, as ``bd`` has it.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from parallelproject.model.problem import listed, quoted
from parallelproject.model.spec import SECONDS_MAX
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.build import build
from parallelproject.sources.selection.choose import choose
from parallelproject.sources.selection.item import Item, ItemState, Need
from parallelproject.sources.selection.keys import Keys
from parallelproject.sources.selection.markers import ids_of
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.report import Imported
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import as_id
from parallelproject.sources.text.texts import as_text, one_line

BOOK_KEEPING = frozenset({"agent", "convoy", "event", "merge-request", "message", "rig", "role", "slot"})
"""Types of issue that are the tool's own book-keeping."""
PRIORITIES = (100, 75, 50, 25, 0)
_MEMORY = "memory"
_CONTAINERS = frozenset({"epic", "molecule", "milestone"})
_BLOCKING = frozenset({"blocks", "waits-for", "merge-blocks"})
_REMARKS = frozenset(
    {
        "approved-by", "assigned-to", "attests", "authored-by", "caused-by", "delegated-from", "discovered-from",
        "duplicates", "related", "relates-to", "replies-to", "supersedes", "tracks", "until", "validates",
    }
)  # fmt: skip
"""Types of dependency that block nothing."""
_TYPES = [*_BLOCKING, "parent-child", "conditional-blocks", *_REMARKS]
_PRIORITY = 2
_FAILURE = re.compile(
    r"\b(failed|rejected|wontfix|won't fix|canceled|cancelled|abandoned|blocked|error|timeout|aborted)\b", re.IGNORECASE
)
"""Words of a ``close_reason`` that mean a failure: ``FailureCloseKeywords`` in ``internal/types`` of Beads."""
_DOUBTFUL = {"blocked": "marked as blocked", "hooked": "on an agent's hook"}
_HELD_SHOWN = 10
_SECTIONS = (
    ("", "description"),
    ("Design", "design"),
    ("Acceptance criteria", "acceptance_criteria"),
    ("Notes", "notes"),
)

_READ = frozenset(
    {
        "_type", "await_id", "await_type", "close_reason", "defer_until", "ephemeral", "estimated_minutes", "files",
        "id", "is_template", "issue_type", "labels", "metadata", "parent", "pinned", "priority", "role", "status",
        "subagent_type", "title",
        *(key for _, key in _SECTIONS),
    }
)  # fmt: skip
_KNOWN = frozenset(
    {
        "_schema", "actor", "agent_state", "assignee", "bonded_from", "closed_at", "closed_by_session",
        "comment_count", "comments", "compacted_at", "compacted_at_commit", "compaction_level", "content_hash",
        "created_at", "created_by", "delete_reason", "deleted_at", "deleted_by", "dependency_count", "dependency_type",
        "dependent_count", "due_at", "epic_closeable", "epic_closed_children", "epic_total_children", "event_kind",
        "external_ref", "heartbeat_at", "hook_bead", "key", "last_activity", "lease_expires_at", "mol_type",
        "no_history", "notes_preview", "original_size", "original_type", "owner", "payload", "rig", "role_bead",
        "role_type", "sender", "source_formula", "source_location", "source_repo", "source_system", "spec_id",
        "started_at", "target", "text", "timeout", "updated_at", "value", "waiters", "wisp_type", "work_type",
    }
)  # fmt: skip

Entry = tuple[Any, str]
"""An issue's data, and its place."""


def read_beads(entries: list[Entry], findings: Findings, options: Options, name: str) -> Imported:
    """Reads a project from issues.

    Args:
        entries: The issues with their places, in the file's order.
        findings: Where to note what is wrong.
        options: What is taken; subtasks are always separate tasks.
        name: Name of the project, where the options give none.

    Raises:
        ProblemsError: everything wrong with them.
    """
    fields.bound(entries, findings)
    reader = _Reader(findings, options)
    ids = ids_of([entry for entry, _ in entries], lambda entry: one_line(entry.get("title")) or _MEMORY)
    for (entry, place), id in zip(entries, ids, strict=True):
        reader.take(entry, place, id)
    items = fields.refuse_duplicates(reader.items, findings)
    reader.link({item.id: item for item in items})
    selection = choose(items, options, findings)
    reader.warn_of_doubtful({item.id for item in selection.taken})
    reader.warn_of_gates(selection.because)
    return build(selection, Format.BEADS, name, options, findings, unread=reader.keys.tell(findings))


class _Reader:
    """Takes in issues one by one, then links them."""

    def __init__(self, findings: Findings, options: Options) -> None:
        self.items: list[Item] = []
        self.keys = Keys(_READ, _KNOWN)
        self._findings = findings
        self._include_done = options.include_done
        self._drops_dangling = options.dangling == "warn"
        self._now = options.now or datetime.now(UTC)
        self._gates: list[tuple[Item, str]] = []  # the open ones, and what each waits for
        self._doubtful: dict[str, list[str]] = {}
        self._links: list[tuple[str, str, str, str]] = []  # (issue, type, what it depends on, place)
        self._fans: list[tuple[str, str, str]] = []  # (issue, whose children it waits for, place)
        self._failed: set[str] = set()  # closed as a failure
        self._parents: dict[str, tuple[str, str]] = {}  # by issue: its parent field, and the place

    def take(self, entry: Any, place: str, id: str | None) -> None:
        """Takes in one issue, by itself."""
        if not isinstance(entry, dict):
            self._findings.error(place, f"{quoted(entry)} is not an issue", "write an object with a title")
            return
        memory = entry.get("_type") == "memory"
        title = one_line(entry.get("title"))
        if not title and not memory:
            self._findings.error(_at(place, "title"), "is missing", "give it a title")
            return
        if id is None:
            found = f"{quoted(entry['id'])} is not an id"
            self._findings.error(_at(place, "id"), found, "give it an id that stays the same")
            return
        if entry.get("id") is None and not memory:
            self._findings.warn(place, f'has no id; it is known by its title, as "{id}"', "give it an id")
        type = fields.status_word(entry.get("issue_type") or "task")
        item = Item(
            id=id,
            place=place,
            title=title or _MEMORY,
            container=type in _CONTAINERS and not memory,
            sections=[(heading, as_text(entry.get(field))) for heading, field in _SECTIONS],
            labels=fields.labels_of(entry),
            priority=self._priority(entry.get("priority"), _at(place, "priority")),
            role=fields.role_of(entry, place, self._findings),
            files=fields.files_of(entry.get("files"), _at(place, "files"), self._findings),
            estimate_seconds=_seconds(entry.get("estimated_minutes")),
        )
        self.keys.note(entry, place)
        self._set_state(item, entry, type)
        self.items.append(item)
        if not memory:
            self._note_links(entry, item)

    def link(self, known: dict[str, Item]) -> None:
        """Sets dependencies and parents of items; an item that depends on a failure is skipped."""
        parents: dict[str, list[str]] = {}
        unknown: dict[str, tuple[str, int]] = {}
        for owner, type, target, place in self._links:
            if owner not in known:
                self._findings.warn(place, f"issue_id: {quoted(owner)} is not in the file; not used")
            elif type == "parent-child":
                if target in known:
                    parents.setdefault(owner, []).append(target)
                elif known[owner].state is ItemState.TODO:
                    self._findings.warn(place, f"its parent {quoted(target)} is not in the file")
            elif type in _BLOCKING:
                known[owner].needs.append(Need(target, place))
            elif type == "conditional-blocks":
                self._set_condition(known[owner], known.get(target), Need(target, place))
            elif type not in _REMARKS:
                first, count = unknown.get(type, (place, 0))
                unknown[type] = (first, count + 1)
        for type, (place, count) in unknown.items():
            more = f", here and {count - 1:,} times more" if count > 1 else ""
            fix = self._findings.did_you_mean(type, _TYPES) or "write blocks if it does"
            self._findings.warn(place, f"the type {quoted(type)} is not known, so it blocks nothing{more}", fix)
        for item in known.values():
            own = parents.get(item.id) or self._other_parents(item, known)
            item.parents = tuple(dict.fromkeys(id for id in own if id != item.id))
        children: dict[str, list[str]] = {}
        for item in known.values():
            for parent in item.parents:
                children.setdefault(parent, []).append(item.id)
        for owner, spawner, place in self._fans:
            if owner in known:
                known[owner].needs += [Need(child, place) for child in children.get(spawner, ()) if child != owner]

    def warn_of_doubtful(self, taken: set[str]) -> None:
        """Lists the tasks that will run although their state in Beads may mean otherwise."""
        for status, meaning in _DOUBTFUL.items():
            ids = [id for id in self._doubtful.get(status, ()) if id in taken]
            fields.warn_of_doubtful(ids, meaning, "close or defer issues that must not run", self._findings)

    def warn_of_gates(self, because: Mapping[str, str]) -> None:
        """Names the open gates, and what each holds."""
        for gate, condition in self._gates:
            held = [quoted(id)[1:-1] for id, root in because.items() if root == gate.id]
            what = f"{listed(held, _HELD_SHOWN)} {'waits' if len(held) == 1 else 'wait'} for it" if held else ""
            found = (
                f"{quoted(gate.id)} is an open gate{condition}, which no task passes; {what or 'nothing waits for it'}"
            )
            self._findings.warn(gate.place, found, f"bd gate resolve {gate.id}, when it is passed")

    def _set_state(self, item: Item, entry: dict[str, Any], type: str) -> None:
        status = fields.status_word("open" if entry.get("status") in (None, "") else entry["status"])
        no_work = _no_work(entry, type, status)
        if entry.get("_type") == "memory" or status == "tombstone":
            item.state, item.satisfies = ItemState.SKIPPED, True
            item.why = "tombstone" if status == "tombstone" else "memory"
        elif status == "closed":
            item.state = ItemState.DONE
            if _FAILURE.search(as_text(entry.get("close_reason"))):
                self._failed.add(item.id)
            if no_work and self._include_done:
                item.state, item.why, item.satisfies = ItemState.SKIPPED, no_work, True
        elif no_work:
            item.state, item.why = ItemState.SKIPPED, no_work
            if no_work == "gate":
                item.why, item.holds = "open gate", "held by a gate"
                condition = " ".join(one_line(entry.get(key)) for key in ("await_type", "await_id") if entry.get(key))
                self._gates.append((item, f" ({condition})" if condition else ""))
        elif status == "deferred" or self._is_later(entry.get("defer_until"), _at(item.place, "defer_until")):
            item.state, item.why = ItemState.SKIPPED, "deferred"
        elif status in _DOUBTFUL:
            self._doubtful.setdefault(status, []).append(item.id)
        elif status not in ("open", "in-progress"):
            found = f"{quoted(entry['status'])} is no state that is known; it will run"
            self._findings.warn(_at(item.place, "status"), found, "one of Beads', as in open or closed")

    def _is_later(self, value: object, place: str) -> bool:
        if value is None or value == "":
            return False
        try:
            until = datetime.fromisoformat(as_text(value))
            return (until if until.tzinfo else until.replace(tzinfo=UTC)) > self._now
        except (ValueError, OverflowError):
            self._findings.warn(place, f"{quoted(value)} is not a time; ignored", "as in 2027-01-31T00:00:00Z")
            return False

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
                hint = 'write {"depends_on_id": …, "type": "blocks"}'
                self._findings.error(place, f"{quoted(link)} names no issue to depend on", hint)
                continue
            type = fields.status_word(link.get("type", link.get("dependency_type")) or "blocks")
            owner = as_id(link.get("issue_id")) or item.id
            self._links.append((owner, type, target, place))
            if type == "waits-for":
                self._waits_for_children(owner, target, link.get("metadata"), place)
        others = {key: value for key, value in entry.items() if key != "dependencies"}
        item.needs += fields.dependencies(others, item.place, self._findings)
        if parent := as_id(entry.get("parent")):
            self._parents[item.id] = (parent, item.place)

    def _waits_for_children(self, owner: str, target: str, metadata: object, place: str) -> None:
        """A fan-out waits for what its spawner's children do; ``any-children`` cannot be said here."""
        data = metadata
        if isinstance(metadata, str):
            try:
                data = json.loads(metadata)
            except (ValueError, RecursionError):
                data = None
        if isinstance(data, dict):
            self._fans.append((owner, as_id(data.get("spawner_id")) or target, place))
            if data.get("gate") == "any-children":
                found = f"{quoted(owner)} waits for any child of {quoted(target)}; here it waits for all"
                self._findings.warn(place, found)
        else:
            self._fans.append((owner, target, place))

    def _set_condition(self, item: Item, target: Item | None, need: Need) -> None:
        """An issue runs only if another one fails."""
        is_closed = target is not None and target.state is ItemState.DONE and not self._include_done
        if item.state is not ItemState.TODO or (is_closed and need.target in self._failed):
            return
        if item.container or (target is not None and target.container):
            why = "only single tasks have such a condition, and one of both contains others"
        elif is_closed:
            why = f"{quoted(need.target)} is closed, and has not failed"
        elif target.satisfies if target else self._drops_dangling:
            why = f"{quoted(need.target)} is {target.why if target else 'not in the file'}, so it never does"
        else:
            item.needs.append(need)
            item.after_failure.append(need.target)
            return
        item.state, item.why = ItemState.SKIPPED, "conditional"
        found = f"{quoted(item.id)} runs only if {quoted(need.target)} fails: {why}; it is skipped"
        self._findings.warn(need.place, found, "run it by hand if needed")

    def _other_parents(self, item: Item, known: dict[str, Item]) -> list[str]:
        """The parent by its field, or by the id: ``bd-a1b2.1`` is a child of ``bd-a1b2``."""
        if item.id in self._parents and self._parents[item.id][0] in known:
            return [self._parents[item.id][0]]
        stem, dot, _ = item.id.rpartition(".")
        return [stem] if dot and stem in known else []

    def _priority(self, value: object, place: str) -> int:
        number = _PRIORITY if value is None else fields.number_of(value)
        if number is None or not 0 <= number < len(PRIORITIES):
            found = f"{quoted(value)} is not a priority; {_PRIORITY} is used"
            self._findings.warn(place, found, f"a number from 0 (highest) to {len(PRIORITIES) - 1}")
            number = _PRIORITY
        return PRIORITIES[number]


def _no_work(entry: Mapping[str, Any], type: str, status: str) -> str:
    """What an issue is that is no work for an agent; empty for one that is."""
    if type == "gate":
        return "gate"
    for key, what in (("ephemeral", "ephemeral"), ("is_template", "template"), ("pinned", "pinned")):
        if entry.get(key) is True:
            return what
    if status == "pinned":
        return "pinned"
    return "book-keeping" if type in BOOK_KEEPING else ""


def _seconds(minutes: object) -> int | None:
    number = fields.number_of(minutes)
    return 60 * number if number is not None and 0 < number <= SECONDS_MAX // 60 else None


def _at(place: str, path: str) -> str:
    """``issues.jsonl:3`` and a field: ``issues.jsonl:3: title``; ``issues.json: [3]``: ``issues.json: [3].title``."""
    return f"{place}.{path}" if place.endswith("]") else f"{place}: {path}"
