"""With onFileOverlap Serialize, tasks that write the same files do not run at the same time."""

from collections.abc import Collection, Iterator, Sequence
from typing import Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import NAMED, Explanation, View
from parallelproject.model.spec import FileOverlap
from parallelproject.model.status import Reason


class Files(Constraint):
    """Blocks tasks that write the files of an active attempt, or of a task between two of its steps."""

    reasons = (Reason.WAITING_FOR_FILES,)

    def __init__(self, graph: CompiledGraph, busy: dict[int, int], midway: Collection[int] = frozenset()) -> None:
        self._locks, self._busy, self._midway = graph.locks, busy, midway
        for task in midway:
            self.take(task)

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """With Serialize."""
        if situation.spec.conflicts.on_file_overlap is not FileOverlap.SERIALIZE:
            return None
        return cls(situation.graph, situation.snapshot.usage.patterns.copy(), situation.midway)

    def blocks(self, task: int) -> Block | None:
        """Whether one of its patterns is in use. A task between two steps has kept its own."""
        busy = self._busy if task not in self._midway else {}
        for pattern in self._locks.all_of_task[task] if busy else ():
            if pattern in busy:
                return Block(Reason.WAITING_FOR_FILES, line=pattern)
        return None

    def take(self, task: int) -> None:
        """The task takes all patterns that overlap with its own."""
        for pattern in self._locks.touched[task]:
            self._busy[pattern] = self._busy.get(pattern, 0) + 1

    def release(self, task: int) -> None:
        """The task releases them."""
        for pattern in self._locks.touched[task]:
            self._busy[pattern] -= 1
            if not self._busy[pattern]:
                del self._busy[pattern]

    def fork(self) -> Self:
        """With sums of its own."""
        made = super().fork()
        made._busy = self._busy.copy()
        return made

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """The active tasks that write what it writes."""
        return [holder for holder, _, _ in _overlaps(view, task)]

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The paths, and the tasks that write them."""
        patterns, found = view.graph.locks.patterns, list(_overlaps(view, task))
        if not found:
            return Explanation(
                "another task was writing its files, or an attempt from before the last edit of the spec still is; "
                "then it starts in the operator's next round"
            )
        parts = []
        for holder, mine, theirs in found[:NAMED]:
            as_what = "" if mine == theirs else f" (as {patterns[theirs]})"
            parts.append(f"{patterns[mine]}, which {view.described(holder)} writes{as_what}")
        return Explanation(f"it writes {'; and '.join(parts)}", tasks=[holder for holder, _, _ in found])


def _overlaps(view: View, task: int) -> Iterator[tuple[int, int, int]]:
    """Each active task that writes what a task writes, with the first pattern of both for which that is so."""
    locks = view.graph.locks
    overlapping = set(locks.touched[task])
    for holder in view.active(lambda i: i != task and not overlapping.isdisjoint(locks.of_task[i]), expected=1):
        written = set(locks.of_task[holder])
        for mine in locks.of_task[task]:
            if shared := written.intersection(locks.overlaps[mine]):
                yield holder, mine, min(shared, key=lambda pattern: (pattern != mine, pattern))
                break
