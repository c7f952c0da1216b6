"""How strongly a failure points to each change, before any probe. Pure.

What the output names counts most: a file that the change has, the test of such a file, a file in the same folder. Then
its size and the failed attempts of its task.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import PurePosixPath

from parallelproject.core.verification.failure_report import FailureReport
from parallelproject.core.verification.probe import LandedChange

SAME_FILE = 1.0
SAME_SUBJECT = 0.7
"""A test and the file that it tests: ``test_parser.py`` and ``parser.py``."""
SAME_FOLDER = 0.05
PASSED = 0.4
"""How much a file counts that the output names next to failed tests: the failure passes through it."""
MENTIONED = 0.5
"""How much a file counts whose module a message or a line of code mentions: what failed may use it."""
_MENTIONED_MAX = 4
"""An output that mentions the files of more changes is a listing: it says nothing."""
_CLUES_MAX = 8

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_TEST_WORDS = frozenset({"test", "tests", "spec", "it"})
_COMMON = frozenset({"", "index", "main", "init", "mod", "lib", "conftest", "setup", "src", "app"})
"""Stems that many files share: they say nothing about a relation."""
_SPLIT = re.compile(r"::|[./\s>›#$]+")


def clues(changes: Sequence[LandedChange], report: FailureReport) -> list[tuple[float, ...]]:
    """What the output names, as vectors: how well each change explains it, from 0 to 1.

    Names that no change explains are skipped, and names that many changes explain say less. Names that point to the
    same changes are one clue: a hundred failed tests of one file say no more than one.
    """
    owned = [[_ChangedPath(path) for path in change.paths] for change in changes]
    words = {subject(name) for name in report.mentions} - _COMMON
    counts: dict[tuple[float, ...], float] = {}
    often: Counter[tuple[float, ...]] = Counter()
    for name in (*sorted(report.tests), *sorted(report.paths)):
        named = _OutputName(name)
        words -= {named.stem, *named.words}
        vector = tuple(max((named.relation(place) for place in places), default=0.0) for places in owned)
        often[vector] += 1
        counts.setdefault(vector, PASSED if report.tests and name not in report.tests else 1.0)
    for vector in _mentioned(owned, words):
        counts.setdefault(vector, MENTIONED)
    found = {
        # What many changes touch is part of many failures: it says less about each of them.
        tuple(relation * weight / max(1.0, sum(vector)) ** 2 for relation in vector): often[vector]
        for vector, weight in counts.items()
        if any(vector)
    }
    return sorted(found, key=lambda vector: (-max(vector), -found[vector], vector))[:_CLUES_MAX]


def _mentioned(owned: Sequence[Sequence["_ChangedPath"]], words: Collection[str]) -> list[tuple[float, ...]]:
    """By file that is mentioned, how well each change explains that."""
    stems = [{place.stem for place in places} for places in owned]
    found = [word for word in sorted(words) if any(word in each for each in stems)]
    if sum(not each.isdisjoint(found) for each in stems) > _MENTIONED_MAX:
        return []
    return [tuple(float(word in each) for each in stems) for word in found]


def weights(changes: Sequence[LandedChange]) -> list[float]:
    """The probability of each change to be wrong, by its size and its task's retries: they add up to 1."""
    raw = [(1 + math.log1p(max(change.lines, 0)) / 4) * (1 + 0.5 * min(change.retries, 4)) for change in changes]
    return [weight / sum(raw) for weight in raw]


class _ChangedPath:
    """A path of a change."""

    def __init__(self, path: str) -> None:
        pure = PurePosixPath(path)
        self.path = path
        self.stem = subject(pure.name.partition(".")[0])
        self.folder = _folder(pure)


class _OutputName:
    """A file or a test that the output names."""

    def __init__(self, name: str) -> None:
        head = name.partition("::")[0].partition(" ")[0]
        self.path = head if (re.search(r"\.[A-Za-z]\w{0,9}$", head) and "/" in head) or "::" in name else ""
        if not self.path and re.fullmatch(r"[\w+-]+(?:\.[\w+-]+)*\.[A-Za-z]{1,4}", name):
            self.path = name  # a bare file, or a dotted name of a test: both readings are tried
        pure = PurePosixPath(self.path or name)
        self.stem = subject(pure.name.partition(".")[0]) if self.path else ""
        self.folder = _folder(pure) if self.path else ""
        self.words = {word for word in map(subject, _SPLIT.split(name)) if word not in _COMMON}

    def relation(self, place: _ChangedPath) -> float:
        """From 0 to 1."""
        if self.path and (
            self.path == place.path or self.path.endswith(f"/{place.path}") or place.path.endswith(f"/{self.path}")
        ):
            return SAME_FILE
        if place.stem not in _COMMON and (place.stem == self.stem or place.stem in self.words):
            return SAME_SUBJECT
        return SAME_FOLDER if place.folder and (place.folder == self.folder or place.folder in self.words) else 0.0


@lru_cache(maxsize=4096)
def subject(name: str) -> str:
    """A name without the words that mark a test, in lower case: ``ParserTest`` and ``test_parser`` agree."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return "".join(word for word in words if word not in _TEST_WORDS)


def _folder(path: PurePosixPath) -> str:
    """The innermost folder that has a meaning: ``tests/api/test_x.py`` and ``src/api/x.py`` agree."""
    return next((found for part in reversed(path.parts[:-1]) if (found := subject(part)) not in _COMMON), "")
