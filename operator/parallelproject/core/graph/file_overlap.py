"""Which declared files overlap, so that tasks that write the same path do not run at the same time. Pure.

A pattern is a path or a glob relative to the repository: ``*`` and ``?`` stay within a folder, ``**``
crosses folders, a folder means all below it. Two patterns overlap when some path fits both. A last name
with a dot in it (``app.py``, ``*.md``) counts as a file, with nothing below it, unless the other pattern names it as a
folder.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from parallelproject.model.problem import Problem, ProblemsError, quoted

WORK_MAX = 500_000
"""Maximum number of steps to compare the globs of one project (one or two seconds): no object can block the planner."""


@dataclass(frozen=True, slots=True, eq=False)
class FileLocks:
    """The overlaps among the patterns of all tasks, with patterns as integers."""

    patterns: tuple[str, ...]
    """Sorted."""
    all_of_task: tuple[tuple[int, ...], ...]
    """By task: its patterns."""
    of_task: tuple[tuple[int, ...], ...]
    """By task: its patterns that overlap with another task's."""
    overlaps: tuple[tuple[int, ...], ...]
    """By pattern: the patterns that it overlaps with, itself included."""
    touched: tuple[tuple[int, ...], ...]
    """By task: all patterns that its patterns overlap with."""

    def overlapping(self, pattern: str) -> tuple[int, ...]:
        """The patterns that a normalised one overlaps with. If it is not one of them, all are compared."""
        at = bisect_left(self.patterns, pattern)
        if at < len(self.patterns) and self.patterns[at] == pattern:
            return self.overlaps[at]
        return tuple(i for i, known in enumerate(self.patterns) if overlap(known, pattern))


@dataclass(frozen=True, slots=True)
class Conflict:
    """Tasks that write the same path."""

    path: str
    tasks: tuple[int, ...]


def normalise(pattern: str, place: str) -> str:
    """A pattern in the normal form that is compared: no ``./``, no empty folders, a folder's ``/`` as ``/**``.

    Raises:
        ProblemsError: the pattern is absolute or leaves the repository.
    """
    pattern = pattern.strip()
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if pattern.startswith("/") or ".." in parts or not parts:
        hint = "give a path relative to the repository, without .."
        raise ProblemsError([Problem(place, f"{quoted(pattern)} is not a path within the repository", hint)])
    if pattern.endswith("/"):
        parts.append("**")
    return "/".join(parts)


def lock_files(files: Sequence[Sequence[str]]) -> FileLocks:
    """Finds every overlap between the patterns of different tasks.

    Args:
        files: By task, its normalised patterns.

    Raises:
        ProblemsError: comparing them would take more than ``WORK_MAX`` steps.
    """
    writers: dict[str, set[int]] = defaultdict(set)
    for task, patterns in enumerate(files):
        for pattern in patterns:
            writers[pattern].add(task)
    names = sorted(writers)
    number = {name: i for i, name in enumerate(names)}
    overlaps: list[set[int]] = [{i} for i in range(len(names))]
    segments = [tuple(name.split("/")) for name in names]
    globs = [i for i, name in enumerate(names) if _is_glob(name)]
    for i in range(len(names)):
        for above in _plain_paths_above(names[i], number):
            overlaps[above].add(i)
            overlaps[i].add(above)
    tree = _Folder()
    for i in range(len(names) if globs else 0):
        tree.add(segments[i], i)
    left = WORK_MAX
    for glob in globs:
        for other in tree.near(segments[glob]):
            if other is not None and other != glob and _overlap(segments[glob], segments[other]):
                overlaps[glob].add(other)
                overlaps[other].add(glob)
            left -= 1 if other is None else 1 + len(names[glob]) * len(names[other]) // 128
            if left < 0:
                found = f"{len(globs)} globs among {len(names)} patterns take too long to compare"
                raise ProblemsError([Problem("spec.tasks", found, "declare fewer globs in files")])

    def shared(pattern: int) -> bool:
        return len(overlaps[pattern]) > 1 or len(writers[names[pattern]]) > 1

    all_of_task = tuple(tuple(sorted({number[p] for p in patterns})) for patterns in files)
    of_task = tuple(tuple(filter(shared, mine)) for mine in all_of_task)
    touched = tuple(tuple(sorted(set().union(*(overlaps[p] for p in mine)))) for mine in of_task)
    return FileLocks(tuple(names), all_of_task, of_task, tuple(tuple(sorted(found)) for found in overlaps), touched)


def conflicts(locks: FileLocks) -> tuple[Conflict, ...]:
    """The paths that more than one task writes, each with those tasks; a set of tasks is named only once."""
    writers: list[set[int]] = [set() for _ in locks.patterns]
    for task, patterns in enumerate(locks.touched):
        for pattern in patterns:
            writers[pattern].add(task)
    found: dict[tuple[int, ...], str] = {}
    for pattern, tasks in enumerate(writers):
        name = locks.patterns[pattern]
        key = tuple(sorted(tasks))
        # The plainest path represents all paths that the same tasks share.
        if len(key) > 1 and (key not in found or (_is_glob(found[key]) and not _is_glob(name))):
            found[key] = name
    return tuple(sorted((Conflict(name, tasks) for tasks, name in found.items()), key=lambda c: c.path))


def overlap(a: str, b: str) -> bool:
    """Whether some path fits both normalised patterns."""
    if a == b or a.startswith(f"{b}/") or b.startswith(f"{a}/"):
        return True
    if not _is_glob(a) and not _is_glob(b):
        return False
    return _overlap(a.split("/"), b.split("/"))


def fits(path: str, pattern: str) -> bool:
    """Whether a normalised pattern matches a path.

    Args:
        path: Path of a file, relative to the repository; taken literally, also with special characters.
        pattern: As in ``files``. Character classes are those of the shell.
    """
    return _spells(_open(pattern.split("/")), path.split("/"), "**", _name_fits)


def _name_fits(part: str, name: str) -> bool:
    return part == name or (_is_glob(part) and _spells(_characters(part), name, "*", _character_fits))


def _character_fits(wanted: str, character: str) -> bool:
    if len(wanted) == 1:
        return wanted in ("?", character)
    try:
        return re.match(wanted, character) is not None
    except re.error:  # as [z-a]: no character is in it
        return False


@lru_cache(maxsize=4096)
def _characters(segment: str) -> tuple[str, ...]:
    """The characters of a segment, each class as a regular expression."""
    found = []
    i = 0
    while i < len(segment):
        end = segment.find("]", i + 2) if segment[i] == "[" else -1
        if end > 0:
            chosen = re.sub(r"([\\\[&~|])", r"\\\1", segment[i + 1 : end])
            chosen = f"^{chosen[1:]}" if chosen[0] == "!" else chosen.replace("^", r"\^")
            found.append(f"[{chosen}]")
        else:
            found.append(segment[i])
        i = end + 1 if end > 0 else i + 1
    return tuple(found)


def _spells(pattern: Sequence[str], items: Sequence[str], star: str, same: Callable[[str, str], bool]) -> bool:
    """Whether a pattern, with ``star`` for any run of items, matches exactly these items. At most len × len steps."""
    i = j = 0
    again: tuple[int, int] | None = None  # where to resume when the previous star takes one more item
    while j < len(items):
        if i < len(pattern) and pattern[i] == star:
            i, again = i + 1, (i + 1, j + 1)
        elif i < len(pattern) and same(pattern[i], items[j]):
            i, j = i + 1, j + 1
        elif again:
            i, j = again
            again = (i, j + 1)
        else:
            return False
    return all(part == star for part in pattern[i:])


def _is_glob(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern or "[" in pattern


def _plain_paths_above(name: str, number: dict[str, int]) -> Iterator[int]:
    """The patterns that name a folder above this one literally."""
    end = name.find("/")
    while end >= 0 and not _is_glob(name[:end]):
        if name[:end] in number:
            yield number[name[:end]]
        end = name.find("/", end + 1)


class _Folder:
    """Patterns in a tree by folder names, so that a glob is compared only with patterns near it."""

    __slots__ = ("globs", "here", "plain")

    def __init__(self) -> None:
        self.plain: dict[str, _Folder] = {}
        self.globs: dict[str, _Folder] = {}
        self.here: list[int] = []

    def add(self, segments: Sequence[str], pattern: int) -> None:
        at = self
        for segment in segments:
            at = (at.globs if _is_glob(segment) else at.plain).setdefault(segment, _Folder())
        at.here.append(pattern)

    def near(self, segments: Sequence[str]) -> Iterator[int | None]:
        """The patterns that may overlap with this one; None for each step of the search.

        Patterns that have a ``**`` higher up than this one may be missing: their own search finds this one.
        """
        folders = [self]
        for segment in segments:
            if segment == "**":
                break
            deeper = []
            for folder in folders:
                yield from folder.here
                if not _is_glob(segment):
                    deeper += [folder.plain[segment]] if segment in folder.plain else []
                for name, child in (folder.globs | folder.plain if _is_glob(segment) else folder.globs).items():
                    yield from [None] * (1 + len(name) * len(segment) // 128)
                    if name != "**" and _names_overlap(name, segment):
                        deeper.append(child)
            folders = deeper
        for folder in folders:
            yield from folder.all()

    def all(self) -> Iterator[int | None]:
        yield None
        yield from self.here
        for child in (*self.plain.values(), *self.globs.values()):
            yield from child.all()


def _overlap(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether some path fits both."""
    return _meet(_open(a), _open(b), "**", _names_overlap)


def _open(segments: Sequence[str]) -> Sequence[str]:
    """A pattern that may name a folder, with all below it."""
    return segments if "." in segments[-1][1:] else (*segments, "**")


def _names_overlap(a: str, b: str) -> bool:
    """Whether some name fits both; a character class counts as any character."""
    if not _is_glob(a) and not _is_glob(b):
        return a == b
    return _meet(_without_classes(a), _without_classes(b), "*", _characters_overlap)


def _characters_overlap(a: str, b: str) -> bool:
    return a == b or a == "?" or b == "?"


def _meet(a: Sequence[str], b: Sequence[str], star: str, same: Callable[[str, str], bool]) -> bool:
    """Whether two patterns have an instance in common, where ``star`` stands for any run of items.

    If both have a star, only the parts before the first star and after the last star can differ: the stars of the other
    pattern match everything between. A pattern without a star is matched like a text.
    """
    if star in a and star in b:
        for x, y in zip(a, b, strict=False):
            if x == star or y == star:
                break
            if not same(x, y):
                return False
        for x, y in zip(reversed(a), reversed(b), strict=False):
            if x == star or y == star:
                break
            if not same(x, y):
                return False
        return True
    if star in b:
        a, b = b, a
    return _spells(a, b, star, same)


@lru_cache(maxsize=4096)
def _without_classes(segment: str) -> str:
    """A segment with each class as ``?`` (any character: never misses an overlap)."""
    shown = []
    i = 0
    while i < len(segment):
        end = segment.find("]", i + 2) if segment[i] == "[" else -1
        shown.append("?" if end > 0 else segment[i])
        i = end + 1 if end > 0 else i + 1
    return "".join(shown)
