"""Reads BMAD's stories: each file is a task, the boxes under Tasks / Subtasks are its steps.

The shapes are those of https://github.com/bmad-code-org/BMAD-METHOD: ``# Story 1.2: Title``, a status in the head
(``Status: ready-for-dev``, or a section ``## Status``), and a ``sprint-status.yaml`` next to the stories whose states
count instead. Stories follow one another in the order of their numbers. What their states mean here:

* ``done``, ``completed``: done.
* ``ready-for-dev``, ``approved``, ``in-progress``, none: to run.
* ``review``: to run, with a warning that names them.
* ``draft``, ``drafted``, ``backlog``: skipped, since nobody has approved them yet.
* ``deferred``, ``cancelled``: as in TaskMaster's files.
* anything else: to run, with a warning.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath

from parallelproject.model.problem import listed, quoted
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.build import build
from parallelproject.sources.selection.choose import choose
from parallelproject.sources.selection.item import Item, ItemState
from parallelproject.sources.selection.markers import needs_in
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.phases import SEQUENTIAL, chain
from parallelproject.sources.selection.report import Imported
from parallelproject.sources.text import yaml_text
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import text_id
from parallelproject.sources.text.sections import TextOutline, plain
from parallelproject.sources.text.texts import clean, one_line
from parallelproject.sources.text.written_ids import Known

_TITLE = re.compile(r"^(?:user )?story\b[ \t]*#?(\d+(?:[.-]\d+)*[a-z]?)?[ \t]*[-:.–—]*[ \t]*(.*)$", re.IGNORECASE)
_NUMBER = re.compile(r"(?:story[-._ ])?(\d+)[-._](\d+)(?=[-._]|$)", re.IGNORECASE)
_NUMBER_IN_TEXT = re.compile(r"(?<![\w.-])(\d+)-(\d+)(?![\w.])")
_STATUS = re.compile(r"^[\s>#*_+-]*status[*_]*[ \t]*:[*_]*[ \t]*(.*)$", re.IGNORECASE)
_PARTS = re.compile(
    r"^(?:tasks ?/ ?subtasks|tasks|acceptance criteria.*|dev notes|dev agent record|story|user story)$", re.IGNORECASE
)
_DONE = frozenset({"done", "completed", "complete", "closed"})
_RUN = frozenset(
    {"ready-for-dev", "ready-for-development", "ready", "approved", "in-progress", "inprogress", "pending", "todo"}
)
_REVIEW = frozenset({"review", "ready-for-review", "in-review"})
_DRAFT = frozenset({"draft", "drafted", "backlog"})


def is_story(text: str | TextOutline) -> bool:
    """Whether a Markdown text is one story: its title says so, and it has the sections of one."""
    outline = text if isinstance(text, TextOutline) else TextOutline(text)
    title = next((section for section in outline.sections if section.level == 1), None)
    if title is None or not _TITLE.match(plain(title.title)):
        return False
    parts = {plain(section.title).lower() for section in outline.sections if _PARTS.match(plain(section.title))}
    return len(parts) > 1


def sprint_states(text: str, findings: Findings) -> dict[str, str]:
    """The states of a ``sprint-status.yaml`` by the names of stories: ``{"1-2-user-auth": "in-progress"}``.

    Raises:
        ProblemsError: it is not YAML.
    """
    documents = yaml_text.parse(text, findings)
    data = documents[0].data if documents else None
    states = data.get("development_status") if isinstance(data, dict) else None
    if not isinstance(states, dict):
        findings.warn(findings.file, "has no development_status, so the states in the stories count")
        return {}
    found = {}
    for key, value in states.items():
        state = value.get("status") if isinstance(value, dict) else value
        if isinstance(state, str) and not re.match(r"epic-\d+(-retrospective)?$", key):
            found[key] = state
    return found


def read_stories(
    files: Mapping[str, str], states: Mapping[str, str] | None, findings: Findings, options: Options, name: str
) -> Imported:
    """Reads stories, each file a task.

    Args:
        files: By path, the texts of the story files.
        states: Those of the sprint file, from ``sprint_states``; None if there is no such file.
        findings: Gets what is wrong.
        options: What is taken.
        name: Name of the project, where the options give none.

    Raises:
        ProblemsError: everything wrong with them.
    """
    fields.bound(list(files), findings)
    outlines = {path: TextOutline(text) for path, text in files.items()}
    ids = _ids(outlines)
    order = sorted(outlines, key=lambda path: ([int(n) for n in re.findall(r"\d+", ids[path])[:4]], path))
    known = Known(ids.values())
    items, doubtful, used = [], [], set()
    for path in order:
        of_file = Findings(path)
        item, stated = _story(outlines[path], ids[path], path, known, of_file)
        findings.warnings += of_file.warnings
        key = _key(path, ids[path], states or {})
        used.add(key)
        _set_state(item, (states or {}).get(key, stated), options, findings)
        if fields.status_word((states or {}).get(key, stated)) in _REVIEW:
            doubtful.append(item.id)
        items.append(item)
    absent = [key for key in states or {} if key not in used]
    if absent:
        found = f"the sprint file names stories without a file, which are not tasks: {listed(absent, 10)}"
        findings.warn(findings.file, found, "write the stories")
    items = fields.refuse_duplicates(items, findings)
    selection = choose(items, options, findings)
    taken = {item.id for item in selection.taken}
    waiting = [id for id in doubtful if id in taken]
    fields.warn_of_doubtful(waiting, "in review", "mark tasks that must not run as done or deferred", findings)
    chain(items, selection)
    return build(selection, Format.GROUPS, name, options, findings)


def _ids(outlines: Mapping[str, TextOutline]) -> dict[str, str]:
    """The number of each story, from its title or its file's name; its file's name where that is not unique."""
    ids = {}
    for path, outline in outlines.items():
        stem = PurePath(path).stem
        of_title = _TITLE.match(_title(outline))
        of_name = _NUMBER.match(stem)
        if of_name is not None:
            ids[path] = f"{of_name[1]}.{of_name[2]}"
        else:
            ids[path] = of_title[1].replace("-", ".") if of_title and of_title[1] else text_id(stem)
    counted = Counter(ids.values())
    return {path: id if counted[id] == 1 else text_id(PurePath(path).stem) for path, id in ids.items()}


def _title(outline: TextOutline) -> str:
    return plain(next((section.title for section in outline.sections if section.level == 1), ""))


def _key(path: str, id: str, states: Mapping[str, str]) -> str:
    """The story's name in the sprint file: that of its file, or the one with its number."""
    stem = PurePath(path).stem
    number = f"{id.replace('.', '-')}-"
    return stem if stem in states else next((key for key in states if key.startswith(number)), stem)


def _story(outline: TextOutline, id: str, path: str, known: Known, findings: Findings) -> tuple[Item, str]:
    """The story as an item, and the state that it says that it is in."""
    state, lines = "", []
    of_section = False
    for line in outline.lines:
        if line.heading:
            title = plain(outline.sections[line.section].title)
            of_section = title.lower() == "status"
            if outline.sections[line.section].level == 1 or of_section:
                continue
        found = None if line.hidden or state else _STATUS.match(line.text)
        if found is not None:
            state = found[1]
            continue
        if of_section and line.text.strip() and not state:
            state = line.text
            continue
        lines.append(line.text)
    of_title = _TITLE.match(_title(outline))
    title = one_line(clean(of_title[2] if of_title else _title(outline))) or id
    body = (_NUMBER_IN_TEXT.sub(r"\1.\2", line) for line in lines)
    needs, _ = needs_in("", body, path, known, findings, own=id)
    item = Item(
        id=id,
        place=path,
        title=title,
        needs=needs,
        sections=[("", clean("\n".join(lines)).strip())],
        priority=fields.PRIORITIES["medium"],
        group=SEQUENTIAL,
    )
    return item, re.split(r"[(–—,;]|\s-\s", plain(state).strip("*_ \t-"))[0].strip(" .✅✔\ufe0f")


def _set_state(item: Item, value: str, options: Options, findings: Findings) -> None:
    status = fields.status_word(value)
    if status in _DONE:
        item.state = ItemState.DONE
    elif status in _DRAFT:
        item.state, item.why = ItemState.SKIPPED, "draft"
    elif status in ("cancelled", "canceled"):
        item.state, item.why, item.satisfies = ItemState.SKIPPED, "cancelled", options.cancelled_satisfies
    elif status == "deferred":
        item.state, item.why = ItemState.SKIPPED, "deferred"
    elif status not in _RUN | _REVIEW:
        found = f"{quoted(value)} is not a known state; the task will run"
        findings.warn(item.place, found, "as in ready-for-dev or done")
