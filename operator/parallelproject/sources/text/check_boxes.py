"""Finds the entries with check boxes in a Markdown text, as deep as they nest. Knows no ids and no groups."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from parallelproject.model.problem import quoted
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.sections import CODE, TextLine, TextOutline

_BOX = re.compile(r"^([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+\[([^\w]|[xX_])\](\\?\*)?(?:[ \t]+(.*))?$")
_START_MAX = 200
_NEARLY = re.compile(r"^(?:>[ \t]*)*(?:[-*+]|\d{1,9}[.)])?[ \t]*\[[ xX]\](?![(:\[])[ \t]*\S")
"""What was meant as an entry, most likely, where ``_BOX`` does not match."""
_LETTER = re.compile(r"^(?:[-*+]|\d{1,9}[.)])[ \t]+\[\w\](?![(:\[])[ \t]+\S")
_NO_PARAGRAPH = re.compile(r"^[ \t]*(?:[-*+][ \t]|\d{1,9}[.)][ \t]|>|\||#{1,6}[ \t]|([-*_])[ \t]*(?:\1[ \t]*){2,}$)")
_TAB = 4
DONE, OPEN = "xX✓✔✅☑", " _>!-~/"
"""What may be in a box: done; and to run: not started, in progress, failed, queued."""


@dataclass
class Box:
    """An entry of a list that has a check box."""

    line: int
    mark: str
    """What is in the box."""
    text: str
    """The rest of its line, without the id once that is known."""
    section: int = 0
    """Index of the section that it lies in."""
    optional: bool = False
    """Whether a star follows the box, as in ``- [ ]* 3.1 Tests``."""
    id: str = ""
    parent: int | None = None
    """Index of the entry that it lies within."""
    body: list[str] = field(default_factory=list)
    """The lines below it that belong to it, but to no entry within it."""

    @property
    def done(self) -> bool:
        """Whether the box is ticked."""
        return self.mark in DONE


def find_boxes(text: str | TextOutline) -> list[Box]:
    """All entries with a check box outside of code and comments, in order; those without text are passed over."""
    return BoxList(text if isinstance(text, TextOutline) else TextOutline(text)).boxes


class BoxList:
    """The entries of a text, and which lines belong to them."""

    def __init__(self, outline: TextOutline) -> None:
        self.boxes: list[Box] = []
        self.owner: list[int | None] = []
        """For each line of the outline, the index of the entry that it belongs to."""
        within: list[tuple[int, int]] = []  # (indentation, index) of the entries that the line lies within
        paragraph = False
        for line in outline.lines:
            found = None if line.hidden else _BOX.match(line.text)
            indent = _indent(line.text)
            if line.heading:
                within, paragraph = [], False
            elif line.hidden == CODE and self.owner and outline.lines[line.number - 2].hidden == CODE:
                pass  # code is where its fence is, however far it is indented
            elif found is not None and (found[4] or "").strip():
                while within and within[-1][0] >= indent:
                    within.pop()
                parent = within[-1][1] if within else None
                box = Box(line.number, found[2], found[4].strip(), line.section, bool(found[3]), parent=parent)
                within.append((indent, len(self.boxes)))
                self.boxes.append(box)
                self.owner.append(within[-1][1])
                paragraph = True
                continue
            elif not line.text.strip():
                paragraph = False
            elif not (paragraph and _continues(line)):
                while within and within[-1][0] >= indent:
                    within.pop()
                paragraph = bool(within)
            self.owner.append(within[-1][1] if within else None)
            if within:
                self.boxes[within[-1][1]].body.append(line.text if line.text.strip() else "")


def _continues(line: TextLine) -> bool:
    """Whether a line continues the paragraph above it, even if it is not indented."""
    return not line.hidden and _NO_PARAGRAPH.match(line.text) is None


def report_near_misses(outline: TextOutline, findings: Findings) -> list[int]:
    """Warns of lines with a check box that are no entries of a list, and so no tasks; gives the legend's lines."""
    letters = []
    for line in outline.lines:
        if line.hidden or _BOX.match(line.text):
            continue
        start = line.text.lstrip()[:_START_MAX]
        if _NEARLY.match(start):
            found = f"{quoted(line.text.strip(), 40)} is not an entry of a list, so it is not a task"
            findings.warn(findings.line(line.number), found, "write - [ ] with a blank on each side of the box")
        elif _LETTER.match(start):
            letters.append(line.number)
    return letters


def hidden_boxes(outline: TextOutline) -> Iterable[tuple[int, str]]:
    """The lines of entries that are no tasks since they are in code or a comment, with what they are in."""
    for line in outline.lines:
        if line.hidden and _BOX.match(line.text):
            yield line.number, line.hidden


def _indent(line: str) -> int:
    return len(line.expandtabs(_TAB)) - len(line.expandtabs(_TAB).lstrip())
