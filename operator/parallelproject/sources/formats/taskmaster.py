"""Reads TaskMaster's tasks.json: tagged, untagged, or a bare list.

Leaves are the tasks: subtask ``2`` of task ``5`` is ``5.2``, which waits for what ``5`` waits for; to wait
for ``5`` is to wait for all of its leaves. A number in a subtask's dependencies means the sibling of that
number, else the task at the top. What TaskMaster's states mean here:

* ``done``, ``completed``: done, and so are all subtasks of such a task.
* ``pending``, ``in-progress``: to run. What was in progress when the file was written starts again.
* ``review``, ``blocked``: to run, with a warning that names them.
* ``cancelled``: skipped; tasks that need it run anyway, unless the options say otherwise.
* ``deferred``: skipped, with tasks that need it.
* anything else: to run, with a warning.

A priority is low 25, medium or none 50, high 75, critical 100; a subtask without one has its parent's.
"""

from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from parallelproject.model.problem import Problem, quoted
from parallelproject.sources.formats.taskmaster_tags import project_name, tasks_of
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.build import build
from parallelproject.sources.selection.choose import Selection, choose
from parallelproject.sources.selection.fold import fold
from parallelproject.sources.selection.item import Item, ItemState, Need
from parallelproject.sources.selection.keys import Keys
from parallelproject.sources.selection.markers import ids_of
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.report import Imported
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.texts import as_text

_DONE = frozenset({"done", "completed"})
_RUN = frozenset({"pending", "in-progress"})
_DOUBTFUL = {"review": "in review", "blocked": "marked as blocked"}
_SECTIONS = (
    ("", "description"),
    ("Details", "details"),
    ("Implementation approach", "implementationApproach"),
    ("Scope", "scopeBoundaries"),
    ("Technical constraints", "technicalConstraints"),
    ("Existing infrastructure", "existingInfrastructure"),
    ("Codebase patterns", "codebasePatterns"),
    ("Acceptance criteria", "acceptanceCriteria"),
    ("Test strategy", "testStrategy"),
    ("Notes", "notes"),
)
_READ = frozenset(
    {
        "id", "title", "name", "status", "priority", "subtasks", "relevantFiles", "files", "labels", "tags", "role",
        "subagent_type", "metadata", *(key for _, key in _SECTIONS),
    }
)  # fmt: skip
_KNOWN = frozenset(
    {
        "actualEffort", "assignee", "category", "completedAt", "complexity", "complexityReasoning", "complexityScore",
        "created", "createdAt", "created_at", "databaseId", "displayId", "dueDate", "effort", "estimatedEffort",
        "estimatedHours", "expansionPrompt", "isSubtask", "owner", "parentId", "parentTask", "parentTaskId",
        "previousStatus", "projectId", "recommendedSubtasks", "skills", "startedAt", "updated", "updatedAt",
        "updated_at",
    }
)  # fmt: skip


def read_taskmaster(
    data: Any, findings: Findings, options: Options, name: str, current_tag: str | None = None
) -> Imported:
    """Reads the tasks of one tag.

    Args:
        data: The file's JSON.
        findings: Where to note what is wrong.
        options: What is taken.
        name: Name of the project, where the options give none.
        current_tag: The tag that TaskMaster has as its current one.

    Raises:
        ProblemsError: everything wrong with it.
    """
    tagged = tasks_of(data, findings, options.tag, current_tag)
    fields.bound(tagged.tasks, findings)
    tree = _Tree(findings, options)
    for index, (entry, own) in enumerate(zip(tagged.tasks, _ids(tagged.tasks), strict=True)):
        tree.take(entry, own, f"{tagged.path}[{index}]", None)
    items = tree.resolved(siblings_first=True)
    selection = _selection(items, options, findings)
    taken = {item.id for item in selection.taken}
    for status, meaning in _DOUBTFUL.items():
        doubtful = [id for id in tree.doubtful.get(status, ()) if id in taken]
        fields.warn_of_doubtful(doubtful, meaning, "mark tasks that must not run as done or deferred", findings)
    findings.errors.extend(tree.ambiguous(items, taken))
    _explain_cycles(selection, tree, options, findings)
    if tagged.tag is not None:
        name = project_name(name, tagged.tag)
    more = {"tag": tagged.tag, "other_tags": tagged.others, "unread": tree.keys.tell(findings)}
    return build(selection, Format.TASKMASTER, name, options, findings, **more)


@dataclass(frozen=True)
class _WrittenItem:
    """An item as its file has it, its dependencies not yet resolved."""

    item: Item
    parent: str | None


class _Tree:
    """The tasks and subtasks of a tag."""

    def __init__(self, findings: Findings, options: Options) -> None:
        self.doubtful: dict[str, list[str]] = {}
        self.keys = Keys(_READ, _KNOWN)
        self._findings = findings
        self._options = options
        self._written: dict[str, _WrittenItem] = {}
        self._twice: dict[str, int] = {}

    def take(self, entry: object, own: str | None, path: str, parent: Item | None) -> None:
        """Takes in a task with all within it. The depth of the file's data bounds the recursion."""
        place = self._findings.at(path)
        if not isinstance(entry, dict):
            self._findings.error(place, f"{quoted(entry)} is not a task", "write an object with an id and a title")
            return
        if own is None:
            found = f"{quoted(entry['id'])} is not an id" if entry.get("id") is not None else "has no id"
            self._findings.error(f"{place}.id", found, "give it a number or a text")
            return
        id = own if parent is None or own.startswith(f"{parent.id}.") else f"{parent.id}.{own}"
        subtasks = entry.get("subtasks") or []
        if not isinstance(subtasks, list):
            self._findings.error(f"{place}.subtasks", f"{quoted(subtasks)} is not a list", "write a list of tasks")
            subtasks = []
        item = Item(
            id=self._unique(id, place, parent),
            place=place,
            title=fields.title_of(entry, f"Task {id}"),
            container=bool(subtasks),
            parents=() if parent is None else (parent.id,),
            needs=fields.dependencies(entry, place, self._findings),
            sections=[(heading, as_text(entry.get(field))) for heading, field in _SECTIONS],
            role=fields.role_of(entry, place, self._findings),
            labels=fields.labels_of(entry),
            files=fields.files_of(entry.get("relevantFiles"), f"{place}.relevantFiles", self._findings)
            or fields.files_of(entry.get("files"), f"{place}.files", self._findings),
        )
        self.keys.note(entry, place)
        self._set_priority(item, entry.get("priority"), parent)
        self._set_state(item, entry.get("status"), parent)
        self._written.setdefault(item.id, _WrittenItem(item, None if parent is None else parent.id))
        for index, (subtask, own) in enumerate(zip(subtasks, _ids(subtasks), strict=True)):
            self.take(subtask, own, f"{path}.subtasks[{index}]", item)

    def resolved(self, *, siblings_first: bool) -> list[Item]:
        """The items, with complete ids as dependencies.

        A task is not its own sibling: number 2 in subtask 2 means the task at the top, if there is one.
        """
        return [
            replace(
                item,
                needs=[replace(need, target=self._meant(need, item.id, parent, siblings_first)) for need in item.needs],
            )
            for item, parent in ((one.item, one.parent) for one in self._written.values())
        ]

    def ambiguous(self, items: list[Item], taken: set[str]) -> list[Problem]:
        """Problems: dependencies of tasks taken on an id that several subtasks share."""
        noted = Findings(self._findings.file)
        for item in items:
            if item.id not in taken and not (item.container and item.state is ItemState.TODO):
                continue
            for need in item.needs:
                if need.target in self._twice:
                    found = f"{quoted(need.target)} is the id of {self._twice[need.target]} subtasks"
                    noted.error(need.place, found, "give each its own id", "DuplicateTask")
        return noted.errors

    def _meant(self, need: Need, own: str, parent: str | None, siblings_first: bool) -> str:
        if parent is None:
            return need.target
        sibling = f"{parent}.{need.target}"
        order = [sibling, need.target] if siblings_first else [need.target, sibling]
        order = [id for id in order if id != own] + [own] * (own in order)
        return next((id for id in order if id in self._written), need.target)

    def _unique(self, id: str, place: str, parent: Item | None) -> str:
        """The id, or a new one for a subtask whose id a sibling has: nothing is lost, and nothing is doubled."""
        if id not in self._written:
            return id
        if parent is None:
            first = self._written[id].item.place.removeprefix(f"{self._findings.file}: ")
            found = f"{quoted(id)} is already the id of {first}"
            self._findings.error(f"{place}.id", found, "give each its own", "DuplicateTask")
            return id
        count = self._twice.get(id, 1) + 1
        while (new := f"{id}-{count}") in self._written:
            count += 1
        self._twice[id] = count
        found = f"{quoted(id)} is already the id of another subtask; this one becomes {quoted(new)}"
        self._findings.warn(f"{place}.id", found, "give each its own")
        return new

    def _set_priority(self, item: Item, value: object, parent: Item | None) -> None:
        if value is None and parent is not None:
            item.priority = parent.priority
        else:
            item.priority = fields.priority_of(value, f"{item.place}.priority", self._findings)

    def _set_state(self, item: Item, value: object, parent: Item | None) -> None:
        status = fields.status_word(value)
        if status in _DONE or (parent is not None and parent.state is ItemState.DONE):
            item.state = ItemState.DONE
        elif status in ("cancelled", "canceled"):
            item.state, item.why = ItemState.SKIPPED, "cancelled"
            item.satisfies = self._options.cancelled_satisfies
        elif status == "deferred":
            item.state, item.why = ItemState.SKIPPED, "deferred"
        elif status in _DOUBTFUL:
            self.doubtful.setdefault(status, []).append(item.id)
        elif status not in _RUN:
            found = f"{quoted(value)} is not a known state; the task will run"
            self._findings.warn(f"{item.place}.status", found, "one of TaskMaster's, as in pending or done")


def _ids(entries: list[Any]) -> list[str | None]:
    return ids_of(entries, lambda entry: fields.title_of(entry, ""))


def _selection(items: list[Item], options: Options, findings: Findings) -> Selection:
    return choose(fold(items) if options.subtasks == "parents" else items, options, findings)


def _explain_cycles(selection: Selection, tree: _Tree, options: Options, findings: Findings) -> None:
    """Warns of cycles that come from reading a subtask's numbers as siblings; ``core`` refuses them."""
    knots = _knots(selection)
    if not knots:
        return
    otherwise = _selection(tree.resolved(siblings_first=False), options, Findings(findings.file))
    still = set().union(*_knots(otherwise))
    places = {item.id: item.place for item in selection.taken}
    for knot in knots:
        if not still & knot:
            ids = sorted(knot, key=list(places).index)
            found = f"{', '.join(map(quoted, ids[:10]))} wait for each other"
            hint = (
                "read as tasks at the top instead of siblings, the numbers in these subtasks would give no cycle: "
                'write what is meant in full, as in "1.2"'
            )
            findings.warn(places[ids[0]], found, hint)


def _knots(selection: Selection) -> list[set[str]]:
    try:
        TopologicalSorter(selection.needs).prepare()
    except CycleError:
        import networkx as nx  # here, because it is slow to load
    else:
        return []
    graph: nx.DiGraph[str] = nx.DiGraph((id, need) for id, needs in selection.needs.items() for need in needs)
    return [
        set(knot)
        for knot in nx.strongly_connected_components(graph)
        if len(knot) > 1 or any(graph.has_edge(id, id) for id in knot)
    ]
