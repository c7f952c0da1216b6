"""Decides which entries of a Markdown list are its tasks, what contains what, and what each is called."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from parallelproject.model.problem import listed, quoted
from parallelproject.sources.selection.markers import identity
from parallelproject.sources.text.check_boxes import Box
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import text_ids
from parallelproject.sources.text.sections import Section, plain
from parallelproject.sources.text.written_ids import Written, family, written_id


@dataclass
class Chosen:
    """The tasks among the entries of a list."""

    tasks: list[int] = field(default_factory=list)
    """Indices of the entries that are tasks, or contain them."""
    strangers: list[int] = field(default_factory=list)
    """Those without an id where others have one."""
    checks: dict[int, str] = field(default_factory=dict)
    """Those that check the whole, with the title of their section."""
    written: bool = False
    """Whether ids are written in the text."""


def has_ids(boxes: Sequence[Box], checks: Mapping[int, str]) -> bool:
    """Whether entries have ids that can hardly be anything else, each another."""
    found = _written(_work(boxes, checks), boxes)
    return _mostly(found, boxes) and all(one.strong for one in found.values() if one) and not _twice(found)


def choose_ids(boxes: list[Box], checks: Mapping[int, str], sections: Sequence[Section], findings: Findings) -> Chosen:
    """Gives the tasks among entries their ids: those written before the texts where most have one, else by the text.

    Sets ``id``, ``text`` and ``parent`` of the entries that are tasks. With dotted ids ``2.1`` lies within
    ``2``, indented or not.

    Args:
        boxes: The entries.
        checks: The sections that are checklists, with their titles; an entry there is a task only if it has
            an id of the kind that tasks elsewhere have, or where there are no others.
        sections: All sections.
        findings: Gets what is doubtful.
    """
    work = _work(boxes, checks)
    found = _written(work, boxes)
    chosen = Chosen(written=_mostly(found, boxes))
    twice = _twice(found)
    if chosen.written and twice and not any(one.strong for one in found.values() if one):
        chosen.written = False
        which = f"the number{'s' if len(twice) > 1 else ''} {listed(twice, 5)} {'are' if len(twice) > 1 else 'is'}"
        found_what = f"{which} used more than once, so the tasks are known by their text"
        findings.warn(findings.file, found_what, "give each its own number, as in T001")
    if chosen.written:
        families = {family(one.id) for one in found.values() if one}
        others = {index: written_id(boxes[index].text) for index in range(len(boxes)) if index not in found}
        found |= {index: one for index, one in others.items() if one and one.strong and family(one.id) in families}
        chosen.tasks = [index for index in range(len(boxes)) if found.get(index)]
        _take(boxes, {index: one for index, one in found.items() if one})
        _set_parents(boxes, chosen.tasks)
        _set_apart(boxes, chosen.tasks, findings)
        chosen.strangers = _strangers(boxes, chosen.tasks, work)
    else:
        chosen.tasks = work
        _name(boxes, work, sections, findings)
    left = set(range(len(boxes))).difference(chosen.tasks, chosen.strangers)
    chosen.checks = {index: checks[boxes[index].section] for index in sorted(left) if boxes[index].section in checks}
    return chosen


def _work(boxes: Sequence[Box], checks: Mapping[int, str]) -> list[int]:
    """The entries outside of checklists; all, where there are no others."""
    work = [index for index, box in enumerate(boxes) if box.section not in checks]
    return work or list(range(len(boxes)))


def _written(work: Sequence[int], boxes: Sequence[Box]) -> dict[int, Written | None]:
    return {index: written_id(boxes[index].text) for index in work}


def _mostly(found: Mapping[int, Written | None], boxes: Sequence[Box]) -> bool:
    """Whether most have an id; what lies within one that has, is its step and does not count."""
    within = set[int]()
    for index, one in found.items():  # what contains an entry comes before it
        parent = boxes[index].parent
        if one is None and parent is not None and (found.get(parent) or parent in within):
            within.add(index)
    count = sum(one is not None for one in found.values())
    return 2 * count > len(found) - len(within)


def _twice(found: Mapping[int, Written | None]) -> list[str]:
    """The weak ids that are there more than once: they count within their sections, say."""
    counted = Counter(one.id for one in found.values() if one and not one.strong)
    return [id for id, count in counted.items() if count > 1]


def _take(boxes: Sequence[Box], found: Mapping[int, Written]) -> None:
    for index, one in found.items():
        boxes[index].id = one.id
        boxes[index].text = one.rest or one.id
        if one.rest.startswith("* "):  # [ ] 3.1* as some write it
            boxes[index].optional, boxes[index].text = True, one.rest[2:].strip()


def _set_parents(boxes: Sequence[Box], tasks: Sequence[int]) -> None:
    """By the dots in the ids, where there is one of that number; else by indentation, of tasks only."""
    nearest: dict[str, int] = {}
    known = set(tasks)
    for index in tasks:
        box = boxes[index]
        nearest[box.id] = index
        while box.parent is not None and box.parent not in known:
            box.parent = boxes[box.parent].parent
        stem = box.id
        while "." in stem:
            stem = stem.rpartition(".")[0]
            above = nearest.get(stem, nearest.get(f"{stem}.0"))
            if above not in (None, index):
                box.parent = above
                break


def _set_apart(boxes: Sequence[Box], tasks: Sequence[int], findings: Findings) -> None:
    """Gives ticked entries whose id another one has an id of their own: they do not run. The others stay errors."""
    by_id: dict[str, list[int]] = {}
    for index in tasks:
        by_id.setdefault(boxes[index].id, []).append(index)
    for id, group in list(by_id.items()):
        if len(group) == 1:
            continue
        ticked = [index for index in group if boxes[index].done]
        for index in ticked if len(ticked) < len(group) else ticked[1:]:
            count = 2
            while (new := f"{id}-{count}") in by_id:
                count += 1
            by_id[new] = []
            boxes[index].id = new
            found = f"{quoted(id)} is the id of another entry as well; this one, which is done, becomes {quoted(new)}"
            findings.warn(findings.line(boxes[index].line), found, "give each its own")


def _strangers(boxes: Sequence[Box], tasks: Sequence[int], work: Sequence[int]) -> list[int]:
    """The entries without an id that are not steps of a task, because they are in none, or next to tasks."""
    known = set(tasks)
    containers = {boxes[index].parent for index in tasks}
    strangers = []
    for index in work:
        if index in known:
            continue
        above = boxes[index].parent
        while above is not None and above not in known:
            above = boxes[above].parent
        if above is None or above in containers:
            strangers.append(index)
    return strangers


def _name(boxes: Sequence[Box], work: Sequence[int], sections: Sequence[Section], findings: Findings) -> None:
    place = {index: at for at, index in enumerate(work)}
    for index in work:
        box = boxes[index]
        while box.parent is not None and box.parent not in place:
            box.parent = boxes[box.parent].parent
    texts = [identity(boxes[index].text) or boxes[index].text for index in work]
    parents = [place.get(above) if (above := boxes[index].parent) is not None else None for index in work]
    headings = [plain(sections[boxes[index].section].title) for index in work]
    for index, id in zip(work, text_ids(texts, parents, headings), strict=True):
        boxes[index].id = id
        if re.search(r"\.\d+$", id):
            found = f"{quoted(boxes[index].text, 40)} is there more than once; its place makes it {id}"
            findings.warn(findings.line(boxes[index].line), found, "give each an id, as in T001")
