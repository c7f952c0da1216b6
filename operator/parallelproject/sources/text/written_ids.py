"""Finds the ids that are written before a text, and those that a text refers to. Pure string functions."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import NamedTuple

_SUFFIX = r"[a-z]?(?:-[A-Z]{2,}(?![A-Za-z0-9]))?"
_STRONG = rf"""
    \d+(?:\.\d+)+[a-z]?                     # 1.2
    |T\d+(?:\.\d+)*{_SUFFIX}                # T3, T005a, T031-MIN
    |[A-Z]{{1,4}}\d{{2,}}{_SUFFIX}          # US012
    |[A-Z][A-Za-z]{{0,9}}-\d+[a-z]?         # HAM-1
    |[A-Z][A-Za-z]{{0,9}}\d+(?=[:)])        # Task1:
"""
_WORD = r"(?:[Tt]ask|TASK|[Ss]tep|STEP|[Ss]tory|[Ss]ubtask)s?[ \t]+\#?(?P<number>\d+(?:\.\d+)*[a-z]?)"
_LABEL = r"\[(?:P(?::[^\]\n]*)?|US\d+|[Ss]tory)\]"
_WRITTEN = re.compile(
    rf"""
    (?P<labels>(?:{_LABEL}[ \t]+)*)
    (?P<open>(?:\*\*|__|`|\[)*)
    (?:(?P<strong>{_STRONG})|(?P<plain>\d+(?=[.:)]))|(?P<word>{_WORD}(?=[ \t]*[-.:)(–—\]*]|[ \t]*$)))
    (?P<close>[.:)]?\]?(?:\*\*|__|`)?[.:)]?)(?=[ \t–—]|$)
    (?:[ \t]*[-–—:](?=[ \t]))?
    """,
    re.VERBOSE,
)
_REFERENCE = rf"(?:{_WORD}|T\d+(?:\.\d+)*{_SUFFIX}|[A-Z][A-Za-z]{{0,9}}-?\d+{_SUFFIX}|\d+(?:\.\d+)*[a-z]?)"
_REFERENCES = re.compile(
    rf"\#?(?P<first>{_REFERENCE})(?:[ \t]*(?:-|–|—|\.\.\.?|\bto\b|\bthrough\b)[ \t]*\#?(?P<last>{_REFERENCE.replace('?P<number>', '?:')}))?"  # noqa: E501
)
_SEPARATORS = re.compile(r"(?:\s|[,;&+.`*_\[\]()–—-]|\b(?:and|tasks?|steps?|stor(?:y|ies))\b)+", re.IGNORECASE)
_WORD_ONLY = re.compile(rf"{_WORD}$")
_FAMILY = re.compile(r"([A-Za-z]*)-?(\d{1,9})(?!\d)")
REFERENCES_MAX = 2_000
"""Most ids taken from one clause."""


class Written(NamedTuple):
    """An id at the start of a text."""

    id: str
    strong: bool
    """Whether it can hardly be anything else: ``T003`` and ``1.2`` are, ``1.`` and ``Step 1:`` may count anything."""
    rest: str
    """The text without it."""


def written_id(text: str) -> Written | None:
    """The id that a text starts with: ``T003 [P] Write it``, ``**1.2** Write it``, ``Task 3: Write it``."""
    found = _WRITTEN.match(text)
    if found is None:
        return None
    rest = text[found.end() :].strip()
    for mark in ("**", "__", "`"):  # emphasis that continues after the id loses its start
        if found["open"].count(mark) > found["close"].count(mark):
            rest = rest.replace(mark, "", 1)
    id = found["strong"] or found["plain"] or word_id(found["word"])
    return Written(id, found["strong"] is not None, (found["labels"] + rest).strip())


def word_id(text: str) -> str:
    """``Task 3`` as an id: ``task-3``."""
    word, number = text.replace("#", " ").split()
    return f"{word.lower().removesuffix('s')}-{number}"


def family(id: str) -> str:
    """What ids of one kind share: ``T`` of ``T003``, nothing of ``1.2``."""
    letters = re.match(r"[A-Za-z]+", id)
    return letters[0].lower() if letters else ""


class Known:
    """The ids of a file's tasks, for finding those that a text refers to."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = frozenset(ids)
        self._by_family: dict[str, list[tuple[int, str]]] = {}
        for id in sorted(self.ids):
            match = _FAMILY.match(id)
            if match is not None and "." not in id:
                self._by_family.setdefault(match[1], []).append((int(match[2]), id))
        for numbers in self._by_family.values():
            numbers.sort()

    def references(self, clause: str) -> list[str]:
        """The ids that a clause names, known or not: ``T003, T005-T007 and task 9``.

        Of a range these are the ends, and the known ones between them. At most ``REFERENCES_MAX``.
        """
        found: dict[str, None] = {}
        for match in _REFERENCES.finditer(clause):
            first, last = self._meant(match["first"]), match["last"] and self._meant(match["last"])
            found[first] = None
            if last:
                found.update(dict.fromkeys(self._between(first, last)))
                found[last] = None
            if len(found) > REFERENCES_MAX:
                break
        return list(found)[:REFERENCES_MAX]

    def _meant(self, text: str) -> str:
        if _WORD_ONLY.match(text):
            word = word_id(text)
            number = word.partition("-")[2]
            return word if word in self.ids or number not in self.ids else number
        if text not in self.ids:
            for word in ("task", "step", "story"):
                if f"{word}-{text}" in self.ids:
                    return f"{word}-{text}"
        return text

    def _between(self, first: str, last: str) -> list[str]:
        start, end = _FAMILY.match(first), _FAMILY.match(last)
        if start is None or end is None or start[1] != end[1] or "." in first + last:
            return []
        numbers = self._by_family.get(start[1], [])
        low = bisect_right(numbers, int(start[2]), key=lambda pair: pair[0])
        high = bisect_left(numbers, int(end[2]), key=lambda pair: pair[0])
        return [id for _, id in numbers[low : min(high, low + REFERENCES_MAX)]]


def names_only_ids(clause: str) -> bool:
    """Whether a clause holds ids and nothing else."""
    rest, count = _REFERENCES.subn(" ", clause)
    return count > 0 and not _SEPARATORS.sub("", rest)
