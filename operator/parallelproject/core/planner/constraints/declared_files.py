"""With onFileOverlap Serialize, tasks that write the same files do not run at the same time."""

from collections.abc import Collection, Iterator, Sequence
from typing import Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.constraint import FREES_FILES, Block, Constraint, Situation
from parallelproject.core.planner.explanation import NAMED, Explanation, View
from parallelproject.model.spec import FileOverlap
from parallelproject.model.status import Reason, TaskState


class Files(Constraint):
    """Blocks tasks that write the files of an active attempt, or those that a task between two steps keeps."""

    reasons = (Reason.WAITING_FOR_FILES,)

    def __init__(self, graph: CompiledGraph, busy: dict[int, int], keepers: Collection[int] = frozenset()) -> None:
        self._locks, self._busy, self._keepers = graph.locks, busy, keepers
        for task in keepers:
            self.take(task)

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """With Serialize."""
        if situation.spec.conflicts.on_file_overlap is not FileOverlap.SERIALIZE:
            return None
        return cls(situation.graph, situation.snapshot.usage.patterns.copy(), situation.keepers)

    def blocks(self, task: int) -> Block | None:
        """Whether one of its patterns is in use. A task that keeps its files shares them with no other."""
        busy = self._busy if task not in self._keepers else {}
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
        """The active tasks that write what it writes, and those between two steps that keep files of it."""
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
    """Each active task that writes what a task writes, with the first pattern of both for which that is so. Then those
    that keep such files between two of their steps."""
    locks = view.graph.locks
    overlapping = set(locks.touched[task])
    active = view.active(lambda i: i != task and not overlapping.isdisjoint(locks.of_task[i]), expected=1)
    kept = [i for i in view.rows if i != task and i not in active and _keeps_files(view, i)]
    for holder in (*active, *kept):
        written = set(locks.of_task[holder])
        for mine in locks.of_task[task]:
            if shared := written.intersection(locks.overlaps[mine]):
                yield holder, mine, min(shared, key=lambda pattern: (pattern != mine, pattern))
                break


def _keeps_files(view: View, task: int) -> bool:
    """Whether a task is between two of its steps, and waits for nothing for which it would release its files."""
    state, reason, record, _ = view.row(task)
    waits = state == TaskState.PENDING and reason not in FREES_FILES and reason != Reason.WAITING_FOR_FILES
    return waits and record.is_midway
