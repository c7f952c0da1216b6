"""Reads a Markdown list with check boxes: Spec Kit's, Kiro's, OpenSpec's, and any other.

The order of the list is a chain (``phases``), unless a block of waves gives the graph (``waves``). An entry
with entries within it, by indentation or by its dotted number, only contains them. A box with ``x`` is done;
an empty one, ``>``, ``-`` (in progress), ``~`` (queued) and ``!`` (failed) are to run. ``[ ]*`` is optional.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from parallelproject.model.problem import quoted
from parallelproject.sources.formats.markdown.list_ids import Chosen
from parallelproject.sources.formats.markdown.waves import find_waves, link_waves
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.build import build
from parallelproject.sources.selection.choose import DEPTH_MAX, choose
from parallelproject.sources.selection.fold import fold
from parallelproject.sources.selection.item import Item, ItemState, Need
from parallelproject.sources.selection.markers import needs_in, take_files, take_marker
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.phases import Stories, chain
from parallelproject.sources.selection.report import Ignored, Imported
from parallelproject.sources.text.bounds import DESCRIPTION_MAX
from parallelproject.sources.text.check_boxes import DONE, OPEN, Box, BoxList, hidden_boxes, report_near_misses
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.sections import COMMENT, TextOutline, plain
from parallelproject.sources.text.texts import clean, one_line
from parallelproject.sources.text.written_ids import Known


def read_list(
    outline: TextOutline, entries: BoxList, chosen: Chosen, findings: Findings, options: Options, name: str
) -> Imported:
    """Reads the tasks among the entries of a list.

    Raises:
        ProblemsError: everything wrong with it.
    """
    reader = _Reader(outline, entries, chosen, findings)
    items = fields.refuse_duplicates(reader.items(), findings)
    waves = find_waves(outline, findings)
    if options.subtasks == "parents":
        items = fold(items)
    selection = choose(items, options, findings)
    sections = {entries.boxes[index].id: entries.boxes[index].section for index in reversed(chosen.tasks)}
    if waves is not None:
        link_waves(waves, items, reader.within(), reader.leads(), selection, findings)
    elif not reader.all_say_what_they_need:
        unread = [box.line for box in entries.boxes]
        chain(items, selection, sections, Stories(outline, sections, unread))
    taken = {item.id for item in selection.taken}
    optional = tuple(id for id in reader.optional if id in taken)
    ignored = tuple(report_ignored(outline, entries.boxes, chosen, findings))
    return build(selection, Format.GROUPS, name, options, findings, optional=optional, ignored=ignored)


def report_ignored(outline: TextOutline, boxes: Sequence[Box], chosen: Chosen, findings: Findings) -> Iterable[Ignored]:
    """Reports all that looks like a task of the list and is none: warns of what may have been meant as one."""
    for index in chosen.strangers:
        box = boxes[index]
        found = f"{quoted(box.text, 40)} has no id, unlike the tasks of this list, so it is not a task"
        findings.warn(findings.line(box.line), found, "give it one")
        yield Ignored(box.line, "without an id")
    by_section: dict[str, list[int]] = {}
    for index, title in chosen.checks.items():
        by_section.setdefault(title, []).append(boxes[index].line)
        yield Ignored(boxes[index].line, "in a checklist")
    for title, lines in by_section.items():
        found = f"{quoted(title, 40)} is a checklist: its {_counted(len(lines), 'entry', 'entries')} are not tasks"
        findings.warn(findings.line(lines[0]), found, "put tasks below another heading, or give them an id")
    for line in report_near_misses(outline, findings):
        yield Ignored(line, "a letter in the box")
    for line, why in hidden_boxes(outline):
        yield Ignored(line, f"in {why}")
    for line, why in outline.unclosed:
        hidden = sum(row > line for row, _ in hidden_boxes(outline))
        if hidden:
            found = f"{why} that starts here has no end, so {_counted(hidden, 'entry', 'entries')} below are not tasks"
            findings.warn(findings.line(line), found, "close it")


def _counted(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


@dataclass
class _Reader:
    outline: TextOutline
    entries: BoxList
    chosen: Chosen
    findings: Findings
    all_say_what_they_need: bool = False
    """Whether every task names what it waits for, or says that it waits for nothing."""

    def __post_init__(self) -> None:
        boxes = self.entries.boxes
        self._known = Known(boxes[index].id for index in self.chosen.tasks)
        children: dict[int, list[int]] = {}
        for index in self.chosen.tasks:
            above = boxes[index].parent
            if above is not None:
                children.setdefault(above, []).append(index)
        self._bodies = self._collect()
        self._around: dict[int, list[tuple[str, str]]] = {}
        # What says more than its title and has only optional parts is work of its own, which they come after.
        self._leads = {
            above
            for above, parts in children.items()
            if any(self._bodies[above]) and all(boxes[index].optional for index in parts)
        }
        self._containers = children.keys() - self._leads
        self.optional = [boxes[i].id for i in self.chosen.tasks if boxes[i].optional and i not in self._containers]

    def items(self) -> list[Item]:
        """The tasks, and what contains them."""
        stated = []
        items = []
        for index in self.chosen.tasks:
            item, says = self._item(index)
            items.append(item)
            if not item.container:
                stated.append(says)
        self.all_say_what_they_need = len(stated) > 1 and all(stated)
        return items

    def leads(self) -> dict[str, str]:
        """By optional part, the task that it is a part of."""
        boxes = self.entries.boxes
        parents = {index: boxes[index].parent for index in self.chosen.tasks}
        return {boxes[index].id: boxes[above].id for index, above in parents.items() if above in self._leads}

    def within(self) -> dict[str, list[str]]:
        """By the id of what contains others, the ids of the tasks in it."""
        boxes = self.entries.boxes
        found: dict[str, list[str]] = {}
        for index in self.chosen.tasks:
            if index in self._containers:
                continue
            above = boxes[index].parent
            while above is not None:
                if above in self._containers:
                    found.setdefault(boxes[above].id, []).append(boxes[index].id)
                above = boxes[above].parent
        return found

    def _collect(self) -> dict[int, list[str]]:
        """By task, its lines, with those of the entries in it that are none: its steps."""
        known = set(self.chosen.tasks)
        bodies: dict[int, list[str]] = {index: [] for index in known}
        boxes = self.entries.boxes
        for line, owner in zip(self.outline.lines, self.entries.owner, strict=True):
            index = owner
            while index is not None and index not in known:
                index = boxes[index].parent
            if index is not None and boxes[index].line != line.number and line.hidden != COMMENT:
                bodies[index].append(line.text if line.text.strip() else "")
        return bodies

    def _item(self, index: int) -> tuple[Item, bool]:
        boxes = self.entries.boxes
        box = boxes[index]
        place = self.findings.line(box.line)
        group, text = take_marker(clean(box.text), place, self.findings)
        files, title = take_files(text, place, self.findings)
        body = textwrap.dedent("\n".join(self._bodies[index])).strip()
        needs, says = needs_in(text, body.split("\n"), place, self._known, self.findings, own=box.id)
        above = box.parent
        if above in self._leads:
            needs.append(Need(boxes[above].id, place))
        done = box.done
        while above is not None and not done:  # what lies within something done is done
            done = boxes[above].done
            above = boxes[above].parent
        if box.mark not in DONE + OPEN:
            found = f"the box contains {quoted(box.mark)}, which is unknown; the task will run"
            self.findings.warn(place, found, "write [ ], [x], [>] or [!]")
        item = Item(
            id=box.id,
            place=place,
            title=one_line(title) or box.id,
            state=ItemState.DONE if done else ItemState.TODO,
            container=index in self._containers,
            parents=() if box.parent is None or box.parent not in self._containers else (boxes[box.parent].id,),
            needs=needs,
            sections=[("", clean("\n\n".join(part for part in (text, body) if part)))],
            context=self._context(index),
            priority=fields.PRIORITIES["medium"],
            files=files,
            group=group,
        )
        return item, says

    def _context(self, index: int) -> list[tuple[str, str]]:
        """What contains the task says, and what stands below the headings that it lies under."""
        boxes = self.entries.boxes
        context: list[tuple[str, str]] = []
        above = boxes[index].parent
        while above is not None and len(context) < DEPTH_MAX:
            body = textwrap.dedent("\n".join(self._bodies[above])).strip()
            context.append((f"About {boxes[above].id}", clean(body[: DESCRIPTION_MAX + 1])))
            above = boxes[above].parent
        section = boxes[index].section
        if section not in self._around:
            self._around[section] = self._text_around(section)
        return context + self._around[section]

    def _text_around(self, index: int) -> list[tuple[str, str]]:
        path = [section for section in self.outline.path(index) if section.level > 1][:DEPTH_MAX]
        titles = " › ".join(plain(section.title) for section in reversed(path))
        around = [("", clean(f"Section: {one_line(titles)}"))] if path else []
        for section in path:
            own = [line for line in section.own if self.entries.owner[line.number - 1] is None]
            text = "\n".join(line.text for line in own if line.hidden != COMMENT and line.text.strip("-*_ \t"))
            around.append((clean(plain(section.title)), clean(text[: DESCRIPTION_MAX + 1]).strip()))
        return around
