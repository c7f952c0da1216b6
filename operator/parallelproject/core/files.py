"""Which declared files overlap: the pure part of keeping tasks that write the same path apart.

A pattern is a path or a glob relative to the repository: ``*`` and ``?`` stay within a folder, ``**``
crosses folders, a folder means all below it. Two patterns overlap when some path fits both.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from parallelproject.model.problem import Problem, ProblemsError, quoted

COMPARISONS_MAX = 1_000_000
"""Most pattern pairs looked at for one project, so that no object can keep the planner busy."""


@dataclass(frozen=True, slots=True, eq=False)
class FileLocks:
    """The overlaps among the patterns of all tasks, with patterns as integers."""

    patterns: tuple[str, ...]
    of_task: tuple[tuple[int, ...], ...]
    """By task: its patterns that overlap with another task's."""
    overlaps: tuple[tuple[int, ...], ...]
    """By pattern: the patterns that it overlaps with, itself included."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Tasks that write the same path."""

    path: str
    tasks: tuple[int, ...]


def normalise(pattern: str, place: str) -> str:
    """A pattern in the one form that is compared: no ``./``, no empty folders, a folder's ``/`` as ``/**``.

    Raises:
        ProblemsError: the pattern is absolute or leaves the repository.
    """
    parts = [part for part in pattern.strip().split("/") if part not in ("", ".")]
    if pattern.strip().startswith("/") or ".." in parts or not parts:
        mend = "give a path relative to the repository, without .."
        raise ProblemsError([Problem(place, f"{quoted(pattern)} is not a path within the repository", mend)])
    if pattern.endswith("/"):
        parts.append("**")
    return "/".join(parts)


def lock_files(files: Sequence[Sequence[str]]) -> FileLocks:
    """Finds every overlap between the patterns of different tasks.

    Args:
        files: By task, its normalised patterns.

    Raises:
        ProblemsError: more than ``COMPARISONS_MAX`` pairs would have to be compared.
    """
    writers: dict[str, set[int]] = defaultdict(set)
    for task, patterns in enumerate(files):
        for pattern in patterns:
            writers[pattern].add(task)
    names = sorted(writers)
    number = {name: i for i, name in enumerate(names)}
    overlaps: list[set[int]] = [{i} for i in range(len(names))]

    def join(a: int, b: int) -> None:
        overlaps[a].add(b)
        overlaps[b].add(a)

    globs = [i for i, name in enumerate(names) if _is_glob(name)]
    if len(globs) * len(names) > COMPARISONS_MAX:
        found = f"{len(globs)} globs against {len(names)} patterns are over {COMPARISONS_MAX} comparisons"
        raise ProblemsError([Problem("spec.tasks", found, "declare fewer globs in files")])
    segments = [name.split("/") for name in names]
    for i, name in enumerate(names):  # a path below another path: the upper one is a folder
        if not _is_glob(name):
            for end in range(1, len(segments[i])):
                above = number.get("/".join(segments[i][:end]))
                if above is not None:
                    join(above, i)
    for glob in globs:
        for other in range(len(names)):
            if other != glob and _overlap(segments[glob], segments[other]):
                join(glob, other)

    def shared(pattern: int) -> bool:
        return len(overlaps[pattern]) > 1 or len(writers[names[pattern]]) > 1

    of_task = tuple(tuple(sorted({number[p] for p in patterns if shared(number[p])})) for patterns in files)
    return FileLocks(tuple(names), of_task, tuple(tuple(sorted(found)) for found in overlaps))


def conflicts(locks: FileLocks) -> tuple[Conflict, ...]:
    """The paths that more than one task writes, each with those tasks; the same tasks are named once."""
    writers: list[set[int]] = [set() for _ in locks.patterns]
    for task, patterns in enumerate(locks.of_task):
        for pattern in patterns:
            for other in locks.overlaps[pattern]:
                writers[other].add(task)
    found: dict[tuple[int, ...], str] = {}
    for pattern, tasks in enumerate(writers):
        name = locks.patterns[pattern]
        key = tuple(sorted(tasks))
        # The plainest path stands for all that the same tasks share.
        if len(key) > 1 and (key not in found or (_is_glob(found[key]) and not _is_glob(name))):
            found[key] = name
    return tuple(sorted((Conflict(name, tasks) for tasks, name in found.items()), key=lambda c: c.path))


def _is_glob(pattern: str) -> bool:
    return any(c in pattern for c in "*?[")


def _overlap(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether some path fits both, or lies below what fits one: dynamic programming over folders."""
    reach = {(0, 0)}
    seen = set(reach)
    while reach:
        i, j = reach.pop()
        if i == len(a) or j == len(b):
            return True  # one pattern is used up: it is the path, or a folder above it
        steps: list[tuple[int, int]] = []
        if a[i] == "**":
            steps += [(i + 1, j), (i, j + 1)]
        if b[j] == "**":
            steps += [(i, j + 1), (i + 1, j)]
        if not steps and _segments_overlap(a[i], b[j]):
            steps.append((i + 1, j + 1))
        for step in steps:
            if step not in seen:
                seen.add(step)
                reach.add(step)
    return False


def _segments_overlap(a: str, b: str) -> bool:
    """Whether some name fits both; a character class counts as any character."""
    if not _is_glob(a) and not _is_glob(b):
        return a == b
    rows = {(0, 0)}
    seen = set(rows)
    left, right = _tokens(a), _tokens(b)
    while rows:
        i, j = rows.pop()
        if i == len(left) and j == len(right):
            return True
        steps: list[tuple[int, int]] = []
        if i < len(left) and left[i] == "*":
            steps += [(i + 1, j)] + ([(i, j + 1)] if j < len(right) else [])
        if j < len(right) and right[j] == "*":
            steps += [(i, j + 1)] + ([(i + 1, j)] if i < len(left) else [])
        both = i < len(left) and j < len(right)
        if both and "*" not in (left[i], right[j]) and (left[i] == right[j] or "?" in (left[i], right[j])):
            steps.append((i + 1, j + 1))
        for step in steps:
            if step not in seen:
                seen.add(step)
                rows.add(step)
    return False


def _tokens(segment: str) -> list[str]:
    """The characters of a segment, a class as ``?`` (any character: never misses an overlap)."""
    tokens: list[str] = []
    i = 0
    while i < len(segment):
        end = segment.find("]", i + 2) if segment[i] == "[" else -1
        if end > 0:
            tokens.append("?")
            i = end + 1
        else:
            tokens.append(segment[i])
            i += 1
    return tokens
