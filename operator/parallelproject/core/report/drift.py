"""What tasks have really changed, compared with what they declare. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parallelproject.core.graph.file_overlap import fits
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.graph.walk import reachable


@dataclass(frozen=True, slots=True)
class Overlap:
    """A path that several tasks changed which may have run at the same time."""

    path: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between declared and changed files."""

    undeclared: Mapping[str, tuple[str, ...]]
    """By task, the undeclared paths that it changed; without tasks that declare nothing."""
    overlaps: tuple[Overlap, ...]


def compare(graph: CompiledGraph, changed: Mapping[str, Sequence[str]]) -> Comparison:
    """Compares declared with changed files.

    Args:
        graph: The compiled spec.
        changed: By task id, the paths that its work changed.
    """
    undeclared: dict[str, tuple[str, ...]] = {}
    writers: dict[str, list[int]] = defaultdict(list)
    silent: set[tuple[int, str]] = set()
    for task_id, paths in changed.items():
        i = graph.index[task_id]
        declared = graph.files[i]
        extra = tuple(path for path in paths if not any(fits(path, pattern) for pattern in declared))
        silent.update((i, path) for path in extra)
        if declared and extra:
            undeclared[task_id] = extra
        for path in paths:
            writers[path].append(i)
    above: dict[int, set[int]] = {}
    overlaps = []
    for path, tasks in sorted(writers.items()):
        found: set[int] = set()
        for at, i in enumerate(tasks):
            for j in tasks[at + 1 :]:
                kept_apart = (i, path) not in silent and (j, path) not in silent
                if not kept_apart and not _ordered(graph, i, j, above):
                    found |= {i, j}
        if found:
            overlaps.append(Overlap(path, tuple(graph.ids[i] for i in sorted(found))))
    return Comparison(undeclared, tuple(overlaps))


def _ordered(graph: CompiledGraph, i: int, j: int, above: dict[int, set[int]]) -> bool:
    """Whether one of two tasks depends on the other."""
    return i in _above(graph, j, above) or j in _above(graph, i, above)


def _above(graph: CompiledGraph, i: int, known: dict[int, set[int]]) -> set[int]:
    """All dependencies of a task, direct and indirect."""
    if i not in known:
        known[i] = set(reachable([i], graph.parents))
    return known[i]
