"""Reads plans whose headings are the tasks: ``### Task 3: Title`` with its steps as text below it.

The plans of superpowers (https://github.com/obra/superpowers, ``skills/writing-plans``) are like this, and so
are many that people write: ``## Step 3``, ``### T01 – Title``, ``## 1. Title``. No text is lost: what is below a
heading is the task's, boxes included; all the rest of the plan is context that every task gets.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from parallelproject.model.problem import listed, quoted
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.build import build
from parallelproject.sources.selection.choose import choose
from parallelproject.sources.selection.fold import fold
from parallelproject.sources.selection.item import Item, ItemState
from parallelproject.sources.selection.markers import needs_in, take_files, take_marker
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.phases import chain
from parallelproject.sources.selection.report import Ignored, Imported
from parallelproject.sources.text.bounds import DESCRIPTION_MAX
from parallelproject.sources.text.check_boxes import Box, BoxList
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import text_id, text_ids
from parallelproject.sources.text.sections import FRONT_MATTER, Section, TextLine, TextOutline, plain
from parallelproject.sources.text.texts import clean, one_line
from parallelproject.sources.text.written_ids import Known, Written, word_id, written_id

_BULLET = re.compile(r"^[-*+][ \t]+(?=\[)")
_BOX = re.compile(r"^\[[ xX✓✔]\]")
_TICK = re.compile(
    r"^(?:\[[xX✓✔]\]|[✅☑✔✓]\ufe0f?)|(?:\[[xX✓✔]\]|[✅☑✔✓]\ufe0f?|\((?:done|completed?)\))$", re.IGNORECASE
)
_OPEN_TICK = re.compile(r"^\[ \]|\[ \]$|^[^\w\[*_`]+(?=\w)")
_STATUS = re.compile(r"^[\s>*_+-]*status[*_]*[ \t]*:[*_]*[ \t]*\W*(?:done|completed?)\b", re.IGNORECASE)
_PHASE = re.compile(r"(?:phase|milestone|stage|part|wave)[ \t]+#?\d+(?:\.\d+)*(?=\W|$)", re.IGNORECASE)
_KINDS = ("task", "story", "dotted", "step", "phase", "number")
"""What headings may count, the most specific first; ``dotted`` is ``### 1.2 Title``."""
_SURE = frozenset({"task", "story", "dotted", "step"})
"""Kinds that may be tasks although there are check boxes; the others are tasks only where there are none."""


@dataclass(frozen=True)
class Heading:
    """A heading that may be a task."""

    section: Section
    kind: str
    id: str
    title: str
    done: bool


def task_headings(outline: TextOutline, checks: Mapping[int, str]) -> list[Heading]:
    """The headings that count something, all of one kind: the most specific kind in the text."""
    found = [heading for section in outline.sections[1:] if (heading := _read(section)) is not None]
    found = [heading for heading in found if heading.section.index not in checks]
    for kind in _KINDS:
        chosen = [heading for heading in found if heading.kind == kind]
        if len(chosen) > (0 if kind in _SURE else 1):
            return chosen
    return []


def hold(headings: Sequence[Heading], boxes: Sequence[Box], outline: TextOutline) -> bool:
    """Whether headings are the tasks rather than the entries with check boxes, which have no ids.

    Headings that call themselves tasks always are; others where most of the entries are below them.
    """
    if not headings or not boxes or headings[0].kind == "task":
        return bool(headings)
    sections = {heading.section.index for heading in headings}
    inside = sum(any(above.index in sections for above in outline.path(box.section)) for box in boxes)
    return headings[0].kind in _SURE and 2 * inside >= len(boxes)


def _read(section: Section) -> Heading | None:
    bare = _BULLET.sub("", section.title)
    done = _TICK.search(bare) is not None
    boxed = _BOX.match(bare) is not None
    text = _OPEN_TICK.sub("", _TICK.sub("", bare).strip()).strip()
    phase = _PHASE.match(plain(text))
    if phase is not None and not boxed:
        title = plain(text)[phase.end() :].strip(" \t:.-–—")
        return Heading(section, "phase", word_id(phase[0]), title, done)
    written = written_id(text)
    if written is None:
        return Heading(section, "task", text_id(text), plain(text), done) if boxed and text else None
    word = written.id.partition("-")[0]
    kind = "task"
    if not written.strong and word in ("step", "story"):
        kind = word
    elif written.id[:1].isdigit() and not boxed:
        kind = "dotted" if written.strong else "number"
    return Heading(section, kind, written.id, plain(_rest(written)), done)


def _rest(written: Written) -> str:
    return written.rest.strip("-–— \t")


def read_plan(
    outline: TextOutline, entries: BoxList, headings: list[Heading], findings: Findings, options: Options, name: str
) -> Imported:
    """Reads the tasks that are headings.

    Raises:
        ProblemsError: everything wrong with it.
    """
    reader = _Reader(outline, entries, _named(headings, outline, findings), findings)
    items = fields.refuse_duplicates(reader.items(), findings)
    if options.subtasks == "parents":
        items = fold(items)
    selection = choose(items, options, findings)
    if not reader.all_say_what_they_need:
        chain(items, selection)
    ignored = tuple(reader.ignored())
    return build(selection, Format.GROUPS, name, options, findings, ignored=ignored)


def _named(headings: list[Heading], outline: TextOutline, findings: Findings) -> list[Heading]:
    """The headings with an id each: their titles are the ids where numbers are there more than once."""
    counted = Counter(heading.id for heading in headings)
    twice = [id for id, count in counted.items() if count > 1]
    if not twice:
        return headings
    found = f"{listed(twice, 5)} {'are' if len(twice) > 1 else 'is'} used more than once, so titles are the ids"
    findings.warn(findings.file, found, "number all tasks of the file through")
    above = [outline.sections[heading.section.parent or 0].title for heading in headings]
    ids = text_ids([heading.title or heading.id for heading in headings], headings=above)
    return [
        Heading(heading.section, heading.kind, id, heading.title, heading.done)
        for heading, id in zip(headings, ids, strict=True)
    ]


class _Reader:
    def __init__(self, outline: TextOutline, entries: BoxList, headings: list[Heading], findings: Findings) -> None:
        self.all_say_what_they_need = False
        """Whether every task names what it waits for, or says that it waits for nothing."""
        self._outline = outline
        self._entries = entries
        self._headings = headings
        self._findings = findings
        self._known = Known(heading.id for heading in headings)
        tasks = {heading.section.index: heading for heading in headings}
        self._task_of = {  # by section, the task that it lies in
            section.index: next(
                (tasks[above.index] for above in outline.path(section.index) if above.index in tasks), None
            )
            for section in outline.sections
        }
        parents = [self._parent(heading) for heading in headings]
        self._containers = {parent.id for parent in parents if parent is not None}
        self._boxes: dict[str, list[Box]] = {}
        for box in entries.boxes:
            task = self._task_of[box.section]
            if task is not None:
                self._boxes.setdefault(task.id, []).append(box)
        self._text_of: dict[str, list[str]] = {heading.id: [] for heading in headings}
        for line in outline.lines:
            task = self._task_of[line.section]
            if task is not None and not (line.heading and line.section == task.section.index):
                self._text_of[task.id].append(line.text)
        self._context = self._contexts()

    def items(self) -> list[Item]:
        """The tasks, and what contains them."""
        items, stated = [], []
        for heading in self._headings:
            item, says = self._item(heading)
            items.append(item)
            if not item.container:
                stated.append(says)
        self.all_say_what_they_need = len(stated) > 1 and all(stated)
        return items

    def ignored(self) -> Iterable[Ignored]:
        """What looks like a task and is none; warns of it."""
        lines = [box.line for box in self._entries.boxes if self._task_of[box.section] is None]
        if lines:
            which = "line" if len(lines) == 1 else "lines"
            found = f"entries with a check box outside of the tasks, which are headings, are no tasks: {which} "
            hint = "put what is to be done below a heading of its own, or below that of a task"
            self._findings.warn(self._findings.line(lines[0]), found + listed(lines, 10), hint)
        for line in lines:
            yield Ignored(line, "an entry outside of the tasks")
        for section in self._outline.sections[1:]:
            other = _read(section)
            if other is not None and other.kind in ("task", "story", "step") and self._task_of[section.index] is None:
                found = f"{quoted(section.title, 40)} is not a task, because the tasks have another kind of heading"
                self._findings.warn(self._findings.line(section.line), found, "give it the same kind of heading")
                yield Ignored(section.line, "another kind of heading")

    def _parent(self, heading: Heading) -> Heading | None:
        above = heading.section.parent
        return None if above is None else self._task_of.get(above)

    def _item(self, heading: Heading) -> tuple[Item, bool]:
        place = self._findings.line(heading.section.line)
        group, text = take_marker(clean(heading.title), place, self._findings)
        files, title = take_files(text, place, self._findings)
        body = self._text_of[heading.id]
        needs, says = needs_in(text, body, place, self._known, self._findings, own=heading.id)
        boxes = self._boxes.get(heading.id, [])
        parent = self._parent(heading)
        done = heading.done or any(map(_STATUS.match, body)) or (bool(boxes) and all(box.done for box in boxes))
        above = parent
        while above is not None and not done:  # what lies within something done is done
            done, above = above.done, self._parent(above)
        item = Item(
            id=heading.id,
            place=place,
            title=one_line(title) or heading.id,
            state=ItemState.DONE if done else ItemState.TODO,
            container=heading.id in self._containers,
            parents=() if parent is None else (parent.id,),
            needs=[need for need in needs if need.target != heading.id],
            sections=[("", clean(text)), ("", _joined(body))],
            context=self._context_of(heading),
            priority=fields.PRIORITIES["medium"],
            files=files,
            group=group,
        )
        return item, says

    def _context_of(self, heading: Heading) -> list[tuple[str, str]]:
        context = []
        above = self._parent(heading)
        while above is not None:
            context.append((f"About {above.id}: {clean(above.title)}", _joined(self._text_of[above.id])))
            above = self._parent(above)
        near, rest = self._context
        for section in self._outline.path(heading.section.index):
            if section.index in near:
                context.append((clean(plain(section.title)), near[section.index]))
        return [*context, ("From the plan", rest)]

    def _contexts(self) -> tuple[dict[int, str], str]:
        """The text outside of the tasks: by section, that of sections with tasks in them; and all the rest."""
        above = {
            section.index
            for heading in self._headings
            for section in self._outline.path(heading.section.parent or 0)
            if section.level > 1
        }
        near: dict[int, str] = {}
        rest: list[TextLine] = []
        for section in self._outline.sections:
            if self._task_of[section.index] is not None:
                continue
            own = [line for line in section.own if line.hidden != FRONT_MATTER]
            if section.index in above:
                near[section.index] = _joined(line.text for line in own)
            else:
                rest += [self._outline.lines[section.line - 1]] * (section.level > 0)
                rest += own
        return near, _joined(line.text for line in rest)


def _joined(lines: Iterable[str]) -> str:
    """Lines as a text, without the rules that part sections; as much of it as a description can hold."""
    rows = list(lines)
    while rows and not rows[-1].strip("-*_ \t"):
        rows.pop()
    return clean("\n".join(rows)[: DESCRIPTION_MAX + 1]).strip("\n")
