"""Finds the tasks in a Markdown list with check boxes, as deep as it goes. Knows nothing of groups."""

import re
from dataclasses import dataclass, field

from parallelproject.model.problem import quoted
from parallelproject.sources.findings import Findings

_BOX = re.compile(r"^([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+\[(.)\](?:[ \t]+(.*))?$")
_NEARLY = re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}[.)])?[ \t]*\[[ xX]\](?![(:\[])[ \t]*\S")
"""What was meant as an entry, most likely, where ``_BOX`` does not match."""
_FENCE = re.compile(r"^[ \t]*(```|~~~)")
_TAB = 4
_ID = re.compile(
    r"""(?:\*\*|__|`)?
    (?P<id>\d+(?:\.\d+)+            # 1.2
    |\d+(?=[.:)])                   # 1. or 1:
    |[A-Z][A-Za-z]{0,9}-\d+         # HAM-1
    |[A-Z]{1,3}\d{2,}               # T003
    |[A-Z][A-Za-z]{0,9}\d+(?=[:)])  # Task1:
    )
    [.:)]?(?:\*\*|__|`)?[.:)]?(?=\s|$)""",
    re.VERBOSE,
)


@dataclass
class Box:
    """An entry of the list that has a check box."""

    line: int
    mark: str
    """What is in the box."""
    text: str
    """The rest of its line, without the id."""
    id: str = ""
    """Its number in the text, where most have one; else its place in the list, from 1."""
    parent: int | None = None
    """Index of the entry that it lies within."""
    body: list[str] = field(default_factory=list)
    """The indented lines below it."""


def find_boxes(text: str) -> list[Box]:
    """All entries with a check box outside of fenced code, in order; those without text are passed over."""
    boxes: list[Box] = []
    within: list[tuple[int, int]] = []  # (indentation, index) of the entries that the line lies within
    fenced = False
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        fence = _FENCE.match(line) is not None
        found = None if fenced or fence else _BOX.match(line)
        fenced ^= fence
        indent = _indent(line)
        if found is not None and (found[3] or "").strip():
            while within and within[-1][0] >= indent:
                within.pop()
            box = Box(number, found[2], found[3].strip(), parent=within[-1][1] if within else None)
            within.append((indent, len(boxes)))
            boxes.append(box)
        elif not line.strip():
            if within:
                boxes[within[-1][1]].body.append("")
        else:
            while within and within[-1][0] >= indent:
                within.pop()
            if within:
                boxes[within[-1][1]].body.append(line)
    return boxes


def tell_near_misses(text: str, findings: Findings) -> None:
    """Warns of lines with a check box that are no entries of a list, and so no tasks."""
    fenced = False
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        fence = _FENCE.match(line) is not None
        if not (fenced or fence) and _NEARLY.match(line) and not _BOX.match(line):
            found = f"{quoted(line.strip(), 40)} is no entry of a list, and so no task"
            findings.warn(findings.line(number), found, "write - [ ] with a blank on each side of the box")
        fenced ^= fence


def number(boxes: list[Box], findings: Findings) -> None:
    """Gives every entry its id: the numbers written before the texts, where most entries have one."""
    written = [_ID.match(box.text) for box in boxes]
    use = 2 * sum(match is not None for match in written) > len(boxes)
    for position, (box, match) in enumerate(zip(boxes, written, strict=True), start=1):
        box.id = str(position)
        if not use:
            continue
        if match is not None:
            box.id = match["id"]
            box.text = box.text[match.end() :].strip() or box.id
        else:
            box.id = f"line-{box.line}"
            found = f'{quoted(box.text, 40)} has no id, as others have; "{box.id}" is taken'
            findings.warn(findings.line(box.line), found, "give it one")


def _indent(line: str) -> int:
    return len(line.expandtabs(_TAB)) - len(line.expandtabs(_TAB).lstrip())
