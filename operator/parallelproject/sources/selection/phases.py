"""The order that a list implies: runs of tasks with one marker, phases, and user stories side by side. Pure.

In Spec Kit's lists (https://github.com/github/spec-kit, ``templates/tasks-template.md``) each heading is a
phase, and the phases follow one another; but where the text says that user stories may be worked on in
parallel, those that follow one another each form a chain of their own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from parallelproject.sources.selection.choose import Selection
from parallelproject.sources.selection.item import Item
from parallelproject.sources.text.sections import TextOutline, plain

SEQUENTIAL = "_sequential"
"""Group of the tasks without a marker."""
UNNAMED = "P"
"""Group of the tasks whose marker names none."""

_LINE_MAX = 500
_STORY = re.compile(r"\b(?:user[ -]stor(?:y|ies)|US)[ -]?(\d+)\b", re.IGNORECASE)
_PARALLEL = r"(?:(?:in )?parallel|side by side|simultaneously|concurrently)"
_SAYS = re.compile(
    rf"\bstories\b[^.]{{0,120}}?\b(?:can|may|could)\b[^.]{{0,60}}\b{_PARALLEL}"
    rf"|\bstory implementation can\b[^.]{{0,30}}\b{_PARALLEL}",
    re.IGNORECASE,
)
_DENIES = re.compile(
    rf"\bstories\b[^.]{{0,80}}\b(?:cannot|can't|can not|must not|may not|should not|not)\b[^.]{{0,60}}\b{_PARALLEL}",
    re.IGNORECASE,
)
_INSIDE = re.compile(
    r"\bmarked\b|\buntil\b|\bwithin (?:a|each|one|the) |\b(?:tests|tasks|models) (?:for|of|in)\b", re.IGNORECASE
)
_PAIR = re.compile(rf"\b(?:can|may)\b[^.]{{0,60}}\b{_PARALLEL}\b(?: with)?", re.IGNORECASE)
_ABOUT = re.compile(r"^[ \t]*[-*+][ \t]+\W*(?:user[ -]story|US)[ -]?(\d+)\b[^:]*:(.*)$", re.IGNORECASE)
_AFTER = re.compile(r"\b(?:depends on|requires|needs|blocked by|after)\b([^.;]*)", re.IGNORECASE)


class Stories:
    """Which phases are user stories, and which of them may run side by side."""

    def __init__(self, outline: TextOutline, sections: Mapping[str, int], unread: Iterable[int] = ()) -> None:
        """Reads it from the text.

        Args:
            outline: The text.
            sections: By task, the section that it lies in.
            unread: Lines that say nothing about the order: those of tasks.
        """
        self._sections = sections
        self._story = {index: self._of(outline, index) for index in set(sections.values())}
        skipped = set(unread)
        lines = [line.text for line in outline.lines if not line.hidden and line.number not in skipped]
        texts = [plain(text[:_LINE_MAX]) for text in lines]
        denied = any(_DENIES.search(text) for text in texts)
        self.side_by_side = not denied and any(_SAYS.search(text) and not _INSIDE.search(text) for text in texts)
        self.needs: dict[str, set[str]] = {}
        self.pairs: set[frozenset[str]] = set()
        for text in [] if denied else texts:
            self._read(text)

    def blocks(self, items: Sequence[Item]) -> list[list[tuple[str, list[Item]]]]:
        """The items in blocks that follow one another; the parts of a block run side by side."""
        blocks: list[list[tuple[str, list[Item]]]] = []
        last: str | None = None
        for item in items:
            story = self._story.get(self._sections.get(item.id, 0), "")
            if not blocks or story != last:
                parts = dict(blocks[-1]) if blocks else {}
                if story and story in parts:
                    parts[story].append(item)
                    last = story
                    continue
                if story and last and all(self._is_parallel(story, name) for name in parts):
                    blocks[-1].append((story, []))
                else:
                    blocks.append([(story, [])])
            last = story
            blocks[-1][-1][1].append(item)
        return blocks

    def _is_parallel(self, story: str, other: str) -> bool:
        return self.side_by_side or frozenset((story, other)) in self.pairs

    def _of(self, outline: TextOutline, section: int) -> str:
        """The user story that a section belongs to, by the headings that it lies below; empty for none."""
        for above in outline.path(section):
            numbers = _STORY.findall(above.title)
            if numbers and above.level > 1:
                return "+".join(dict.fromkeys(numbers))
        return ""

    def _read(self, text: str) -> None:
        about = _ABOUT.match(text)
        if about is not None:
            clauses = [part for part in _AFTER.findall(about[2]) if not re.search(r"\bno\b", part, re.IGNORECASE)]
            # Up to what it may run in parallel with: "depends on setup - can run in parallel with US1"
            others = {n for part in clauses for n in _STORY.findall(_PAIR.split(part)[0])} - {about[1]}
            self.needs.setdefault(about[1], set()).update(others)
        pair = _PAIR.search(text)
        if pair is not None and not _INSIDE.search(text) and not _DENIES.search(text):
            names = {*_STORY.findall(text), *re.findall(r"(?<=/)US(\d+)", text)}
            self.pairs.update(frozenset((one, other)) for one in names for other in names if one != other)


def chain(
    items: Sequence[Item],
    selection: Selection,
    sections: Mapping[str, int] | None = None,
    stories: Stories | None = None,
) -> None:
    """Makes every task wait for the run of tasks before it; what does not run is passed over.

    A run is neighbours of one group; one whose marker names no group ends at a heading, and with what contains it.

    Args:
        items: The list.
        selection: Its ``needs`` are added to.
        sections: By task, the section that it lies in.
        stories: Which sections may run side by side.
    """
    tasks = [item for item in items if not item.container]
    before: list[str] = []
    for block in stories.blocks(tasks) if stories else [[("", tasks)]]:
        ends: dict[str, list[str]] = {}
        for story, part in _in_order(block, stories.needs if stories else {}):
            needed = [id for other in (stories.needs.get(story, ()) if stories else ()) for id in ends.get(other, ())]
            ends[story] = _runs(part, needed or before, selection, sections or {})
        new = [id for end in ends.values() if end is not before for id in end]
        before = list(dict.fromkeys(new)) or before


def _in_order(
    block: Sequence[tuple[str, list[Item]]], needs: Mapping[str, set[str]]
) -> Iterable[tuple[str, list[Item]]]:
    """The parts of a block, each after those that it needs; in a circle of them the order of the text counts."""
    left = dict(block)
    while left:
        ready = [story for story in left if not (needs.get(story, set()) & (left.keys() - {story}))]
        for story in ready or [next(iter(left))]:
            yield story, left.pop(story)


def _runs(items: Sequence[Item], before: list[str], selection: Selection, sections: Mapping[str, int]) -> list[str]:
    """Chains the runs of a part, from what is before it; gives its last run."""
    current: list[str] = []
    run: tuple[object, ...] | None = None
    taken = {item.id for item in selection.taken}
    for item in items:
        key = (item.group, sections.get(item.id), item.parents) if item.group == UNNAMED else (item.group,)
        if key != run or item.group == SEQUENTIAL:
            before, current, run = current or before, [], key
        if item.id in taken:
            needs = selection.needs[item.id]
            needs[:] = dict.fromkeys([*needs, *before])
            current.append(item.id)
    return current or before
