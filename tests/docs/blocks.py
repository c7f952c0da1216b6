"""The commands that README and the pages of docs show, and where each block of them runs.

A block is fenced as ``sh`` (commands) or ``console`` (commands after ``$ ``, with what they print). The line above it
is ``<!-- run: PLACE -->``: a place of ``places.py``, ``no: REASON``, or the test that runs the same commands.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(
    r"(?:^<!-- run: (?P<place>[^\n]+) -->\n)?^```(?P<language>sh|console|bash|shell)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_VARIABLE = (
    (re.compile(r"\b\d+(?:\.\d+)? (?:s|ms|min)\b"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r"\b[0-9a-f]{7,64}\b"), "<commit>"),
)


@dataclass(frozen=True)
class Block:
    """Commands of a page."""

    page: Path
    line: int
    place: str
    text: str
    is_console: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def script(self) -> str:
        """What a shell is given."""
        if not self.is_console:
            return self.text
        return "\n".join(line[2:] for line in self.text.splitlines() if line.startswith("$ "))

    @property
    def output(self) -> str | None:
        """What it prints by the page; None where that is not shown."""
        if not self.is_console:
            return None
        return "".join(f"{line}\n" for line in self.text.splitlines() if not line.startswith("$ "))


def blocks(page: Path) -> list[Block]:
    """The blocks of a page."""
    text = page.read_text()
    return [
        Block(page, text[: m.start("text")].count("\n"), m["place"] or "", m["text"], m["language"] == "console")
        for m in _FENCE.finditer(text)
    ]


def comparable(output: str) -> str:
    """An output without what is another each time: times and commits."""
    for pattern, name in _VARIABLE:
        output = pattern.sub(name, output)
    return output
