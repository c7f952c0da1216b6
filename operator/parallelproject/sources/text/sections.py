"""A Markdown text as lines and sections: which lines are headings, code, comments. Makes no tasks.

Only the block structure that task files need: ATX headings, fences and HTML comments as CommonMark has them
(https://spec.commonmark.org/0.31.2/, sections 4.2, 4.5, 4.6), and front matter. A whole CommonMark parser
would take a list that an agent has indented unevenly for code, and lose its tasks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

CODE, COMMENT, FRONT_MATTER = "code", "a comment", "the front matter"
"""Why a line is hidden."""

_HEADING = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_CLOSING = re.compile(r"(?:^|(?<=[ \t]))#+$")
_FENCE = re.compile(r"^[ \t]*(?:>[ \t]?)*(?:[-*+][ \t]+|\d{1,9}[.)][ \t]+)?(`{3,}(?=[^`]*$)|~{3,})(.*)$")
_MARKDOWN = re.compile(r"[ \t]*(?:markdown|md|mdx)\b", re.IGNORECASE)
_LINE_MAX = 10_000
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_MARKUP = re.compile(r"\*\*|__|`|~~")


@dataclass(slots=True)
class TextLine:
    """A line of the text."""

    number: int
    """From 1."""
    text: str
    section: int
    """Index of the section that it lies in; a heading lies in its own."""
    hidden: str = ""
    """Why it is not read for tasks; empty where it is."""
    heading: bool = False


@dataclass(slots=True)
class Section:
    """A heading with what is below it. The first one has level 0: what is above all headings."""

    index: int
    level: int
    title: str
    line: int
    parent: int | None
    own: list[TextLine] = field(default_factory=list)
    """Its lines up to the next heading, without the heading."""


@dataclass(slots=True)
class CodeBlock:
    """A fenced block of code."""

    line: int
    info: str
    text: str
    section: int


class TextOutline:
    """The lines and sections of a text."""

    def __init__(self, text: str) -> None:
        self.lines: list[TextLine] = []
        self.sections = [Section(0, 0, "", 0, None)]
        self.blocks: list[CodeBlock] = []
        self.unclosed: list[tuple[int, str]] = []
        """Lines at which code or a comment starts that has no end, with what it is."""
        rows = text.replace("\r\n", "\n").split("\n")
        for number, (row, hidden) in enumerate(zip(rows, self._hidden(rows), strict=True), start=1):
            found = None if hidden else _HEADING.match(row)
            if found is not None:
                title = _CLOSING.sub("", (found[2] or "").strip()).strip()
                self._open(len(found[1]), title, number)
            section = self.sections[-1]
            line = TextLine(number, row, section.index, hidden, found is not None)
            self.lines.append(line)
            if found is None:
                section.own.append(line)
        self._set_sections_of_blocks()

    def path(self, section: int) -> Iterator[Section]:
        """A section and what it lies within, innermost first, without the first one."""
        here: int | None = section
        while here:
            yield self.sections[here]
            here = self.sections[here].parent

    def within(self, section: int, other: int) -> bool:
        """Whether a section is another one, or lies within it."""
        return other == 0 or any(one.index == other for one in self.path(section))

    def _open(self, level: int, title: str, number: int) -> None:
        above: int | None = self.sections[-1].index
        while above is not None and self.sections[above].level >= level:
            above = self.sections[above].parent
        self.sections.append(Section(len(self.sections), level, title, number, above))

    def _set_sections_of_blocks(self) -> None:
        for block in self.blocks:
            block.section = self.lines[block.line - 1].section

    def _hidden(self, rows: list[str]) -> list[str]:
        """For each line, why it is hidden."""
        hidden = [""] * len(rows)
        at = _front_matter(rows)
        comments = _Comments(rows)
        hidden[:at] = [FRONT_MATTER] * at
        while at < len(rows):
            fence = _FENCE.match(rows[at])
            if fence is not None:
                end = self._end_of_fence(rows, at, fence[1], fence[2])
                self.blocks.append(CodeBlock(at + 1, fence[2].strip(), "\n".join(rows[at + 1 : end]), 0))
                stop, why = min(end + 1, len(rows)), CODE
            else:
                first, stop, why = *comments.at(at), COMMENT
                if stop == at:
                    at += 1
                    continue
                if stop > len(rows):
                    self.unclosed.append((at + 1, COMMENT))
                    stop = len(rows)
                at = first
            hidden[at:stop] = [why] * (stop - at)
            at = stop
        return hidden

    def _end_of_fence(self, rows: list[str], start: int, mark: str, info: str) -> int:
        closing = re.compile(rf"^[ \t]*(?:>[ \t]?)*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$")
        inner = re.compile(rf"^[ \t]*{re.escape(mark)}[ \t]*\w[^`]*$")
        ends = []
        depth = 1
        for index in range(start + 1, len(rows)):
            if closing.match(rows[index]):
                ends.append(index)
                depth -= 1
                if depth == 0 or not _MARKDOWN.match(info):
                    return index
            elif inner.match(rows[index]):  # Markdown that shows code, where more backticks should be around it
                depth += 1
        if ends:
            return ends[0]
        self.unclosed.append((start + 1, CODE))
        return len(rows)


class _Comments:
    """Where comments end, found out once for all lines."""

    def __init__(self, rows: list[str]) -> None:
        self._rows = rows
        self._closing: list[int] = []
        """For each line, the next one that ends a comment; past the end if no line does."""
        self._blank: list[int] = []
        if any("<!--" in row for row in rows):
            closing = blank = len(rows)
            for index in range(len(rows) - 1, -1, -1):
                self._closing.append(closing)
                self._blank.append(blank)
                closing = index if "-->" in rows[index] else closing
                blank = index if not rows[index].strip() else blank
            self._closing.reverse()
            self._blank.reverse()

    def at(self, start: int) -> tuple[int, int]:
        """The lines that the comment which starts in a line hides, as first and last but one; none where it is one.

        One that has no end hides all below it, and ends past the text.
        """
        row = self._rows[start]
        if "<!--" not in row:
            return start, start
        text = _CODE_SPAN.sub("", row) if len(row) < _LINE_MAX else row
        opening = text.rfind("<!--")
        block = text.lstrip().startswith("<!--")
        if opening < 0:
            return start, start
        if "-->" in text[opening:]:
            alone = block and not text[text.rfind("-->") + 3 :].strip()
            return start, start + 1 if alone else start
        if block:
            return start, self._closing[start] + 1
        # Within a paragraph a comment ends with it, or is none.
        inside = self._closing[start] < self._blank[start]
        return (start + 1, self._closing[start] + 1) if inside else (start, start)


def plain(title: str) -> str:
    """A heading's text without emphasis."""
    return _MARKUP.sub("", title).strip()


def _front_matter(rows: list[str]) -> int:
    """How many lines of front matter there are."""
    if rows[0].rstrip() != "---":
        return 0
    ends = (index for index in range(1, min(len(rows), 200)) if rows[index].rstrip() in ("---", "..."))
    return next(ends, -1) + 1
