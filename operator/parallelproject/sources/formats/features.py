"""Reads feature lists and PRDs for agent loops: ``feature_list.json``, ``prd.json``.

A list of objects, or an object around one (``features``, ``userStories``). ``passes: true`` is done; so are ``complete:
true`` and a ``status`` such as done or passing. ``steps`` and acceptance criteria are text of the task. A priority is a
place in a row, 1 first, or a word. An entry without an id is known by its text, so that it is the same one in a list
that has grown.
"""

from typing import Any

from parallelproject.model.problem import quoted
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.build import build
from parallelproject.sources.selection.choose import choose
from parallelproject.sources.selection.item import Item, ItemState
from parallelproject.sources.selection.keys import Keys
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.report import Imported
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import as_id, fill_ids
from parallelproject.sources.text.texts import as_text, one_line

_LISTS = (
    "userStories",
    "user_stories",
    "stories",
    "features",
    "feature_list",
    "featureList",
    "items",
    "tasks",
    "tests",
)
_FLAGS = ("passes", "complete", "completed", "done")
_DONE = frozenset({"done", "complete", "completed", "closed", "pass", "passed", "passes", "passing", "verified"})
_RUN = frozenset(
    {
        "pending", "todo", "to-do", "open", "new", "ready", "not-started", "notstarted", "planned", "failing", "fail",
        "failed", "in-progress", "active", "started", "spec-ready", "draft",
    }
)  # fmt: skip
_DOUBTFUL = {"blocked": "marked as blocked", "review": "in review", "ready-for-qa": "in review"}
_LEFT_OUT = {"cancelled": True, "canceled": True, "wontfix": True, "deferred": False, "skipped": False}
"""States of what does not run, and whether what needs it may run all the same."""
_SECTIONS = (
    ("", "description"),
    ("Behaviour", "user_visible_behavior"),
    ("Steps", "steps"),
    ("Acceptance criteria", "acceptanceCriteria"),
    ("Acceptance criteria", "acceptance_criteria"),
    ("Acceptance criteria", "acceptance"),
    ("Verification", "verification"),
    ("Technical notes", "technicalNotes"),
    ("Notes", "notes"),
)
_FILES = ("files", "fileScope", "filesToModify")
_READ = frozenset(
    {
        "id", "title", "name", "status", "priority", "category", "labels", "tags", "role", "subagent_type", "metadata",
        *_FLAGS, *_FILES, *(key for _, key in _SECTIONS),
    }
)  # fmt: skip
_KNOWN = frozenset(
    {
        "area", "assignee", "completedAt", "completed_at", "complexity", "createdAt", "effort", "epic",
        "estimatedComplexity", "evidence", "last_run", "model", "phase", "size", "started", "startedAt",
        "suggestedModel", "type", "updatedAt", "verified_at", "version",
    }
)  # fmt: skip
_KNOWN_AROUND = frozenset(
    {
        "$schema", "branch", "branchName", "created", "createdAt", "date", "description", "generated_at", "goal",
        "lastUpdated", "last_updated", "meta", "metadata", "name", "project", "projectName", "project_name",
        "qualityGates", "rules", "source", "summary", "title", "total", "updated", "updatedAt", "version",
    }
)  # fmt: skip
_FIRST = 100
"""The priority of the place before the first."""
_PLACE_MAX = 1_000_000


def is_features(data: Any) -> bool:
    """Whether data is a feature list: one in whose entries is a flag such as ``passes``, or a list by a usual name."""
    entries = data if isinstance(data, list) else None
    if isinstance(data, dict):
        key = _list_of(data)
        if key is None:
            return False
        entries = data[key]
        if key not in ("tasks", "items", "tests"):
            return True
    return any(isinstance(entry, dict) and _has_flag(entry) for entry in entries or ())


def _has_flag(entry: dict[str, Any]) -> bool:
    if isinstance(entry.get("passes"), bool):
        return True
    return "status" not in entry and "subtasks" not in entry and any(isinstance(entry.get(f), bool) for f in _FLAGS)


def read_features(data: Any, findings: Findings, options: Options, name: str) -> Imported:
    """Reads the entries of a list, or of the list within an object.

    Raises:
        ProblemsError: everything wrong with it.
    """
    keys, around = Keys(_READ, _KNOWN), Keys(_LISTS, _KNOWN_AROUND)
    path, entries = "", data
    if isinstance(data, dict) and (key := _list_of(data)) is not None:
        path, entries = key, data[key]
        around.note(data, findings.file)
    if not isinstance(entries, list):
        findings.stop(findings.file, "contains no list of features", 'write [{"description": …, "passes": false}, …]')
    fields.bound(entries, findings)
    reader = _Reader(findings, options)
    objects = [entry if isinstance(entry, dict) else {} for entry in entries]
    ids = fill_ids([as_id(entry.get("id")) for entry in objects], [_known_by(entry) for entry in objects])
    for index, (entry, id) in enumerate(zip(entries, ids, strict=True)):
        reader.take(entry, id, findings.at(f"{path}[{index}]"))
        if isinstance(entry, dict):
            keys.note(entry, findings.at(f"{path}[{index}]"))
    items = fields.refuse_duplicates(reader.items, findings)
    selection = choose(items, options, findings)
    taken = {item.id for item in selection.taken}
    for status, meaning in _DOUBTFUL.items():
        doubtful = [id for id in reader.doubtful.get(status, ()) if id in taken]
        fields.warn_of_doubtful(doubtful, meaning, "mark tasks that must not run as done or deferred", findings)
    if len(taken) > 1 and reader.ranked and not any(item.needs for item in selection.taken):
        found = "no entry has dependencies: a priority only sets the order of ready tasks"
        findings.warn(findings.file, found, "add dependsOn, or run one at a time with --parallelism 1")
    unread = around.tell(findings) | keys.tell(findings)
    return build(selection, Format.FEATURES, name, options, findings, unread=unread)


def _known_by(entry: dict[str, Any]) -> str:
    """The text that an entry without an id is known by; empty where its id is no id."""
    return "" if entry.get("id") is not None else one_line(entry.get("description")) or fields.title_of(entry, "")


def _list_of(data: dict[str, Any]) -> str | None:
    """The key of the list of entries."""
    for key in _LISTS:
        value = data.get(key)
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            return key
    return None


class _Reader:
    """Takes in entries one by one."""

    def __init__(self, findings: Findings, options: Options) -> None:
        self.items: list[Item] = []
        self.doubtful: dict[str, list[str]] = {}
        self.ranked = False
        """Whether priorities are places in a row."""
        self._findings = findings
        self._options = options

    def take(self, entry: object, id: str | None, place: str) -> None:
        """Takes in one entry, with its id or the one by its text."""
        if not isinstance(entry, dict):
            fix = "write an object with a description"
            self._findings.error(place, f"{quoted(entry)} is not a feature", fix)
            return
        if id is None:
            found = f"{quoted(entry['id'])} is not an id" if "id" in entry else "has no id, title or description"
            self._findings.error(place, found, "give it a description, or an id that is a number or a text")
            return
        item = Item(
            id=id,
            place=place,
            title=fields.title_of(entry, id),
            needs=fields.dependencies(entry, place, self._findings),
            sections=[(heading, as_text(entry.get(key))) for heading, key in _SECTIONS],
            labels=(as_text(entry.get("category")), *fields.labels_of(entry)),
            role=fields.role_of(entry, place, self._findings),
            files=next(
                (fields.files_of(entry[key], f"{place}.{key}", self._findings) for key in _FILES if entry.get(key)), ()
            ),
        )
        self._set_priority(item, entry.get("priority"))
        self._set_state(item, entry)
        self.items.append(item)

    def _set_priority(self, item: Item, value: object) -> None:
        number = fields.number_of(value)
        if number is not None and abs(number) < _PLACE_MAX - _FIRST:
            item.priority = _FIRST - number
            self.ranked = True
        else:
            item.priority = fields.priority_of(value, f"{item.place}.priority", self._findings)

    def _set_state(self, item: Item, entry: dict[str, Any]) -> None:
        for flag in _FLAGS:
            value = entry.get(flag)
            if isinstance(value, bool):
                item.state = ItemState.DONE if value else ItemState.TODO
                return
            if value is not None:
                found = f"{quoted(value)} is neither true nor false; ignored"
                self._findings.warn(f"{item.place}.{flag}", found, "write true or false")
        status = fields.status_word(entry.get("status"))
        if status in _DONE:
            item.state = ItemState.DONE
        elif status in _LEFT_OUT:
            item.state, item.why = ItemState.SKIPPED, "cancelled" if _LEFT_OUT[status] else "deferred"
            item.satisfies = _LEFT_OUT[status] and self._options.cancelled_satisfies
        elif status in _DOUBTFUL:
            self.doubtful.setdefault(status, []).append(item.id)
        elif status not in _RUN:
            found = f"{quoted(entry['status'])} is not a known state; the task will run"
            self._findings.warn(f"{item.place}.status", found, "as in pending or done")
